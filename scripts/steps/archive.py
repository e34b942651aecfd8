"""Archives whose bytes depend on nothing but their content: sorted names, root as the owner, one time for all."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Entry:
    """A file of an archive."""

    name: str
    content: bytes
    mode: int = 0o644


def of_file(name: str, path: Path, mode: int = 0o644) -> Entry:
    """A file of this machine, under another name."""
    return Entry(name, path.read_bytes(), mode)


def tar(entries: list[Entry], epoch: int) -> bytes:
    """The files, and the folders above them."""
    buffer = io.BytesIO()
    folders = {str(folder) for entry in entries for folder in PurePosixPath(entry.name).parents} - {"."}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for folder in sorted(folders):
            archive.addfile(_about(folder, 0o755, epoch, tarfile.DIRTYPE))
        for entry in sorted(entries, key=lambda entry: entry.name):
            about = _about(entry.name, entry.mode, epoch, tarfile.REGTYPE)
            about.size = len(entry.content)
            archive.addfile(about, io.BytesIO(entry.content))
    return buffer.getvalue()


def compressed(content: bytes) -> bytes:
    """Without the time that gzip would note."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def _about(name: str, mode: int, epoch: int, kind: bytes) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.mode, about.mtime, about.type = mode, epoch, kind
    about.uname = about.gname = "root"
    return about
