"""How operations are declared and called: parameters, limits, permissions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from collections.abc import Callable, Mapping

from .errors import ApiError
from .model import Identity
from .policy import allowed
from .state import Account, Cloud

Handler = Callable[["Call"], dict[str, Any]]


@dataclass
class Call:
    """One authenticated request on its way to a handler."""

    cloud: Cloud
    identity: Identity | None
    action: str
    params: Mapping[str, str]

    @property
    def caller(self) -> Identity:
        """Who signed; an anonymous operation must not ask."""
        assert self.identity is not None  # the gateway refuses unsigned calls before this
        return self.identity

    @property
    def account(self) -> Account:
        """The caller's account: RAM knows no other."""
        return self.cloud.account(self.caller.account_id)

    def text(self, name: str, longest: int, pattern: str | None = None) -> str:
        """A required parameter within its limits."""
        if name not in self.params:
            raise ApiError(f"Missing{name}")
        return self.limited(name, self.params[name], longest, pattern)

    def optional(self, name: str, longest: int, pattern: str | None = None) -> str | None:
        """An optional parameter; present but empty is a length error, as in the service."""
        if name not in self.params:
            return None
        return self.limited(name, self.params[name], longest, pattern)

    @staticmethod
    def limited(name: str, value: str, longest: int, pattern: str | None = None) -> str:
        """`value` if it is 1 to `longest` characters of `pattern`."""
        if not 1 <= len(value) <= longest:
            raise ApiError(f"InvalidParameter.{name}.Length")
        if pattern and not re.fullmatch(pattern, value):
            raise ApiError(f"InvalidParameter.{name}.InvalidChars")
        return value

    def number(self, name: str, low: int, high: int, default: int) -> int:
        """A plain decimal within bounds."""
        value = self.params.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ApiError(f"InvalidParameter.{name}")
        return int(value)

    def flag(self, name: str) -> bool:
        """`true` or `false`; false when missing."""
        value = self.params.get(name, "false").lower()
        if value not in ("true", "false"):
            raise ApiError(f"InvalidParameter.{name}")
        return value == "true"

    def authorise(self, action: str, *resources: str) -> None:
        """Refuses with NoPermission unless the caller may do `action` on every resource."""
        for resource in resources:
            if not allowed(self.caller, action, resource):
                raise no_permission(self.caller, action)


@dataclass(frozen=True)
class Operation:
    """An entry of a product's table."""

    name: str
    handler: Handler
    #: Resource kinds, see `Product.operation`.
    resources: tuple[str, ...]
    required: tuple[str, ...]
    anonymous: bool
    open: bool
    prefix: str

    def run(self, call: Call) -> dict[str, Any]:
        """Missing parameters first, then permission, then the handler's own checks."""
        for name in self.required:
            if name not in call.params:
                raise ApiError(f"Missing{name}")
        if not self.open and not self.anonymous:
            call.authorise(f"{self.prefix}:{self.name}",
                           *(self._arn(call, kind) for kind in self.resources))
        return self.handler(call)

    @staticmethod
    def _arn(call: Call, kind: str) -> str:
        account = call.caller.account_id
        noun, _, parameter = kind.partition(":")
        if not noun or noun == "*":
            return "*"
        if noun == "policy" and call.params.get("PolicyType") == "System":
            account = "system"
        if parameter:
            name = call.params.get(parameter, "")
            if not name and noun == "user" and call.caller.user:
                name = call.caller.user.name  # operations on one's own keys
        else:
            name = "*"
        return f"acs:ram:*:{account}:{noun}/{name}"


class Product:
    """A table of operations under one version."""

    def __init__(self, code: str, prefix: str) -> None:
        self.code = code
        self._prefix = prefix
        self.operations: dict[str, Operation] = {}

    def operation(self, name: str, *resources: str, required: tuple[str, ...] = (),
                  anonymous: bool = False, unchecked: bool = False,
                  ) -> Callable[[Handler], Handler]:
        """Registers a handler. `resources` are `user:UserName` (the value of a parameter), `user`
        (all of them) or `*`; `unchecked` operations need no permission or check it themselves."""
        def register(handler: Handler) -> Handler:
            self.operations[name] = Operation(name, handler, resources or ("*",), required,
                                              anonymous, unchecked, self._prefix)
            return handler
        return register


def no_permission(identity: Identity, action: str, kind: str = "ImplicitDeny") -> ApiError:
    """The 403 with the detail object of newer gateways."""
    if identity.user:
        who = ("SubUser", identity.user.id)
    elif identity.session:
        who = ("AssumedRoleUser", f"{identity.session.role.id}:{identity.session.name}")
    else:
        who = ("RootUser", identity.account_id)
    return ApiError("NoPermission", detail={"AccessDeniedDetail": {
        "AuthAction": action,
        "AuthPrincipalType": who[0],
        "AuthPrincipalDisplayName": who[1],
        "AuthPrincipalOwnerId": identity.account_id,
        "NoPermissionType": kind,
        "PolicyType": "AccountLevelIdentityBasedPolicy",
        "EncodedDiagnosticMessage": "AQEAAAAAZmFrZWNsb3Vk",
    }})
