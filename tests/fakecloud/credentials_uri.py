"""A credentials URI: a service on loopback that gives a role's credentials to whoever asks."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .clock import iso
from .offered import OfferedSession
from .state import Cloud

_PATH = "/credentials"


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class CredentialsUri:
    """Answers 404 until it has a role; the credentials are good at the fake STS."""

    def __init__(self, cloud: Cloud, account_id: str) -> None:
        service = self
        self._cloud = cloud
        self._account_id = account_id
        self._lock = threading.Lock()
        self.reset()

        class Handler(BaseHTTPRequestHandler):
            """Hands every request to the service."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """One question."""
                status, text = service.answer(self.path)
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Nothing: the output belongs to the ready line."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,),
                                        name="fakecloud-credentials-uri", daemon=True)

    @property
    def url(self) -> str:
        """What ALIBABA_CLOUD_CREDENTIALS_URI is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        """As at the start."""
        with self._lock:
            self._offered = OfferedSession(self._cloud, self._account_id, "credentials-uri")
            self._role_name: str | None = None
            self._status: int | None = None
            self._asked = 0

    def configure(self, *, role_name: str | None = "", lifetime: float | None = None,
                  status: int | None = None, rotate: bool = False, invalidate: bool = False) -> None:
        """Changes what is named: the role (None for none), the lifetime of credentials in seconds, a
        status to answer everything with (0 to stop that); `rotate` makes new credentials at the next
        request, and with `invalidate` the old ones end at once."""
        with self._lock, self._cloud.lock:
            if role_name != "":
                self._role_name = role_name
            if lifetime is not None:
                self._offered.lifetime = lifetime
            if status is not None:
                self._status = status or None
            if rotate or invalidate or role_name != "" or lifetime is not None:
                self._offered.rotate(invalidate=invalidate)

    def describe(self) -> dict[str, Any]:
        """How often it was asked, and the key that it offered last."""
        with self._lock:
            return {"asked": self._asked, "access_key_id": self._offered.key_id}

    def answer(self, path: str) -> tuple[int, str]:
        """Status and text of one request."""
        with self._lock:
            self._asked += 1
            if self._status is not None:
                return self._status, "{}"
            if path != _PATH or self._role_name is None:
                return 404, "{}"
            with self._cloud.lock:
                session = self._offered.current(self._role_name)
            return 200, json.dumps({
                "Code": "Success", "AccessKeyId": session.key_id,
                "AccessKeySecret": session.secret, "SecurityToken": session.token,
                "Expiration": iso(session.expires)})
