"""IAM for tests, and one mount of the AWS engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakecloud import Control

from .api import Answer, Json
from .cloud import Cloud
from .engine import Engine
from .places import FAKE_AWS, PLUGIN
from .server import Server

#: The policy of the document's example.
POLICY: Json = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}

#: The name in the catalog, and the file, which has a process of its own.
PLUGIN_NAME, FILE = "aws-users", f"{PLUGIN}-aws"


class AwsControl(Control):
    """The control API, with what it changes of the accounts."""

    def change(self, name: str, **body: Any) -> Json:
        """One change: users, keys, memberships, policies, login_profiles, remove, grants, rates, clock."""
        return self.post(name, **body)

    def reset_grants(self) -> None:
        """The operator has the ten permissions of the document, as at the start."""
        self.change("grants")


class Aws(Cloud):
    """Moto behind a proxy. `info["others"]` has keys of another account and of other partitions."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, program=FAKE_AWS)
        self.control: AwsControl = AwsControl(self.control_url)


def register(server: Server, name: str = PLUGIN_NAME) -> None:
    """Registers the plugin as the AWS engine."""
    server.register(name, file=FILE, args=["-engine=aws"])


class AwsEngine(Engine):
    """A mount with the path `path`."""

    cloud: Aws

    def __init__(self, server: Server, aws: Aws, path: str, plugin: str | None = PLUGIN_NAME, **tune: str) -> None:
        super().__init__(server, aws, path, plugin, **tune)

    def configure(self, **fields: Any) -> Answer:
        """Writes `config/root`: the operator's key, with other fields in their place or beside them."""
        root = {"access_key": self.cloud.access_key, "secret_key": self.cloud.secret_key, "region": "us-east-1"}
        return self.api.write(f"{self.path}/config/root", **{**root, **fields})

    def role(self, name: str = "deploy", policy: Any = None) -> str:
        """A role; its name."""
        self.write_role(name, policy=json.dumps(policy or POLICY)).ok()
        return name

    def write_role(self, name: str, **fields: Any) -> Answer:
        """Writes a role."""
        return self.api.write(f"{self.path}/roles/{name}", **fields)

    def lease(self, lease: str, lease_max: str) -> Answer:
        """Writes `config/lease`."""
        return self.api.write(f"{self.path}/config/lease", lease=lease, lease_max=lease_max)

    def wait_until_back(self) -> None:
        """As for the other engine, whose configuration is elsewhere."""
        self._wait_for("config/root")

    def user_of(self, answer: Answer) -> str:
        """The user of a key that was issued."""
        [key] = [key for key in self.cloud.control.state()["keys"]
                 if key["access_key_id"] == answer.data["access_key"]]
        return str(key["user_name"])
