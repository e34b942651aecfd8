"""Faults that tests inject: which calls they hit and what happens then.

A fault is described by a JSON object (see `Fault`); it matches calls by action, host and parameters
and fires from its `nth` match on, `count` times. Requests must carry a good signature before a
fault hits them, unless it says `before_auth`: a wrong signature would otherwise go unnoticed.

`hang` never answers. `hold` stops a call before it is carried out, or after (`execute`) with the
answer withheld, and lets it go on when it is released. A call whose client goes away before that is
dropped as it stands.
"""

from __future__ import annotations

import fnmatch
import itertools
import select
import socket
import threading
import time
from dataclasses import dataclass, field, fields
from typing import Any
from collections.abc import Mapping, Sequence

KINDS = ("throttle", "error", "http", "delay", "slow_body", "cut_before", "cut_after", "hang",
         "hold")


@dataclass
class Fault:
    """One injected fault. The comments name the kinds that use a field."""

    kind: str
    action: str = "*"
    host: str = "*"
    #: Parameters that must have exactly these values.
    params: Mapping[str, str] = field(default_factory=dict)
    #: A pattern that the value of some parameter must match, whatever the parameter is called, or the name of a user whose
    #: id it is.
    about: str = "*"
    access_key_id: str | None = None
    #: Fires from this match on, counted from 1.
    nth: int = 1
    #: How many times; None: until it is removed.
    count: int | None = 1
    before_auth: bool = False
    #: Any kind: seconds to wait before anything else.
    seconds: float = 0.0
    #: throttle, error, http.
    status: int | None = None
    #: throttle, error.
    code: str | None = None
    message: str | None = None
    #: throttle, error: header x-acs-retry-after.
    retry_after_ms: int | None = None
    #: throttle, error, http: carry the operation out all the same. hold: carry it out before the
    #: waiting, not after it.
    execute: bool = False
    #: http.
    content_type: str = "text/html"
    body: str = ""
    body_mib: float = 0
    declared_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: slow_body: bytes at a time, and seconds between.
    chunk: int = 1
    interval: float = 0.05

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}")
        if self.nth < 1:
            raise ValueError("nth counts from 1")
        self.id = 0
        self.matched = 0
        self.firings: list[dict[str, Any]] = []
        # A byte in here wakes everybody who waits for this fault, and stays for latecomers.
        self._wake, self._waker = socket.socketpair()

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> Fault:
        """Refuses unknown members: a misspelt one would silently match everything."""
        known = {f.name for f in fields(cls)}
        if unknown := set(description) - known:
            raise ValueError(f"unknown fault fields {sorted(unknown)}")
        return cls(**description)

    def matches(self, host: str, action: str | None, params: Mapping[str, str],
                access_key_id: str | None, subjects: Sequence[str]) -> bool:
        """Whether a call is of the sort this fault is about."""
        return (fnmatch.fnmatchcase(action or "", self.action)
                and fnmatch.fnmatchcase(host, self.host)
                and (self.access_key_id is None or self.access_key_id == access_key_id)
                and all(params.get(name) == value for name, value in self.params.items())
                and (self.about == "*" or any(fnmatch.fnmatchcase(subject, self.about)
                                              for subject in subjects)))

    @property
    def spent(self) -> bool:
        """Whether it will never fire again."""
        return self.count is not None and len(self.firings) >= self.count

    def release(self) -> None:
        """Ends all waiting for this fault, now and later."""
        self._waker.send(b"x")

    def pause(self, seconds: float) -> None:
        """Waits, or until released. Clients that go away do not end it: a slow service goes on
        working too."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        poller.poll(seconds * 1000)

    def hang(self, sock: socket.socket) -> bool:
        """Waits until released, or until the client is gone; whether it was released."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        poller.register(sock, select.POLLIN | select.POLLHUP)
        patience = sock.gettimeout()
        sock.settimeout(1.0)
        while True:
            ready = dict(poller.poll())
            if self._wake.fileno() in ready:
                # What comes next may take as long as ever.
                sock.settimeout(patience)
                return True
            try:
                if not sock.recv(4096):
                    return False
            except TimeoutError:
                continue  # a TLS record without data for us
            except OSError:
                return False

    def describe(self) -> dict[str, Any]:
        """The fault and what became of it, for the control API."""
        described = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"id": self.id, **described, "matched": self.matched, "firings": self.firings,
                "spent": self.spent}


class FaultBook:
    """All faults in the order in which they were injected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, fault: Fault) -> int:
        """Injects a fault and names it."""
        with self._lock:
            fault.id = next(self._ids)
            self._faults.append(fault)
            return fault.id

    def remove(self, fault_id: int | None = None) -> int:
        """Removes one or all faults, letting go whatever waits for them."""
        with self._lock:
            gone = [f for f in self._faults if fault_id in (None, f.id)]
            self._faults = [f for f in self._faults if f not in gone]
        for fault in gone:
            fault.release()
        return len(gone)

    def take(self, call_id: int, host: str, action: str | None, params: Mapping[str, str],
             access_key_id: str | None, subjects: Sequence[str], *, before_auth: bool) -> Fault | None:
        """The fault that hits this call. Every matching fault counts it, the first one fires."""
        chosen: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if fault.before_auth != before_auth or not fault.matches(host, action, params, access_key_id,
                                                                         subjects):
                    continue
                fault.matched += 1
                if chosen is None and fault.matched >= fault.nth and not fault.spent:
                    fault.firings.append({"call": call_id, "time": time.time()})
                    chosen = fault
        return chosen

    def describe(self) -> list[dict[str, Any]]:
        """Every fault with its firings."""
        with self._lock:
            return [fault.describe() for fault in self._faults]
