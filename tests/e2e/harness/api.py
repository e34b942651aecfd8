"""The server's HTTP API."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

Json = dict[str, Any]


@dataclass
class Answer:
    """One answer of the server."""

    status: int
    body: Json = field(default_factory=dict)
    location: str = ""

    @property
    def data(self) -> Json:
        """The `data` member; an answer without one is an error of the test."""
        data = self.body.get("data")
        assert isinstance(data, dict), self
        return data

    @property
    def lease_id(self) -> str:
        """The lease that came with it."""
        lease_id = self.body.get("lease_id")
        assert isinstance(lease_id, str) and lease_id, self
        return lease_id

    @property
    def warnings(self) -> list[str]:
        """Warnings, none when there is no such member."""
        return self.body.get("warnings") or []

    @property
    def error(self) -> str:
        """All error texts in one."""
        return "\n".join(self.body.get("errors") or [])

    def ok(self) -> Answer:
        """Itself, when it is a success."""
        assert self.status < 300, f"{self.status}: {self.error or self.body}"
        return self

    def refused(self, status: int, *texts: str) -> Answer:
        """Itself, when it is this refusal and its text has all of `texts`."""
        assert self.status == status, f"wanted {status}, got {self.status}: {self.error or self.body}"
        for text in texts:
            assert text in self.error, f"{text!r} is not in {self.error!r}"
        return self


class Pending:
    """A request whose answer nobody has read yet."""

    def __init__(self, connection: http.client.HTTPConnection, remember: Callable[[Answer], None]) -> None:
        self._connection = connection
        self._remember = remember

    def answer(self) -> Answer:
        """Waits for the answer."""
        try:
            response = self._connection.getresponse()
            content = response.read()
        finally:
            self._connection.close()
        answer = Answer(response.status, json.loads(content) if content.strip() else {},
                        response.getheader("Location", ""))
        self._remember(answer)
        return answer

    def leave(self) -> None:
        """Goes away without the answer."""
        self._connection.close()


class Api:
    """Speaks to one server with one token. Usable from any thread: each call has its own connection."""

    #: Secret keys and tokens of every answer so far, and what was signed, in the whole process: no log may have them.
    secrets: set[str] = set()

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self.token = token

    def as_token(self, token: str) -> Api:
        """The same server with another token."""
        return Api(self.address, token)

    def call(self, method: str, path: str, body: Any = None, *, timeout: float = 120,
             headers: dict[str, str] | None = None) -> Answer:
        """One request, below `/v1/`. A body may be JSON-able or text that is sent as it is."""
        answer = self.send(method, path, body, timeout=timeout, headers=headers).answer()
        if answer.status == 307:
            # A standby without a line to the leader sends clients there. The products' own follow once, and so do we.
            leader = urlsplit(answer.location)
            there = type(self)(f"{leader.scheme}://{leader.netloc}", self.token)
            answer = there.send(method, path, body, timeout=timeout, headers=headers).answer()
        return answer

    def send(self, method: str, path: str, body: Any = None, *, timeout: float = 120,
             headers: dict[str, str] | None = None) -> Pending:
        """As `call`, without waiting for the answer."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=timeout)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        path, _, query = path.partition("?")
        target = f"/v1/{quote(path)}" + (f"?{query}" if query else "")
        try:
            connection.request(method, target, None if text is None else text.encode(),
                               {"X-Vault-Token": self.token, "X-Vault-Request": "true",
                                **(headers or {})})
        except OSError:
            connection.close()
            raise
        return Pending(connection, self._remember)

    def read(self, path: str) -> Answer:
        """GET."""
        return self.call("GET", path)

    def write(self, path: str, **fields: Any) -> Answer:
        """PUT with a JSON object."""
        return self.call("PUT", path, fields)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.call("DELETE", path)

    def list(self, path: str) -> Answer:
        """LIST."""
        return self.call("LIST", path)

    def _remember(self, answer: Answer) -> None:
        data = answer.body.get("data")
        if isinstance(data, dict):
            self.secrets.update(data[name] for name in ("secret_key", "security_token", "service_credential_secret")
                                if isinstance(data.get(name), str))
        auth = answer.body.get("auth")
        if isinstance(auth, dict) and auth.get("client_token"):
            self.secrets.add(auth["client_token"])
