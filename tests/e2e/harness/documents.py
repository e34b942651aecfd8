"""The shell commands of a Markdown document, and a shell that runs them as a reader would."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .places import ROOT, clean_environment
from .server import Server, command_environment

#: Before a block that the tests do not run; the reason follows.
_NOT_RUN = "<!-- not run by the tests: "

_ASSIGNMENT = re.compile(r"([A-Z_]+)=")


@dataclass(frozen=True)
class Block:
    """One fenced block of shell commands."""

    section: str
    text: str


def blocks(document: str) -> list[Block]:
    """The blocks of a document that are to be run, in order."""
    found: list[Block] = []
    section, block, before = "", None, ""
    for line in (ROOT / "docs" / document).read_text("utf-8").splitlines():
        if block is not None:
            if line == "```":
                if not before.startswith(_NOT_RUN):
                    found.append(Block(section, "\n".join(block)))
                block, before = None, ""
            else:
                block.append(line)
        elif line == "```shell":
            block = []
        elif line.startswith("```"):
            # A block of another language: its lines are neither headings nor commands.
            block, before = [], _NOT_RUN
        elif line.startswith("#"):
            section, before = line.lstrip("# "), line
        else:
            before = line
    assert block is None, f"{document}: a block is not closed"
    return found


class Reader:
    """Somebody who types what a document says into one shell, with values of their own for its placeholders."""

    def __init__(self, server: Server, document: str, **placeholders: str | Path) -> None:
        self._server = server
        self._blocks = blocks(document)
        self._placeholders = {name: shlex.quote(str(value)) for name, value in placeholders.items()}
        self._environment = {**clean_environment(), "HOME": str(server.folder), "NO_COLOR": "1",
                             **command_environment(server)}
        self._variables = server.folder / f"{document}.variables"
        self._variables.touch()

    def sections(self) -> set[str]:
        """The sections that have commands."""
        return {block.section for block in self._blocks}

    def follow(self, section: str) -> str:
        """Runs the commands of a section; what they print. Variables stay for the next one."""
        chosen = [block for block in self._blocks if block.section == section]
        assert chosen, f"there are no commands in {section!r}"
        return "".join(self._run(block.text) for block in chosen)

    def _run(self, text: str) -> str:
        commands = "\n".join(self._with_own_value(line) for line in text.splitlines())
        script = f'set -eua\n. {shlex.quote(str(self._variables))}\n{commands}\nexport -p > {self._variables}\n'
        done = subprocess.run(["bash", "-c", script], env=self._environment, cwd=self._server.folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120, check=False)
        assert done.returncode == 0, f"$ {commands}\n{done.stdout}"
        return done.stdout

    def _with_own_value(self, line: str) -> str:
        """An assignment of a placeholder with the value that it has here."""
        assigned = _ASSIGNMENT.match(line)
        if assigned and assigned[1] in self._placeholders:
            return f"{assigned[1]}={self._placeholders[assigned[1]]}"
        return line
