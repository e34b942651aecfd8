"""The fake's own clock: real time plus an offset that tests may move."""

from __future__ import annotations

import time
from datetime import datetime, timezone

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Clock:
    """Wall-clock seconds since the epoch, shifted by `offset` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch as the cloud sees them."""
        return time.time() + self.offset


def iso(seconds: float) -> str:
    """`2024-02-29T23:59:59Z`, the only date form of these services."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime(_FORMAT)


def parse_iso(text: str) -> float | None:
    """The inverse of `iso`; None when `text` is not exactly in that form."""
    try:
        parsed = datetime.strptime(text, _FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    # strptime tolerates missing zeros; the service does not.
    return parsed.timestamp() if iso(parsed.timestamp()) == text else None
