"""What other users of the machine find of a running plugin: nothing to connect to, and no file."""

from __future__ import annotations

import os
from pathlib import Path

from harness.engine import Engine
from harness.method import AuthMethod
from harness.places import PLUGIN
from harness.server import Server

#: In the tables of `/proc/<pid>/net`: what listens.
_LISTENS_UNIX, _LISTENS_TCP = 0x10000, "0A"


def _descriptors(pid: int) -> set[str]:
    """What the open descriptors stand for."""
    return {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def _rows(pid: int, table: str) -> list[list[str]]:
    """The machine's sockets of one sort."""
    return [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]


def test_a_plugin_is_reached_by_its_user_alone_and_keeps_no_file(engine: Engine, method: AuthMethod,
                                                                server: Server) -> None:
    engine.creds(engine.full_role()).ok()
    method.bound()
    method.login().ok()
    for file in (PLUGIN, f"{PLUGIN}-auth"):
        [pid] = server.plugin_processes(file)
        held = _descriptors(pid)
        [path] = [row[7] for row in _rows(pid, "unix")
                  if int(row[3], 16) & _LISTENS_UNIX and f"socket:[{row[6]}]" in held]
        assert os.stat(path).st_mode & 0o077 == 0, path
        assert not [row for table in ("tcp", "tcp6") for row in _rows(pid, table)
                    if row[3] == _LISTENS_TCP and f"socket:[{row[9]}]" in held]
        assert not {name for name in held if name.startswith("/") and not name.startswith("/dev/")}
