"""The server as a far one: behind a proxy, under a name that only the proxy knows, and with TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from fakecloud.ca import TestAuthority

from .server import Server

_NAME = "vault.example.com"


class FarServer:
    """A CONNECT proxy whose every tunnel ends in TLS for `vault.example.com` in front of the real server."""

    def __init__(self, server: Server, folder: Path) -> None:
        authority = TestAuthority(folder)
        self.ca_file = authority.ca_file
        self.address = f"https://{_NAME}:8200"
        #: What clients asked the proxy for.
        self.asked: list[str] = []
        self._context = authority.server_context(_NAME, lambda _tls, _name: None)
        self._server = urlsplit(server.address).netloc.split(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.proxy = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> FarServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(connection,), daemon=True).start()

    def _tunnel(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1) or b"\r\n\r\n"
        self.asked.append(head.decode().split("\r\n")[0])
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            with self._context.wrap_socket(connection, server_side=True) as tls, \
                    socket.create_connection((self._server[0], int(self._server[1]))) as behind:
                threading.Thread(target=_pump, args=(behind, tls), daemon=True).start()
                _pump(tls, behind)
        except (OSError, ssl.SSLError):
            connection.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
