"""What happened on the network: every CONNECT and every request."""

from __future__ import annotations

import collections
import itertools
import threading
import time
from typing import Any
from collections.abc import Callable

from .front import ApiCall

#: Older entries are dropped, so that a long load test does not eat the machine.
_KEPT = 200_000

Entry = dict[str, Any]


class Recorder:
    """Journals of connections and calls, with numbers that only grow."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._connections: collections.deque[Entry] = collections.deque(maxlen=_KEPT)
        self._calls: collections.deque[Entry] = collections.deque(maxlen=_KEPT)
        self._next_connection = 1
        self._next_call = 1
        self._in_flight = 0
        self._peak_in_flight = 0
        self._open = 0
        self._peak_open = 0

    def connection(self, host: str, port: int, refusal: str | None) -> Entry:
        """A CONNECT, refused when there is a `refusal`."""
        with self._changed:
            entry = {"id": self._next_connection, "host": host, "port": port,
                     "time": time.time(), "accepted": refusal is None, "refusal": refusal,
                     "tls": None, "calls": 0, "closed": None}
            self._next_connection += 1
            self._connections.append(entry)
            if refusal is None:
                self._open += 1
                self._peak_open = max(self._peak_open, self._open)
            self._changed.notify_all()
            return entry

    def update(self, entry: Entry, **values: Any) -> None:
        """Adds what became known about a connection or a call."""
        with self._changed:
            entry.update(values)
            self._changed.notify_all()

    def disconnected(self, entry: Entry) -> None:
        """The connection is over."""
        with self._changed:
            entry["closed"] = time.time()
            self._open -= 1
            self._changed.notify_all()

    def begin(self, connection: Entry, request: ApiCall) -> Entry:
        """A request has been read."""
        with self._changed:
            entry = {"id": self._next_call, "connection": connection["id"], "host": request.host,
                     "method": request.http.method, "target": request.http.target,
                     "headers": request.http.headers, "action": request.action,
                     "version": request.version, "style": request.style,
                     "access_key_id": request.access_key_id, "params": request.params,
                     "started": time.time(), "ended": None, "status": None, "code": None,
                     "request_id": None, "fault": None, "executed": False, "held": False}
            self._next_call += 1
            connection["calls"] += 1
            self._calls.append(entry)
            self._in_flight += 1
            self._peak_in_flight = max(self._peak_in_flight, self._in_flight)
            self._changed.notify_all()
            return entry

    def end(self, entry: Entry) -> None:
        """The request has been answered or dropped."""
        with self._changed:
            entry["ended"] = time.time()
            self._in_flight -= 1
            self._changed.notify_all()

    def calls(self, since: int = 0, action: str | None = None) -> list[Entry]:
        """Copies of the calls numbered above `since`."""
        with self._changed:
            return [dict(entry) for entry in _after(self._calls, since)
                    if action in (None, entry["action"])]

    def connections(self, since: int = 0) -> list[Entry]:
        """Copies of the connections numbered above `since`."""
        with self._changed:
            return [dict(entry) for entry in _after(self._connections, since)]

    def summary(self) -> Entry:
        """Counters since the last `clear`."""
        with self._changed:
            return self._summary()

    def _summary(self) -> Entry:
        return {"calls": len(self._calls), "connections": len(self._connections),
                "in_flight": self._in_flight, "peak_in_flight": self._peak_in_flight,
                "open_connections": self._open, "peak_open_connections": self._peak_open,
                "last_call": self._next_call - 1, "last_connection": self._next_connection - 1}

    def wait(self, until: Callable[[list[Entry], Entry], bool], since: int,
             timeout: float) -> bool:
        """Blocks until `until(calls after since, summary)` holds; False when it did not in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: until(_after(self._calls, since), self._summary()), timeout)

    def clear(self) -> None:
        """Forgets finished history; numbers go on, calls in flight still end properly."""
        with self._changed:
            self._calls.clear()
            self._connections.clear()
            self._peak_in_flight = self._in_flight
            self._peak_open = self._open


def _after(journal: collections.deque[Entry], since: int) -> list[Entry]:
    """The entries numbered above `since`, from the end: a long past costs nothing."""
    newest = itertools.takewhile(lambda entry: bool(entry["id"] > since), reversed(journal))
    return list(newest)[::-1]
