"""The plugin that the tests and the scripts run: the release build, which is what ships, or what PLUGIN_BINARY names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .venv import ROOT

COMMAND = ["cargo", "build", "--release", "--locked"]


def build() -> Path:
    """Builds it, unless PLUGIN_BINARY names one; where it is."""
    if not os.environ.get("PLUGIN_BINARY"):
        print("$", *COMMAND, flush=True)
        subprocess.run(COMMAND, cwd=ROOT, check=True)
    from harness.places import plugin_binary

    return plugin_binary()
