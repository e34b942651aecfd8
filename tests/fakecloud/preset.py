"""What exists before a test begins."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .model import AccessKey
from .state import Account, Cloud, alnum

ACCOUNT_ID = "1234567890123456"
OTHER_ACCOUNT_ID = "6543210987654321"

_SYSTEM = {
    "AdministratorAccess": ["*"],
    "AliyunOSSReadOnlyAccess": ["oss:Get*", "oss:List*"],
    "AliyunOSSFullAccess": ["oss:*"],
    "AliyunECSReadOnlyAccess": ["ecs:Describe*"],
    "AliyunRDSReadOnlyAccess": ["rds:Describe*"],
    "AliyunSTSAssumeRoleAccess": ["sts:AssumeRole"],
    **{f"AliyunService{n}ReadOnlyAccess": [f"service{n}:Get*"] for n in range(1, 26)},
}


def allow(*actions: str, resource: str = "*") -> str:
    """A policy document that allows `actions`."""
    return json.dumps({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": [resource]}]})


def trust(kind: str, *principals: str) -> str:
    """A trust policy for principals of one kind: RAM, Service or Federated."""
    return json.dumps({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {kind: list(principals)}}]})


@dataclass
class Preset:
    """The built-in account. Keys stay the same over resets, so that clients may go on."""

    account_id: str = ACCOUNT_ID
    access_key_id: str = field(default_factory=lambda: "LTAI5t" + alnum(18))
    access_key_secret: str = field(default_factory=lambda: alnum(30))
    _alice_key: AccessKey | None = None

    def install(self, cloud: Cloud) -> None:
        """Puts the preset into an empty cloud."""
        account = cloud.accounts[self.account_id] = Account(self.account_id)
        for name, actions in _SYSTEM.items():
            cloud.add_policy(None, name, allow(*actions), "preset", f"System policy {name}.")
        cloud.add_policy(account, "app-readonly", allow("oss:Get*", "oss:List*"), "preset",
                         "Read access for the application.")
        operator = cloud.add_user(account, "vault-operator", "preset", grants=["*"])
        cloud.add_key(account, operator, "preset", self.access_key_id, self.access_key_secret)
        alice = cloud.add_user(account, "alice", "preset", display_name="Alice")
        known = self._alice_key
        self._alice_key = cloud.add_key(account, alice, "preset", known.id if known else None,
                                        known.secret if known else None)
        cloud.add_group(account, "auditors", "preset", "People who look.")
        root = f"acs:ram::{self.account_id}:root"
        cloud.add_role(account, "vault-target", trust("RAM", root), "preset", max_session=43200)
        cloud.add_role(account, "vault-short", trust("RAM", root), "preset")
        cloud.add_role(account, "untrusting",
                       trust("RAM", f"acs:ram::{OTHER_ACCOUNT_ID}:root"), "preset")
        instance = cloud.add_role(account, "vault-ecs", trust("Service", "ecs.aliyuncs.com"),
                                  "preset", "Instance role of the metadata service.", 43200)
        instance.grants = ["*"]
