"""A read-only registry on loopback that serves OCI image layouts, as an operator's registry would."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Registry:
    """Serves the layouts of one repository; `paths` has what was asked for.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md
    """

    def __init__(self, repository: str, *layouts: Path) -> None:
        self._layouts = list(layouts)
        self._repository = repository
        self.paths: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """A manifest or a blob."""
                registry.paths.append(self.path)
                kind, content = registry.find(self.path)
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def repository(self) -> str:
        """The name of the image, without tag and digest."""
        return f"127.0.0.1:{self._server.server_port}/{self._repository}"

    def add(self, layout: Path) -> None:
        """Serves one layout more."""
        self._layouts.append(layout)

    def find(self, path: str) -> tuple[str, bytes]:
        """Media type and content of what is asked for; no type if it is not there."""
        if path == "/v2/":
            return "application/json", b"{}"
        prefix, _, reference = path.rpartition("/")
        if prefix not in (f"/v2/{self._repository}/manifests", f"/v2/{self._repository}/blobs"):
            return "", b'{"errors":[{"code":"NAME_UNKNOWN"}]}'
        for layout in self._layouts:
            for tagged in json.loads((layout / "index.json").read_bytes())["manifests"]:
                if reference == tagged["annotations"]["org.opencontainers.image.ref.name"]:
                    reference = tagged["digest"]
            blob = layout / "blobs/sha256" / reference.removeprefix("sha256:")
            if reference.startswith("sha256:") and blob.is_file():
                content = blob.read_bytes()
                return _media_type(content) if prefix.endswith("manifests") else "application/octet-stream", content
        return "", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


def _media_type(content: bytes) -> str:
    return str(json.loads(content)["mediaType"])


def digest_of(layout: Path) -> str:
    """The digest of the index of all architectures."""
    return str(json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"])
