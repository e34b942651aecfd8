"""The things an account holds, as plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

#: Who made a thing: the built-in preset, a test through the control API, or a signed API call.
Origin = Literal["preset", "control", "api"]
#: System policies have an account of their own, custom ones belong to the account.
PolicyKey = tuple[str, str]


@dataclass
class Gate:
    """Hides something that is new, for a number of look-ups or a number of milliseconds."""

    calls: int = 0
    until: float = 0.0

    @classmethod
    def new(cls, calls: int = 0, ms: int = 0) -> Gate:
        """A gate that opens after `calls` look-ups and `ms` milliseconds."""
        return cls(calls, time.monotonic() + ms / 1000 if ms else 0.0)

    def look(self) -> bool:
        """One look-up: whether the thing can be seen. Counts."""
        if self.calls > 0:
            self.calls -= 1
            return False
        return time.monotonic() >= self.until

    def is_open(self) -> bool:
        """Whether a look-up would succeed. Does not count."""
        return self.calls <= 0 and time.monotonic() >= self.until


@dataclass
class AccessKey:
    """A long-term key of a user, or of the account itself when `user` is None."""

    id: str
    secret: str
    account_id: str
    user: User | None
    created: float
    origin: Origin
    status: str = "Active"
    last_used: float | None = None
    #: From where it may be used, see `network.py`.
    network: dict[str, Any] | None = None
    #: Hides the key from signing; listings have `listed`.
    usable: Gate = field(default_factory=Gate)
    listed: Gate = field(default_factory=Gate)


@dataclass
class ServiceCredential:
    """An API key of a user for one service."""

    service: str
    name: str
    secret: str
    created: float
    origin: Origin
    expires: float | None = None
    status: str = "Active"


@dataclass
class Attachment:
    """A policy on a user, group or role."""

    policy: Policy
    created: float
    origin: Origin
    effective: Gate = field(default_factory=Gate)


@dataclass
class Membership:
    """A user in a group."""

    group: Group
    created: float
    origin: Origin


@dataclass
class User:
    """A RAM user with all that hangs on it."""

    id: str
    name: str
    account_id: str
    created: float
    updated: float
    origin: Origin
    display_name: str = ""
    mobile_phone: str = ""
    email: str = ""
    comments: str = ""
    keys: dict[str, AccessKey] = field(default_factory=dict)
    policies: dict[PolicyKey, Attachment] = field(default_factory=dict)
    groups: dict[str, Membership] = field(default_factory=dict)
    login_profile: dict[str, Any] | None = None
    mfa_serial: str | None = None
    #: API keys for services, by their ids.
    service_credentials: dict[str, ServiceCredential] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    #: Action patterns allowed without any policy; set through control.
    grants: list[str] = field(default_factory=list)
    visible: Gate = field(default_factory=Gate)
    #: Kinds of things already removed that DeleteUser still sees.
    ghosts: dict[str, Gate] = field(default_factory=dict)

    @property
    def principal_name(self) -> str:
        """How the newer identity product calls it; accounts may have an alias in place of their id."""
        return f"{self.name}@alias-of-{self.account_id}.onaliyun.com"

    @property
    def arn(self) -> str:
        """`acs:ram::<account>:user/<name>`."""
        return f"acs:ram::{self.account_id}:user/{self.name}"


@dataclass
class PolicyVersion:
    """One version of a policy's text."""

    id: str
    document: str
    created: float


@dataclass
class Policy:
    """A system or custom policy."""

    name: str
    type: str
    description: str
    created: float
    updated: float
    origin: Origin
    versions: dict[str, PolicyVersion] = field(default_factory=dict)
    default_version: str = "v1"
    #: Version numbers are never used twice, not even after a deletion.
    next_version: int = 1
    visible: Gate = field(default_factory=Gate)
    ghost: Gate = field(default_factory=Gate)

    @property
    def key(self) -> PolicyKey:
        """How attachments name the policy."""
        return (self.type, self.name.lower())

    @property
    def document(self) -> str:
        """The text in force."""
        return self.versions[self.default_version].document


@dataclass
class Group:
    """A RAM user group."""

    id: str
    name: str
    comments: str
    created: float
    origin: Origin
    policies: dict[PolicyKey, Attachment] = field(default_factory=dict)


@dataclass
class Role:
    """A RAM role and its trust policy."""

    id: str
    name: str
    account_id: str
    trust: str
    description: str
    max_session: int
    created: float
    updated: float
    origin: Origin
    policies: dict[PolicyKey, Attachment] = field(default_factory=dict)
    grants: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """`acs:ram::<account>:role/<name>`."""
        return f"acs:ram::{self.account_id}:role/{self.name}"


@dataclass
class Session:
    """Temporary credentials of an assumed role."""

    key_id: str
    secret: str
    token: str
    role: Role
    name: str
    created: float
    expires: float
    policy: str | None = None
    source_identity: str | None = None


@dataclass
class Identity:
    """Who signed a request: exactly one of root, `user` or `session`."""

    account_id: str
    user: User | None = None
    session: Session | None = None

    @property
    def is_root(self) -> bool:
        """Whether the account itself signed."""
        return self.user is None and self.session is None

    @property
    def arn(self) -> str:
        """The ARN GetCallerIdentity reports."""
        if self.user:
            return self.user.arn
        if self.session:
            role = self.session.role
            return f"acs:ram::{role.account_id}:assumed-role/{role.name}/{self.session.name}"
        return f"acs:ram::{self.account_id}:root"
