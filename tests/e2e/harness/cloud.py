"""The fake cloud as a process of its own, so that it shares no interpreter with the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from fakecloud import Control

from .places import FAKE_CLOUD, clean_environment


class Cloud:
    """A running fake; `control` reaches everything behind the API's back."""

    def __init__(self, folder: Path, seed: dict[str, object] | None = None, metadata: str | None = None,
                 program: Path = FAKE_CLOUD) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [sys.executable, str(program), "--dir", str(folder), "--exit-with-stdin"]
        if seed is not None:
            seed_file = folder / "seed.json"
            seed_file.write_text(json.dumps(seed), "utf-8")
            arguments += ["--seed-file", str(seed_file)]
        if metadata is not None:
            arguments += ["--metadata", metadata]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, env=clean_environment())
        info = json.loads(_pipe(self._process.stdout).readline() or "{}")
        if not info:
            raise RuntimeError("the fake cloud did not start")
        self.info: dict[str, Any] = info
        self.proxy: str = info["proxy"]
        self.ca_file: str = info["ca_file"]
        self.account_id: str = info["account_id"]
        self.access_key: str = info["access_key_id"]
        self.secret_key: str = info["access_key_secret"]
        self.control_url: str = info["control"]
        self.control = Control(self.control_url)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program believe that this is Alibaba Cloud."""
        return {"HTTPS_PROXY": self.proxy, "SSL_CERT_FILE": self.ca_file}

    def arn(self, role: str) -> str:
        """The ARN of a RAM role of the preset account."""
        return f"acs:ram::{self.account_id}:role/{role}"

    def close(self) -> None:
        """Ends it."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
