"""The state as the control API shows it."""

from __future__ import annotations

from typing import Any
from collections.abc import Iterable

from .clock import iso
from .model import AccessKey, Attachment, Group, Role, User
from .state import Account, Cloud


def state(cloud: Cloud) -> dict[str, Any]:
    """Everything that exists. Each thing has an `origin`: preset, control or api."""
    accounts = cloud.accounts.values()
    return {
        "now": iso(cloud.clock.now()),
        "accounts": sorted(cloud.accounts),
        "users": [_user(u) for a in accounts for u in a.users.values()],
        "keys": [_key(k) for k in cloud.keys.values()],
        "policies": [{"account_id": a.id, "policy_name": p.name, "origin": p.origin,
                      "description": p.description, "default_version": p.default_version,
                      "versions": {v.id: v.document for v in p.versions.values()}}
                     for a in accounts for p in a.policies.values()],
        "system_policies": sorted(p.name for p in cloud.system_policies.values()),
        "groups": [{"account_id": a.id, "group_name": g.name, "group_id": g.id,
                    "origin": g.origin} for a in accounts for g in a.groups.values()],
        "roles": [{"account_id": a.id, "role_name": r.name, "role_id": r.id, "arn": r.arn,
                   "origin": r.origin, "trust": r.trust, "max_session_duration": r.max_session,
                   "grants": r.grants, "tags": r.tags} for a in accounts for r in a.roles.values()],
        "attachments": [row for a in accounts for row in _attachments(a)],
        "memberships": [row for a in accounts for row in _memberships(a)],
        "service_credentials": [row for a in accounts for row in _service_credentials(a)],
        "sessions": {"count": len(cloud.sessions),
                     "live": sum(s.expires > cloud.clock.now() for s in cloud.sessions.values())},
        "recycled": {"users": [u["user_name"] for a in accounts
                               for u in a.recycled_users.values()],
                     "keys": [k for a in accounts for k in a.recycled_keys]},
        "quotas": cloud.quotas, "consistency": cloud.lags, "rates": cloud.rates,
    }


def leftovers(cloud: Cloud) -> dict[str, Any]:
    """What API calls made and did not remove; all lists are empty after a clean run. `missing`
    has what they removed although it was there before."""
    seen = state(cloud)

    def made(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["origin"] == "api"]

    lists = {name: made(seen[name]) for name in
             ("users", "keys", "policies", "groups", "roles", "attachments", "memberships",
              "service_credentials")}
    return {**lists, "missing": cloud.missing,
            "clean": not any(lists.values()) and not cloud.missing}


def baseline(cloud: Cloud) -> None:
    """From now on, everything there now counts as made by the test."""
    holders: list[User | Group | Role]
    for account in cloud.accounts.values():
        holders = [*account.users.values(), *account.groups.values(), *account.roles.values()]
        for holder in holders:
            _adopt(holder)
            for attachment in holder.policies.values():
                _adopt(attachment)
        for policy in account.policies.values():
            _adopt(policy)
        for user in account.users.values():
            for membership in user.groups.values():
                _adopt(membership)
            for credential in user.service_credentials.values():
                _adopt(credential)
    for key in cloud.keys.values():
        _adopt(key)
    cloud.missing.clear()


def _adopt(thing: Any) -> None:
    if thing.origin == "api":
        thing.origin = "control"


def _user(user: User) -> dict[str, Any]:
    return {"account_id": user.account_id, "user_name": user.name, "user_id": user.id,
            "arn": user.arn, "origin": user.origin, "display_name": user.display_name,
            "comments": user.comments, "grants": user.grants, "keys": list(user.keys),
            "groups": [m.group.name for m in user.groups.values()],
            "policies": [f"{a.policy.type}:{a.policy.name}" for a in user.policies.values()],
            "tags": user.tags, "login_profile": user.login_profile is not None, "mfa": user.mfa_serial,
            "created": iso(user.created)}


def _key(key: AccessKey) -> dict[str, Any]:
    return {"account_id": key.account_id, "access_key_id": key.id,
            "user_name": key.user.name if key.user else None, "status": key.status,
            "origin": key.origin, "created": iso(key.created), "network": key.network,
            "last_used": iso(key.last_used) if key.last_used else None}


def _attachments(account: Account) -> Iterable[dict[str, Any]]:
    rows: list[tuple[str, User | Group | Role]] = [
        *(("user", u) for u in account.users.values()),
        *(("group", g) for g in account.groups.values()),
        *(("role", r) for r in account.roles.values())]
    for kind, holder in rows:
        for attachment in holder.policies.values():
            yield _attachment(account, kind, holder.name, attachment)


def _attachment(account: Account, kind: str, name: str, found: Attachment) -> dict[str, Any]:
    return {"account_id": account.id, "holder": kind, "name": name,
            "policy_type": found.policy.type, "policy_name": found.policy.name,
            "origin": found.origin, "created": iso(found.created)}


def _memberships(account: Account) -> Iterable[dict[str, Any]]:
    for user in account.users.values():
        for membership in user.groups.values():
            yield {"account_id": account.id, "user_name": user.name,
                   "group_name": membership.group.name, "origin": membership.origin}


def _service_credentials(account: Account) -> Iterable[dict[str, Any]]:
    for user in account.users.values():
        for credential_id, credential in user.service_credentials.items():
            yield {"account_id": account.id, "user_name": user.name, "service_credential_id": credential_id,
                   "service_name": credential.service, "name": credential.name, "status": credential.status,
                   "origin": credential.origin, "created": iso(credential.created),
                   "expires": iso(credential.expires) if credential.expires else None}
