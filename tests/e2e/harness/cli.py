"""The product's own command line, as a user types it."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass

from .places import clean_environment
from .server import Server, command_environment


@dataclass
class Output:
    """What a command printed."""

    command: str
    code: int
    text: str

    def ok(self) -> Output:
        """Itself, when the command succeeded."""
        assert self.code == 0, f"$ {self.command}\n{self.text}"
        return self

    def fields(self) -> dict[str, str]:
        """The rows of a `Key  Value` table."""
        rows = (line.split(None, 1) for line in self.text.splitlines())
        return {row[0]: row[1].strip() for row in rows if len(row) == 2 and row[0] not in ("Key", "---")}


class Cli:
    """Runs commands against one server."""

    def __init__(self, server: Server) -> None:
        self.name = os.path.basename(server.program)
        self._server = server

    def run(self, command: str, stdin: str | None = None) -> Output:
        """Runs a line such as `read alicloud/config`, split the way a shell does."""
        environment = {**clean_environment(), "HOME": str(self._server.folder), "NO_COLOR": "1",
                       **command_environment(self._server)}
        # Both streams in one, as a terminal shows them.
        done = subprocess.run([self._server.program, *shlex.split(command)], env=environment, text=True,
                              input=stdin or "", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120, check=False)
        return Output(f"{self.name} {command}", done.returncode, done.stdout)
