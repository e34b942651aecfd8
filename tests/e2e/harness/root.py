"""Root file systems of one's own, in which a program finds nothing but what a test puts there (Linux, as root)."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from .cloud import Cloud
from .places import PLUGIN, openbao
from .server import Server


def is_static(binary: Path) -> bool:
    """Whether an ELF file asks for no loader: it has no program header PT_INTERP (elf(5), 64 bits)."""
    content = binary.read_bytes()
    offset, = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    return all(struct.unpack_from("<I", content, offset + size * number) != (3,) for number in range(count))


class Root:
    """A root file system with the plugin in it."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir()
        shutil.copy2(binary, self.folder / PLUGIN)

    def put(self, path: str, content: str) -> None:
        """A file in it."""
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the plugin in it, with this environment and no other."""
        return subprocess.run([f"/{PLUGIN}", *arguments], env=environment, text=True, capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False, preexec_fn=lambda: _enter(self.folder))


def _enter(folder: Path) -> None:
    os.chroot(folder)
    os.chdir("/")


def need_root(request: str) -> None:
    """Leaves a test out where it may not change its root; in CI that is a failure."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip(f"{request} takes root")


class RootServer(Server):
    """A server that has the same root as the plugin. Both find the CA certificates where a distribution keeps them."""

    def __init__(self, root: Root, cloud: Cloud, certificates: str) -> None:
        self._root = root
        root.put(certificates, Path(cloud.ca_file).read_text("utf-8"))
        for folder in ("tmp", "server"):
            (root.folder / folder).mkdir()
        shutil.copy2(openbao(), root.folder / "bao")
        start = root.folder.with_name("start-in-root")
        start.write_text(f'#!/bin/sh\nexec chroot "{root.folder}" /bao "$@"\n', "utf-8")
        start.chmod(0o755)
        super().__init__(str(start), root.folder / "server", root.folder / PLUGIN, {"HTTPS_PROXY": cloud.proxy})

    def arguments(self) -> list[str]:
        """With the paths as they are inside."""
        config = self.folder / "server.json"
        config.write_text(json.dumps(self.configuration()).replace(str(self._root.folder), ""), "utf-8")
        return ["server", "-config=/server/server.json"]
