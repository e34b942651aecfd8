"""What a cloud is to the network side: its hosts, and how it reads, answers and refuses requests."""

from __future__ import annotations

import collections
import time
from collections.abc import Mapping
from typing import Any, Protocol

from .errors import ApiError
from .http1 import Request, Response


class ApiCall(Protocol):
    """A request, as far as it could be understood."""

    http: Request
    host: str
    params: dict[str, str]
    action: str | None
    version: str | None
    style: Any

    @property
    def access_key_id(self) -> str | None:
        """The key the request names, verified or not."""

    def understand(self) -> None:
        """Reads it; raises the service's error."""


class Front(Protocol):
    """One cloud."""

    #: The code of its throttling.
    throttled: str

    def serves(self, host: str) -> bool:
        """Whether it has this host."""

    def request(self, http: Request, host: str) -> Any:
        """A request that is not yet understood."""

    def authenticate(self, request: Any) -> Any:
        """Who signed it; raises the service's error."""

    def execute(self, request: Any, identity: Any) -> Any:
        """Carries it out; raises the service's error."""

    def subjects(self, request: Any) -> list[str]:
        """What it may be about: the values of its parameters, and what those stand for."""

    def new_request_id(self) -> str:
        """An id for one request."""

    def success(self, request: Any, request_id: str, answer: Any) -> Response:
        """The answer to what was carried out."""

    def failure(self, request: Any, request_id: str, error: ApiError) -> Response:
        """The answer to what was refused."""


class RateLimit:
    """How many calls of each action an account may make in a second."""

    def __init__(self, code: str) -> None:
        self._code = code
        #: Monotonic times of the last second's calls, by account and action.
        self._recent: dict[tuple[str, str], collections.deque[float]] = {}

    def check(self, rates: Mapping[str, float], account: str, action: str) -> None:
        """Counts a call, or refuses it."""
        limit = rates.get(action, rates.get("*"))
        if limit is None:
            return
        recent = self._recent.setdefault((account, action), collections.deque())
        now = time.monotonic()
        while recent and now - recent[0] >= 1.0:
            recent.popleft()
        if len(recent) >= limit:
            raise ApiError(self._code)
        recent.append(now)
