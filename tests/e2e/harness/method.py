"""One mount of the auth method."""

from __future__ import annotations

from typing import Any

from .api import Answer, Api, Json
from .cloud import Cloud
from .server import Server
from .signing import Key, Signed, session_key, v1


class AuthMethod:
    """A mount below `auth/`. Whoever logs in has no token yet. `api` and `plugin` are as with an engine."""

    def __init__(self, server: Server, cloud: Cloud, mount: str, api: Api | None = None,
                 plugin: str | None = "alicloud", **tune: Any) -> None:
        self.server, self.cloud, self.mount, self.path = server, cloud, mount, f"auth/{mount}"
        self.api: Api = api or server.api
        self.nobody = self.api.as_token("")
        if plugin is None:
            return
        body: Json = {"type": plugin}
        if tune:
            body["config"] = tune
        self.api.call("PUT", f"sys/auth/{mount}", body).ok()

    def configure(self, **fields: Any) -> Answer:
        """Writes `config`."""
        return self.api.write(f"{self.path}/config", **fields)

    def write_role(self, name: str, **fields: Any) -> Answer:
        """Writes a role."""
        return self.api.write(f"{self.path}/role/{name}", **fields)

    def read_role(self, name: str) -> Json:
        """A role as a read shows it."""
        return self.api.read(f"{self.path}/role/{name}").ok().data

    def bound(self, name: str = "dev", ram_role: str = "vault-target", **more: Any) -> str:
        """A role bound to a RAM role of the preset account; its name."""
        self.write_role(name, arn=self.cloud.arn(ram_role), **more).ok()
        return name

    def session(self, ram_role: str = "vault-target", **more: Any) -> Key:
        """The key of a new session of a RAM role."""
        return session_key(self.cloud.control, ram_role, **more)

    def send(self, payload: Json) -> Answer:
        """Logs in with these fields."""
        return self.nobody.call("POST", f"{self.path}/login", payload)

    def login(self, role: str = "dev", signed: Signed | None = None, key: Key | None = None) -> Answer:
        """Logs in with a signed request: by default one that a new session of `vault-target` signs with V1."""
        return self.send((signed or v1(key or self.session())).payload(role))

    def renew(self, token: str, **more: Any) -> Answer:
        """The holder of a token renews it."""
        return self.api.as_token(token).call("PUT", "auth/token/renew-self", more)

    def uuid(self) -> str:
        """The mount's UUID, below which the server keeps what the plugin stores."""
        uuid: str = self.api.read("sys/auth").ok().data[f"{self.mount}/"]["uuid"]
        return uuid

    def unmount(self) -> Answer:
        """Unmounts, which revokes all of its tokens."""
        return self.api.delete(f"sys/auth/{self.mount}")
