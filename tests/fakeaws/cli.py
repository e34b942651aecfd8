"""The command: runs IAM until standard input ends."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .fake import FakeAws


def main(argv: list[str] | None = None) -> int:
    """Prints one JSON line when ready, then serves until the end of standard input."""
    parser = argparse.ArgumentParser(prog="fakeaws", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem is written")
    parser.add_argument("--exit-with-stdin", action="store_true", help="always so")
    folder = parser.parse_args(argv).dir
    fake = FakeAws(folder)
    fake.start()
    print(json.dumps(fake.info()), flush=True)
    sys.stdin.read()
    fake.close()
    return 0
