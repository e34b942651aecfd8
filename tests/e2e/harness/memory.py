"""The memory of a process, searched for secrets (Linux, as root)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from .waiting import until

#: A piece of a secret is a secret too: what is left of one is found when the rest has been overwritten.
_PIECE = 12
_RUN = re.compile(rb"[A-Za-z0-9]{%d,}" % _PIECE)


def _writable(pid: int) -> Iterator[tuple[str, bytes]]:
    """What a process can write to, region by region: heaps, stacks, data of libraries."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, permissions, _, _, _, *name = line.split(maxsplit=5)
            if not permissions.startswith("rw"):
                continue
            start, end = (int(bound, 16) for bound in span.split("-"))
            try:
                memory.seek(start)
                yield " ".join([span, *name]), memory.read(end - start)
            except OSError:
                continue  # given back while we looked


def need_memory(pid: int) -> None:
    """Skips a test where this memory may not be read, which CI must be able to."""
    try:
        next(_writable(pid))
    except PermissionError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"only root reads the memory of an undumpable process: {error}")


def pieces(secret: str) -> list[bytes]:
    """A secret cut up, without the characters that URLs and JSON write differently."""
    return [run[at:at + _PIECE] for run in _RUN.findall(secret.encode())
            for at in range(0, len(run) - _PIECE + 1, _PIECE)]


def remains(pid: int, secrets: Iterable[str]) -> dict[str, str]:
    """Which secrets are in memory, whole or in part, each with a place and what is around it."""
    wanted = {piece: secret for secret in secrets for piece in pieces(secret)}
    found: dict[str, str] = {}
    for region, content in _writable(pid):
        # Few bytes of a memory are text, so this leaves little to search.
        runs = b"\n".join(_RUN.findall(content))
        for piece, secret in wanted.items():
            if piece in runs:
                at = content.index(piece)
                found[secret] = f"{region} at {at:#x}: {content[max(0, at - 60):at + 80]!r}"
    return found


def assert_wiped(pid: int, secrets: Iterable[str], exchange: Callable[[], object]) -> None:
    """None of the secrets is in memory after a further `exchange`, or after some."""
    secrets = set(secrets)
    found: dict[str, str] = {}

    def clean() -> bool:
        exchange()
        found.clear()
        found.update(remains(pid, secrets))
        return not found

    try:
        until(clean, "the secrets are gone from memory", timeout=20)
    except TimeoutError as error:
        raise AssertionError("\n".join([f"{len(found)} of {len(secrets)} secrets are in memory:",
                                        *found.values()])) from error
