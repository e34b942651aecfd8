"""What the plugin stores, seen and changed through the server's raw storage."""

from __future__ import annotations

import json
import time
from typing import Any

from .engine import Engine
from .method import AuthMethod

#: Longer than any minimum age of a write-ahead entry, and than any lease's longest life, in seconds.
_AGED = 400 * 86400


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

    def delete(self, key: str) -> None:
        """Removes an entry."""
        self._api.delete(f"{self._prefix}/{key}").ok()

    def age_log(self) -> int:
        """Makes every write-ahead entry old enough for the tick. How many there are."""
        entries = self.entries("wal")
        for key, entry in entries.items():
            self.put(f"wal/{key}", {**entry, "created_at": int(time.time()) - _AGED})
        return len(entries)

    def age_rotations(self) -> None:
        """Makes rotations of keys that are not finished old enough for conclusions: two minutes, and not so old that the key
        would have been made long after."""
        for key, entry in self.entries("wal").items():
            entry["data"]["begun"] -= 125
            self.put(f"wal/{key}", entry)
        self.age_log()

    def age_record(self, user: str) -> None:
        """Has the longest life end that a user's lease could have. The plugin looks at all records when it starts, and
        then every ten minutes."""
        self._date(f"issued/{user}", "deadline", "latest")

    def _date(self, key: str, *times: str) -> None:
        self.put(key, {**self.get(key), **{name: int(time.time()) - _AGED for name in times}})
