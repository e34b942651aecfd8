"""As much HTTP/1.1 as the clients of these services speak."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from http import HTTPStatus

_MAX_HEAD = 256 * 1024
_MAX_BODY = 8 * 1024 * 1024


class BadRequest(Exception):
    """The bytes are not an HTTP/1.1 request."""


@dataclass
class Request:
    """One request; header names keep their case, repeated headers stay apart."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    #: The address it came from.
    client: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header, by any case."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to go on."""
        return (self.header("Connection") or "").lower() != "close"


@dataclass
class Response:
    """One answer, encoded into a single buffer so that it leaves in a single send."""

    status: int
    body: bytes = b""
    content_type: str = "application/json;charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    close: bool = False
    #: Announced instead of the real length, by faults that lie.
    declared_length: int | None = None

    def head(self) -> bytes:
        """Status line and headers."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        length = len(self.body) if self.declared_length is None else self.declared_length
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        lines.append(f"Content-Length: {length}")
        lines.append(f"Connection: {'close' if self.close else 'keep-alive'}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def encode(self) -> bytes:
        """Everything."""
        return self.head() + self.body


class Reader:
    """Reads requests off a socket, keeping what was received too early."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    @property
    def leftover(self) -> bytes:
        """Bytes received but not consumed."""
        return self._buffer

    def request(self) -> Request | None:
        """The next request; None when the peer closed between requests."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequest("malformed request line")
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise BadRequest("malformed header")
            headers.append((name, value.strip(" \t")))
        request = Request(parts[0], parts[1], headers)
        request.body = self._body(request)
        return request

    def _body(self, request: Request) -> bytes:
        lengths = {value for name, value in request.headers if name.lower() == "content-length"}
        chunked = request.header("Transfer-Encoding")
        if chunked is not None:
            if lengths or chunked.lower() != "chunked":
                raise BadRequest("ambiguous body length")
        elif len(lengths) > 1:
            raise BadRequest("ambiguous body length")
        if (request.header("Expect") or "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if chunked is not None:
            return self._chunks()
        text = next(iter(lengths), "0")
        if not (text.isascii() and text.isdigit()) or int(text) > _MAX_BODY:
            raise BadRequest("bad Content-Length")
        return self._exactly(int(text))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self._until(b"\r\n")
            if line is None:
                raise BadRequest("body cut short")
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise BadRequest("bad chunk") from None
            if size < 0 or len(body) + size > _MAX_BODY:
                raise BadRequest("body too large")
            if size == 0:
                while self._until(b"\r\n"):
                    pass  # trailers
                return body
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise BadRequest("bad chunk")

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if len(self._buffer) > _MAX_HEAD:
                raise BadRequest("head too large")
            if not self._fill():
                if self._buffer:
                    raise BadRequest("head cut short")
                return None
        found, self._buffer = self._buffer.split(mark, 1)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise BadRequest("body cut short")
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _fill(self) -> bool:
        data = self._sock.recv(65536)
        self._buffer += data
        return bool(data)
