"""What the scripts share. Standard library only, up to the point where the virtual environment exists."""

from __future__ import annotations

import signal


def end_by_signals() -> None:
    """Makes a plain `kill` clean up as Ctrl-C does, and Ctrl-C wherever this was started from."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
