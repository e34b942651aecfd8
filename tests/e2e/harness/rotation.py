"""Mounts with a RAM user of their own, whose access key is rotated."""

from __future__ import annotations

import http.client
from collections import Counter

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


def calls_since(engine: Engine, since: int) -> list[tuple[str, int]]:
    """The calls to the cloud after that one: each action, and the how manieth of its kind it is."""
    seen: Counter[str] = Counter()
    calls = []
    for call in engine.cloud.control.calls(since):
        seen[call["action"]] += 1
        calls.append((call["action"], seen[call["action"]]))
    return calls


def killed_in_call(engine: Engine, path: str, action: str, nth: int, execute: bool) -> int:
    """Kills the plugin in a call of a rotation, before the cloud has carried it out or after. What the caller was answered, 0
    for nothing."""
    control = engine.cloud.control
    start = control.summary()["last_call"]
    control.fault("hold", action, nth=nth, execute=execute)
    request = engine.api.send("POST", f"{engine.path}/{path}")
    assert control.wait(30, since=start, held=1), (action, nth)
    engine.server.kill_plugin()
    control.clear_faults()
    try:
        answered = request.answer().status
    except (OSError, http.client.HTTPException):
        answered = 0
    engine.wait_until_back()
    return answered
