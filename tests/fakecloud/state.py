"""The whole cloud: accounts, their RAM entities, keys and sessions, quotas and lag."""

from __future__ import annotations

import base64
import secrets
import string
import threading
from typing import Any
from collections.abc import Mapping

from .clock import Clock
from .errors import ApiError
from .hosts import default_hosts
from .model import (AccessKey, Gate, Group, Origin, Policy, PolicyVersion, Role, ServiceCredential, Session,
                    User)

_ALNUM = string.ascii_letters + string.digits

DEFAULT_QUOTAS = {
    "users": 5000, "policies": 1500, "keys_per_user": 2, "custom_policies_per_user": 10,
    "system_policies_per_user": 20, "groups": 300, "groups_per_user": 10, "roles": 1000,
    "versions_per_policy": 5, "policy_bytes": 6144, "session_policy_bytes": 2048,
    # Not service limits. How many tags a page has at the most: a role has fewer than the service's pages hold.
    "tags_per_page": 100,
    # How long the made-up security tokens are before base64.
    "token_bytes": 480,
}

#: What may lag behind a change; each takes {"calls": N} or {"ms": M}. See `control.py`.
LAGS = ("new_user", "new_key", "new_key_listing", "new_policy", "new_attachment", "deletion")


def alnum(length: int) -> str:
    """A random string of letters and digits."""
    return "".join(secrets.choice(_ALNUM) for _ in range(length))


def digits(first: str, length: int) -> str:
    """A random entity id: digits that begin with `first`."""
    return first + "".join(secrets.choice(string.digits) for _ in range(length - 1))


class Account:
    """One account's RAM entities, by lower-case name: names are unique without regard to case."""

    def __init__(self, account_id: str) -> None:
        self.id = account_id
        self.users: dict[str, User] = {}
        self.policies: dict[str, Policy] = {}
        self.groups: dict[str, Group] = {}
        self.roles: dict[str, Role] = {}
        self.root_keys: dict[str, AccessKey] = {}
        #: OIDC provider name to {"issuer", "client_ids", "tokens": {token: claims}}.
        self.oidc: dict[str, dict[str, Any]] = {}
        self.recycled_users: dict[str, dict[str, Any]] = {}
        self.recycled_keys: dict[str, dict[str, Any]] = {}


#: Services that take API keys. Which there are really is not in Alibaba's documents.
SERVICES = ("dashscope.aliyuncs.com", "example.aliyuncs.com")


class Cloud:
    """Everything the services know. Take `lock` around any use from more than one thread."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Back to nothing at all; the preset is put in by `preset.py`."""
        self.accounts: dict[str, Account] = {}
        self.system_policies: dict[str, Policy] = {}
        self.keys: dict[str, AccessKey] = {}
        self.sessions: dict[str, Session] = {}
        self.sessions_by_token: dict[str, Session] = {}
        self.hosts = default_hosts()
        #: Host to the VPC that its callers are in; the other hosts are public.
        self.vpcs: dict[str, str] = {}
        self.quotas = dict(DEFAULT_QUOTAS)
        self.lags: dict[str, dict[str, int]] = {}
        #: Action to calls per second, per account; empty: unlimited.
        self.rates: dict[str, float] = {}
        self.recycle_bin = True
        #: Preset or control-made things that API calls have removed.
        self.missing: list[dict[str, str]] = []

    def gate(self, lag: str) -> Gate:
        """A gate as configured for `lag`, open when nothing is configured."""
        return Gate.new(**self.lags.get(lag, {}))

    # === look-ups by API name; each raises the service's error ===

    def account(self, account_id: str) -> Account:
        """The account, which must exist."""
        return self.accounts[account_id]

    def user(self, account: Account, name: str) -> User:
        """The user as an API operation sees it: lag counts."""
        user = account.users.get(name.lower())
        if user is None or not user.visible.look():
            raise ApiError("EntityNotExist.User", f"The user does not exist: {name}.")
        return user

    def policy(self, account: Account, kind: str, name: str) -> Policy:
        """The policy of type `System` or `Custom`."""
        if kind not in ("System", "Custom"):
            raise ApiError("InvalidParameter.PolicyType")
        table = self.system_policies if kind == "System" else account.policies
        policy = table.get(name.lower())
        if policy is None or not policy.visible.look():
            raise ApiError("EntityNotExist.Policy", f"The policy does not exist: {name}.")
        return policy

    def group(self, account: Account, name: str) -> Group:
        """The group."""
        group = account.groups.get(name.lower())
        if group is None:
            raise ApiError("EntityNotExist.Group", f"The group does not exist: {name}.")
        return group

    def role(self, account: Account, name: str) -> Role:
        """The role."""
        role = account.roles.get(name.lower())
        if role is None:
            raise ApiError("EntityNotExist.Role", f"The role does not exist: {name}.")
        return role

    # === creation: no validation here, the callers did theirs ===

    def add_user(self, account: Account, name: str, origin: Origin, **fields: Any) -> User:
        """A new user under a free name."""
        now = self.clock.now()
        user = User(digits("2", 18), name, account.id, now, now, origin, **fields)
        account.users[name.lower()] = user
        return user

    def add_key(self, account: Account, user: User | None, origin: Origin,
                key_id: str | None = None, secret: str | None = None) -> AccessKey:
        """A new long-term key, for the account itself when `user` is None."""
        key = AccessKey(key_id or "LTAI5t" + alnum(18), secret or alnum(30), account.id, user,
                        self.clock.now(), origin)
        (user.keys if user else account.root_keys)[key.id] = key
        self.keys[key.id] = key
        return key

    def add_policy(self, account: Account | None, name: str, document: str, origin: Origin,
                   description: str = "") -> Policy:
        """A new custom policy of `account`, or a system policy without one."""
        now = self.clock.now()
        policy = Policy(name, "Custom" if account else "System", description, now, now, origin)
        self.add_version(policy, document)
        (account.policies if account else self.system_policies)[name.lower()] = policy
        return policy

    def add_version(self, policy: Policy, document: str) -> PolicyVersion:
        """A further version; the caller decides whether it becomes the default."""
        version = PolicyVersion(f"v{policy.next_version}", document, self.clock.now())
        policy.next_version += 1
        policy.versions[version.id] = version
        return version

    def add_group(self, account: Account, name: str, origin: Origin, comments: str = "") -> Group:
        """A new group."""
        group = Group("g-" + alnum(16), name, comments, self.clock.now(), origin)
        account.groups[name.lower()] = group
        return group

    def add_role(self, account: Account, name: str, trust: str, origin: Origin,
                 description: str = "", max_session: int = 3600) -> Role:
        """A new role."""
        now = self.clock.now()
        role = Role(digits("3", 18), name, account.id, trust, description, max_session, now, now,
                    origin)
        account.roles[name.lower()] = role
        return role

    def add_session(self, role: Role, name: str, seconds: float, policy: str | None = None,
                    source_identity: str | None = None) -> Session:
        """Temporary credentials; the token is opaque, long, and full of `+`, `/` and `=`."""
        now = self.clock.now()
        # Never a multiple of three bytes, so that there is padding to get wrong.
        size = self.quotas["token_bytes"] // 3 * 3 + 1
        token = "CAIS" + base64.b64encode(b"\xfb\xff" + secrets.token_bytes(size - 2)).decode()
        session = Session("STS.N" + alnum(24), alnum(44), token, role, name, now, now + seconds,
                          policy, source_identity)
        self.sessions[session.key_id] = session
        self.sessions_by_token[token] = session
        return session

    # === removal ===

    def remove_key(self, key: AccessKey, *, recycle: bool = True) -> None:
        """Deletes a key for good, or into the recycle bin."""
        account = self.accounts[key.account_id]
        (key.user.keys if key.user else account.root_keys).pop(key.id, None)
        self.keys.pop(key.id, None)
        self.note_removal(key.origin, "key", key.id)
        if recycle and self.recycle_bin and key.user:
            account.recycled_keys[key.id] = {"user_id": key.user.id, "user_name": key.user.name,
                                             "recycled": self.clock.now()}

    def remove_user(self, user: User, *, recycle: bool = True) -> None:
        """Deletes a user that nothing hangs on any more."""
        account = self.accounts[user.account_id]
        account.users.pop(user.name.lower(), None)
        self.note_removal(user.origin, "user", user.name)
        if recycle and self.recycle_bin:
            account.recycled_users[user.id] = {"user_name": user.name,
                                               "recycled": self.clock.now()}

    def add_service_credential(self, user: User, service: str, name: str, origin: Origin,
                               expires: float | None = None) -> str:
        """A new API key; its id."""
        credential_id = f"SC{alnum(14)}"
        user.service_credentials[credential_id] = ServiceCredential(
            service, name, f"sk-{alnum(40)}", self.clock.now(), origin, expires)
        return credential_id

    def note_removal(self, origin: Origin, kind: str, name: str) -> None:
        """Remembers that a thing which was not made by an API call is gone."""
        if origin != "api":
            self.missing.append({"kind": kind, "name": name})

    def holders(self, account: Account, policy: Policy,
                ) -> Mapping[str, list[User] | list[Group] | list[Role]]:
        """Who has `policy` attached in `account`."""
        return {
            "User": [u for u in account.users.values() if policy.key in u.policies],
            "Group": [g for g in account.groups.values() if policy.key in g.policies],
            "Role": [r for r in account.roles.values() if policy.key in r.policies],
        }
