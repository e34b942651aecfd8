"""Entry point of `python3 tests/fakeaws`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    # Run as a directory, Python puts the directory itself on the path; relative imports need its parent.
    sys.path[0] = str(here.parent)
    sys.exit(importlib.import_module(f"{here.name}.cli").main())
