"""The accounts as moto has them, changed and looked at behind the API's back."""

from __future__ import annotations

import os
import threading
from typing import Any

# Read when moto is imported: every call is signed and permitted.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"
for _name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ.setdefault(_name, "unused")

from moto.iam.models import IAMBackend, User, iam_backends  # noqa: E402

ACCOUNT_ID = "123456789012"
OTHER_ACCOUNT_ID = "999999999999"

#: The example of the document, for the operator's user.
TEN_ACTIONS = ("CreateAccessKey", "CreateUser", "PutUserPolicy", "ListGroupsForUser", "ListUserPolicies",
               "ListAccessKeys", "DeleteAccessKey", "DeleteUserPolicy", "RemoveUserFromGroup", "DeleteUser")

OPERATOR = "hashicorp"

Body = dict[str, Any]


class Accounts:
    """What there is, and what tests change of it."""

    def __init__(self) -> None:
        #: One call at a time: moto's own state has no locks.
        self.lock = threading.RLock()
        #: Calls a second by action.
        self.rates: dict[str, float] = {}
        #: Seconds by which the service's clock is ahead.
        self.clock_offset = 0.0
        self._kept: dict[str, tuple[str, str]] = {}
        self.reset()

    def backend(self, account: str = ACCOUNT_ID, partition: str = "aws") -> IAMBackend:
        """The users of an account."""
        return iam_backends[account][partition]

    def reset(self) -> None:
        """Operators with their keys in two accounts and in China, and nothing else. Keys stay the same."""
        self.rates, self.clock_offset = {}, 0.0
        for account, partition in ((ACCOUNT_ID, "aws"), (OTHER_ACCOUNT_ID, "aws"), (ACCOUNT_ID, "aws-cn"),
                                   (ACCOUNT_ID, "aws-us-gov")):
            backend = self.backend(account, partition)
            backend.reset()
            self._operator(backend, f"{account} {partition}")
        self.permitted: set[str] = set(TEN_ACTIONS)

    def _operator(self, backend: IAMBackend, kept_as: str) -> None:
        backend.create_user("global", OPERATOR)
        backend.put_user_policy(OPERATOR, "all", '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", '
                                                 '"Action": "iam:*", "Resource": "*"}}')
        key = backend.create_access_key(OPERATOR)
        if kept_as not in self._kept:
            self._kept[kept_as] = key.access_key_id, key.secret_access_key
            return
        del backend.access_keys[key.access_key_id]
        key.access_key_id, key.secret_access_key = self._kept[kept_as]
        backend.access_keys[key.access_key_id] = key

    def key(self, account: str = ACCOUNT_ID, partition: str = "aws") -> tuple[str, str]:
        """The operator's key."""
        return self._kept[f"{account} {partition}"]

    def secret_of(self, access_key: str, partition: str) -> tuple[str, User, str] | None:
        """The account, the user and the secret of an active key."""
        for account in (ACCOUNT_ID, OTHER_ACCOUNT_ID):
            for user in self.backend(account, partition).users.values():
                for key in user.access_keys:
                    if key.access_key_id == access_key and key.status == "Active":
                        return account, user, key.secret_access_key
        return None

    # === looking ===

    def state(self) -> Body:
        """The users but for the operators, and what they have."""
        users, keys, policies, memberships = [], [], [], []
        for account in (ACCOUNT_ID, OTHER_ACCOUNT_ID):
            for partition in ("aws", "aws-cn", "aws-us-gov"):
                backend = self.backend(account, partition)
                for user in backend.users.values():
                    if user.name == OPERATOR:
                        continue
                    name = {"account_id": account, "user_name": user.name}
                    users.append({**name, "arn": user.arn, "login_profile": bool(user.password)})
                    keys += [{**name, "access_key_id": key.access_key_id} for key in user.access_keys]
                    policies += [{**name, "policy_name": policy, "document": user.policies[policy]}
                                 for policy in user.policies]
                    memberships += [{**name, "group_name": group.name} for group in backend.groups.values()
                                    if user in group.users]
        return {"users": users, "keys": keys, "policies": policies, "attachments": memberships}

    def leftovers(self) -> Body:
        """What there is that was not there at the start."""
        state = self.state()
        return {**state, "missing": [], "clean": not any(state.values())}

    # === changing ===

    def change(self, name: str, body: Body) -> Body | None:
        """One change by the name that the control API has for it."""
        account = body.get("account_id", ACCOUNT_ID)
        backend = self.backend(account)
        user = body.get("user_name", "")
        match name:
            case "users":
                backend.create_user("global", user)
                return {}
            case "keys":
                key = backend.create_access_key(user)
                return {"access_key_id": key.access_key_id, "secret_key": key.secret_access_key}
            case "memberships":
                group = body["group_name"]
                if group not in backend.groups:
                    backend.create_group(group)
                backend.add_user_to_group(group, user)
                return {}
            case "policies":
                backend.put_user_policy(user, body["policy_name"], body["document"])
                return {}
            case "login_profiles":
                backend.create_login_profile(user, "Passw0rd!")
                return {}
            case "remove":
                self.remove(backend, user)
                return {}
            case "remove_login_profile":
                backend.delete_login_profile(user)
                return {}
            case "grants":
                self.permitted = set(body.get("actions", TEN_ACTIONS))
                return {}
            case "rates":
                self.rates = {action: float(rate) for action, rate in body.items()}
                return {}
            case "clock":
                self.clock_offset = float(body["offset_seconds"])
                return {}
        return None

    def remove(self, backend: IAMBackend, user: str) -> None:
        """A user, by hand, with all that it has."""
        found = backend.get_user(user)
        for key in list(found.access_keys):
            backend.delete_access_key(key.access_key_id, user)
        for policy in list(found.policies):
            backend.delete_user_policy(user, policy)
        for group in backend.groups.values():
            if found in group.users:
                group.users.remove(found)
        backend.delete_user(user)
