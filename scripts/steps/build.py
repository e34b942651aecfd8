"""The plugin that the scripts run: the release build, or what PLUGIN_BINARY names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .venv import ROOT


def build() -> Path:
    """Builds it, if it is to be built; where it is."""
    if named := os.environ.get("PLUGIN_BINARY"):
        return Path(named).resolve()
    print("$ cargo build --release", flush=True)
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    from harness.places import PLUGIN, target

    return target().resolve() / "release" / PLUGIN
