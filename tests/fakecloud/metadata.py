"""The ECS metadata service: credentials of an instance role over plain HTTP.

The real one is at 100.100.100.200:80; a test that wants the plugin to find it there puts that
address on the loopback device of a network namespace and has this server bind it.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .clock import iso
from .offered import OfferedSession
from .state import Cloud

_BASE = "/latest/meta-data/"
_CREDENTIALS = _BASE + "ram/security-credentials/"
_TTL_HEADER = "X-aliyun-ecs-metadata-token-ttl-seconds"
_TOKEN_HEADER = "X-aliyun-ecs-metadata-token"

#: optional: with or without token; required: only with; off: the token request is refused.
MODES = ("optional", "required", "off")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class MetadataService:
    """Serves one instance's metadata; the credentials are good at the fake STS."""

    def __init__(self, cloud: Cloud, account_id: str, address: tuple[str, int],
                 role_name: str | None = "vault-ecs", mode: str = "optional") -> None:
        service = self
        self._cloud = cloud
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self._offered = OfferedSession(cloud, account_id, "i-bp1fakecloud0000001")
        self._role_name = role_name
        self._mode = "optional"
        self._status: int | None = None
        self.requests: list[dict[str, Any]] = []
        self.configure(mode=mode)

        class Handler(BaseHTTPRequestHandler):
            """Hands every request to the service."""

            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                status, text = service.answer(self.command, self.path, dict(self.headers.items()))
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = _handle

            def log_message(self, *_: Any) -> None:
                """Nothing: the output belongs to the ready line."""

        self._server = _Server(address, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,),
                                        name="fakecloud-metadata", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def configure(self, *, role_name: str | None = "", mode: str | None = None,
                  lifetime: float | None = None, status: int | None = None,
                  rotate: bool = False, invalidate: bool = False) -> None:
        """Changes what is named: the role (None for an instance without), the token mode, the
        lifetime of credentials in seconds, a status to answer everything with (0 to stop that);
        `rotate` makes new credentials at the next request, and with `invalidate` the old ones end
        at once."""
        with self._lock, self._cloud.lock:
            if role_name != "":
                self._role_name = role_name
                rotate = True
            if mode is not None:
                if mode not in MODES:
                    raise ValueError(f"mode is one of {MODES}")
                self._mode = mode
            if lifetime is not None:
                self._offered.lifetime = lifetime
                rotate = True
            if status is not None:
                self._status = status or None
            if rotate or invalidate:
                self._offered.rotate(invalidate=invalidate)

    def describe(self) -> dict[str, Any]:
        """What was asked, and the key that was offered last."""
        with self._lock:
            return {"requests": list(self.requests), "access_key_id": self._offered.key_id}

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text of one request."""
        lower = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            status, text = self._answer(method, path, lower)
            self.requests.append({"method": method, "path": path, "status": status,
                                  "time": time.time(),
                                  "token": _TOKEN_HEADER.lower() in lower})
            return status, text

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        if self._status is not None:
            return self._status, "unavailable"
        if path == "/latest/api/token":
            return self._token(method, headers)
        if method != "GET":
            return 405, "method not allowed"
        token = headers.get(_TOKEN_HEADER.lower())
        if token is None and self._mode == "required":
            return 403, "token required"
        if token is not None and self._tokens.get(token, 0) <= time.monotonic():
            return 401, "token expired"
        if path == _BASE + "region-id":
            return 200, "cn-hangzhou"
        if path == _BASE + "instance-id":
            return 200, "i-bp1fakecloud0000001"
        return self._credentials(path)

    def _token(self, method: str, headers: dict[str, str]) -> tuple[int, str]:
        if self._mode == "off" or method != "PUT":
            return 404, "not found"
        ttl = headers.get(_TTL_HEADER.lower(), "")
        if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl) <= 21600):
            return 400, "bad ttl"
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + int(ttl)
        return 200, token

    def _credentials(self, path: str) -> tuple[int, str]:
        if self._role_name is None or not path.startswith(_CREDENTIALS):
            return 404, "not found"
        if path == _CREDENTIALS:
            return 200, self._role_name
        if path != _CREDENTIALS + self._role_name:
            return 404, "not found"
        with self._cloud.lock:
            session = self._offered.current(self._role_name)
        return 200, json.dumps({
            "AccessKeyId": session.key_id, "AccessKeySecret": session.secret,
            "Expiration": iso(session.expires), "SecurityToken": session.token,
            "LastUpdated": iso(session.created), "Code": "Success"})
