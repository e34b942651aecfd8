"""The plugin's binary run by hand: `sign` and `login`."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .api import Api, Json
from .places import clean_environment, plugin_binary
from .server import Server
from .signing import Key


@dataclass
class Shown:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def ok(self) -> Shown:
        """Itself, when the command succeeded."""
        assert self.code == 0, self
        return self

    def failed(self, code: int, *texts: str) -> Shown:
        """Itself, when it failed so: in sentences on standard error, and with nothing on standard output."""
        assert (self.code, self.out) == (code, ""), self
        for text in texts:
            assert text in self.err, self
        assert "panicked" not in self.err and "stack backtrace" not in self.err, self
        return self

    def json(self) -> Json:
        """Standard output as one JSON object, whose secrets are remembered."""
        found: Json = json.loads(self.out)
        Api.secrets.update(value for name in ("identity_request_url", "identity_request_headers")
                           if isinstance(value := found.get(name), str))
        if isinstance(auth := found.get("auth"), dict):
            Api.secrets.add(auth["client_token"])
        return found


class Signer:
    """Runs the binary as a workload with this environment."""

    def __init__(self, server: Server, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = {**clean_environment(), "HOME": str(home), "BAO_ADDR": server.address,
                            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", **environment}

    def run(self, *arguments: str, stdin: str = "", **environment: Any) -> Shown:
        """Runs it; a variable that is None is unset."""
        variables = {name: value for name, value in {**self.environment, **environment}.items() if value is not None}
        done = subprocess.run([plugin_binary(), *arguments], env=variables, input=stdin, text=True, timeout=60,
                              capture_output=True, check=False)
        return Shown(done.returncode, done.stdout, done.stderr)


def variables(key: Key, old: bool = True) -> dict[str, str]:
    """A key as the environment of a workload, in either family of names."""
    names = (("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_ACCESS_KEY_STS_TOKEN") if old else
             ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"))
    return {name: value for name, value in zip(names, (key.id, key.secret, key.token), strict=True) if value}
