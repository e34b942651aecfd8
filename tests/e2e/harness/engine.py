"""One mount of the secrets engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from .api import Answer, Api, Json
from .cloud import Cloud
from .server import Server
from .waiting import until

T = TypeVar("T")


def allow(*actions: str, resource: str = "*") -> Json:
    """A policy document."""
    return {"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": [resource]}]}


#: The roles of most tests: two documents and two existing policies, of each type one.
INLINE = [allow("rds:Describe*"), allow("ecs:Describe*")]
REMOTE = ["name:AliyunOSSReadOnlyAccess,type:System", "name:app-readonly,type:Custom"]
#: A service that takes API keys.
SERVICE = "dashscope.aliyuncs.com"


class Engine:
    """A mount with the path `path`, its requests sent as root unless another `api` is given. Without a plugin's name, one
    that is there already.

    In a cluster the server is any node, and `api` finds the one that leads.
    """

    def __init__(self, server: Server, cloud: Cloud, path: str, plugin: str | None = "alicloud",
                 api: Api | None = None, **tune: str) -> None:
        self.server, self.cloud, self.path = server, cloud, path
        self.api: Api = api or server.api
        if plugin is None:
            return
        body: Json = {"type": plugin}
        if tune:
            body["config"] = tune
        self.api.call("PUT", f"sys/mounts/{path}", body).ok()

    def configure(self, **fields: Any) -> Answer:
        """Writes `config`: the operator's key, unless other fields are given."""
        pair = {"access_key": self.cloud.access_key, "secret_key": self.cloud.secret_key}
        return self.api.write(f"{self.path}/config", **(fields or pair))

    def write_role(self, name: str, **fields: Any) -> Answer:
        """Writes a role."""
        return self.api.write(f"{self.path}/role/{name}", **fields)

    def read_role(self, name: str) -> Json:
        """A role's data."""
        return self.api.read(f"{self.path}/role/{name}").ok().data

    def inline_role(self, name: str = "inline", documents: Any = None, **more: Any) -> str:
        """A role of documents of its own; its name."""
        self.write_role(name, inline_policies=json.dumps(documents or INLINE), **more).ok()
        return name

    def remote_role(self, name: str = "remote", **more: Any) -> str:
        """A role of existing policies; its name."""
        self.write_role(name, remote_policies=REMOTE, **more).ok()
        return name

    def full_role(self, name: str = "full", **more: Any) -> str:
        """A role of both; its name."""
        return self.inline_role(name, remote_policies=REMOTE, **more)

    def member_role(self, name: str = "member", **more: Any) -> str:
        """A role of groups and tags beside an existing policy; its name."""
        return self.remote_role(name, ram_groups=["auditors"], tags={"team": "a", "env": "test"}, **more)

    def api_key_role(self, name: str = "api-key", **more: Any) -> str:
        """A role of API keys, whose users have documents, existing policies, groups and tags; its name."""
        fields = {"credential_type": "service_credential", "service_name": SERVICE, "ram_groups": ["auditors"],
                  "tags": {"team": "a"}, **more}
        return self.inline_role(name, [allow("rds:Describe*")], remote_policies=REMOTE[:1], **fields)

    def sts_role(self, name: str = "sts", ram_role: str = "vault-target", **more: Any) -> str:
        """A role that assumes a RAM role; its name."""
        self.write_role(name, role_arn=self.cloud.arn(ram_role), **more).ok()
        return name

    def creds(self, role: str, method: str = "GET", api: Api | None = None, **fields: Any) -> Answer:
        """Asks for credentials, with fields by a write."""
        api = api or self.api
        path = f"{self.path}/creds/{role}"
        return api.write(path, **fields) if fields else api.call(method, path)

    def revoke(self, lease_id: str) -> Answer:
        """Revokes a lease and waits for the outcome."""
        return self.api.write("sys/leases/revoke", lease_id=lease_id, sync=True)

    def revoke_all(self, under: str = "creds") -> Answer:
        """Revokes every lease of the mount and waits for the outcome."""
        return self.api.call("PUT", f"sys/leases/revoke-prefix/{self.path}/{under}", {"sync": True})

    def renew(self, lease_id: str, **more: Any) -> Answer:
        """Renews a lease."""
        return self.api.write("sys/leases/renew", lease_id=lease_id, **more)

    def leases(self, role: str) -> list[str]:
        """The ids of the leases of a role."""
        found = self.api.list(f"sys/leases/lookup/{self.path}/creds/{role}")
        return found.data["keys"] if found.status == 200 else []

    def reload(self) -> None:
        """Gives the mount a plugin process that begins anew, which looks at all records at its first tick."""
        self.api.call("PUT", "sys/plugins/reload/backend", {"mounts": [f"{self.path}/"]}).ok()

    def wait_until_back(self) -> None:
        """Waits until the server has started a plugin that was killed anew. It logs the end a moment before it acts on it,
        and answers requests in between with a 500."""
        self._wait_for("config")

    def _wait_for(self, path: str) -> None:
        until(lambda: self.api.read(f"{self.path}/{path}").status == 200, "the plugin is back")

    def move(self, path: str, timeout: float = 30) -> None:
        """Moves the mount, with its leases revoked, and waits until it is there."""
        started = self.api.call("PUT", "sys/remount", {"from": self.path, "to": path}).ok()
        status = f"sys/remount/status/{started.data['migration_id']}"
        until(lambda: self.api.read(status).ok().data["migration_info"]["status"] == "success", "the mount is moved",
              timeout)
        self.path = path

    def tick(self) -> None:
        """Has the server tick this mount now, and waits for the end of it: it does so when it moves a mount. Leases that
        there are get revoked before."""
        stem, _, count = self.path.partition("-ticked-")
        self.move(f"{stem}-ticked-{int(count or 0) + 1}", timeout=120)

    @contextmanager
    def in_background(self, call: Callable[[], T]) -> Iterator[Future[T]]:
        """Makes a call while the body goes on."""
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(call)

    def log_has(self, text: str) -> bool:
        """Whether the server's log has a text."""
        return text in self.server.log.read_text("utf-8")

    def uuid(self) -> str:
        """The mount's UUID, below which the server keeps what the plugin stores."""
        uuid: str = self.api.read("sys/mounts").data[f"{self.path}/"]["uuid"]
        return uuid

    def unmount(self) -> Answer:
        """Unmounts, which revokes all leases."""
        return self.api.delete(f"sys/mounts/{self.path}")
