"""What the plugin stores, seen and changed through the server's raw storage."""

from __future__ import annotations

import json
from typing import Any

from .engine import Engine
from .method import AuthMethod


class Storage:
    """The storage of one mount."""

    def __init__(self, mount: Engine | AuthMethod) -> None:
        self._api = mount.api
        folder = "auth" if isinstance(mount, AuthMethod) else "logical"
        self._prefix = f"sys/raw/{folder}/{mount.uuid()}"

    def list(self, folder: str) -> list[str]:
        """The keys below a folder."""
        found = self._api.list(f"{self._prefix}/{folder}")
        return found.data["keys"] if found.status == 200 else []

    def text(self, key: str) -> str:
        """An entry as it is."""
        value: str = self._api.read(f"{self._prefix}/{key}").ok().data["value"]
        return value

    def get(self, key: str) -> Any:
        """An entry as JSON."""
        return json.loads(self.text(key))

    def entries(self, folder: str) -> dict[str, Any]:
        """All entries right below a folder as JSON, but those that go away while we look."""
        found = {}
        for key in self.list(folder):
            answer = self._api.read(f"{self._prefix}/{folder}/{key}")
            if answer.status != 404:
                found[key] = json.loads(answer.ok().data["value"])
        return found

    def put(self, key: str, value: Any) -> None:
        """Replaces an entry; text goes as it is."""
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) + "\n"
        self._api.write(f"{self._prefix}/{key}", value=text).ok()
