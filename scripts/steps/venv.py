"""The Python environment in `target/venv`: made on first use, kept until a requirements file changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "venv"
_PYTHON = VENV / "bin" / "python3"

SERVER = (ROOT / "tests/e2e/requirements-server.txt",)
AWS = ROOT / "tests/fakeaws/requirements.txt"
TESTS = (ROOT / "tests/e2e/requirements.txt", ROOT / "tests/fakecloud/requirements-sdk.txt", AWS)


def enter(requirements: tuple[Path, ...]) -> None:
    """Goes on with this script inside the environment, with these requirements installed."""
    install(requirements)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(_PYTHON, [str(_PYTHON), *sys.argv])
    # The packages of the tests, which nothing installs.
    sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests")]


def install(requirements: tuple[Path, ...]) -> Path:
    """Makes the environment, with these requirements; its Python."""
    if sys.version_info < (3, 10):
        sys.exit("this script needs Python 3.10 or newer")
    included = [*requirements, *SERVER, ROOT / "tests/fakecloud/requirements.txt"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in included)).hexdigest()
    mark = VENV / f"installed-{'-'.join(path.stem for path in requirements)}"
    if mark.is_file() and mark.read_text() == digest:
        return _PYTHON.absolute()
    print(f"# Python packages for {', '.join(str(p.relative_to(ROOT)) for p in requirements)} "
          f"go into {os.path.relpath(VENV)}", flush=True)
    if not _PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    files = [part for path in requirements for part in ("-r", str(path))]
    subprocess.run([str(_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *files],
                   check=True)
    mark.write_text(digest)
    return _PYTHON.absolute()
