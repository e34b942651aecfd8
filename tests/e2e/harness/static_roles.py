"""Static roles, each for a RAM user of its own."""

from __future__ import annotations

from typing import Any

from .api import Answer, Json
from .engine import Engine

#: What the documentation asks for, on the users.
PERMISSIONS = ["ram:GetUser", "ram:CreateAccessKey", "ram:ListAccessKeys", "ram:UpdateAccessKey", "ram:DeleteAccessKey"]


class StaticRole:
    """A RAM user, and the static role that is to have its key."""

    def __init__(self, engine: Engine, name: str = "app", keys: int = 0) -> None:
        self.engine, self.name = engine, name
        self.user = f"{name}-of-{engine.path}"
        made = engine.cloud.control.user(self.user, keys=keys)
        self.user_id: str = made["user_id"]
        self.made: list[Json] = made["keys"]

    def write(self, **fields: Any) -> Answer:
        """Writes the role."""
        return self.engine.api.write(f"{self.engine.path}/static-roles/{self.name}", **{"username": self.user, **fields})

    def read(self) -> Answer:
        """Reads the role."""
        return self.engine.api.read(f"{self.engine.path}/static-roles/{self.name}")

    def creds(self) -> Json:
        """What the role gives out, whose key must work."""
        data = self.engine.api.read(f"{self.engine.path}/static-creds/{self.name}").ok().data
        [key] = (key for key in self.keys() if key["access_key_id"] == data["access_key"])
        assert key["status"] == "Active", key
        return data

    def rotate(self) -> Answer:
        """Asks for a rotation."""
        return self.engine.api.call("POST", f"{self.engine.path}/rotate-role/{self.name}")

    def delete(self) -> Answer:
        """Deletes the role."""
        return self.engine.api.delete(f"{self.engine.path}/static-roles/{self.name}")

    def keys(self) -> list[Json]:
        """The keys that the user has."""
        return [key for key in self.engine.cloud.control.state()["keys"] if key["user_name"] == self.user]

    def key_ids(self) -> list[str]:
        """Their ids."""
        return [key["access_key_id"] for key in self.keys()]

    def assert_whole(self) -> None:
        """The user has exactly the key that is given out."""
        assert [self.creds()["access_key"]] == self.key_ids()
