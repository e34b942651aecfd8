"""Mounts with a RAM user of their own, whose access key is rotated."""

from __future__ import annotations

from .api import Answer, Json
from .engine import Engine

#: What the documentation asks for, on the user itself.
PERMISSIONS = ["ram:CreateAccessKey", "ram:ListAccessKeys", "ram:UpdateAccessKey", "ram:DeleteAccessKey"]


class RootUser:
    """The user whose key a mount has in `config`."""

    def __init__(self, engine: Engine, grants: list[str], **settings: object) -> None:
        self.engine, self.name = engine, f"root-of-{engine.path}"
        made = engine.cloud.control.user(self.name, grants=grants, keys=1)["keys"][0]
        self.first: str = made["access_key_id"]
        self.first_secret: str = made["access_key_secret"]
        engine.configure(access_key=self.first, secret_key=self.first_secret, **settings).ok()

    def rotate(self) -> Answer:
        """Asks for a rotation."""
        return self.engine.api.call("POST", f"{self.engine.path}/config/rotate-root")

    def keys(self) -> list[Json]:
        """The keys that the user has."""
        return [key for key in self.engine.cloud.control.state()["keys"] if key["user_name"] == self.name]

    def configured(self) -> str:
        """The id of the key in `config`, which must work."""
        config = self.engine.api.read(f"{self.engine.path}/config").ok().data
        assert config["identity_arn"].endswith(f":user/{self.name}"), config
        key: str = config["access_key"]
        return key

    def assert_whole(self) -> None:
        """The user has exactly the key that is in `config`, and it works."""
        configured = self.configured()
        keys = self.keys()
        assert [key["access_key_id"] for key in keys] == [configured], (keys, configured)
        assert keys[0]["status"] == "Active", keys

    def adopt(self) -> None:
        """The key that is there now is not to be counted as left behind."""
        self.engine.cloud.control.baseline()
