"""The command: runs a fake until it is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from .fake import FakeCloud
from .metadata import MODES


def main(argv: list[str] | None = None) -> int:
    """Prints one JSON line when ready, then serves until SIGTERM, SIGINT or the end of stdin."""
    parser = argparse.ArgumentParser(prog="fakecloud", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem is written")
    parser.add_argument("--seed-file", type=Path,
                        help="JSON object: control paths to lists of their bodies")
    parser.add_argument("--exit-with-stdin", action="store_true",
                        help="stop when standard input ends, so that no orphan stays behind")
    parser.add_argument("--metadata", metavar="ADDR:PORT", type=_address,
                        help="also serve ECS metadata there")
    parser.add_argument("--metadata-mode", choices=MODES, default="optional")
    args = parser.parse_args(argv)
    seed = json.loads(args.seed_file.read_text("utf-8")) if args.seed_file else None

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if args.exit_with_stdin:
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
    with FakeCloud(args.dir, seed, args.metadata, args.metadata_mode) as fake:
        print(json.dumps(fake.info()), flush=True)
        stop.wait()
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _watch_stdin(stop: threading.Event) -> None:
    # Straight from the descriptor: a buffered reader would be locked during interpreter exit.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
