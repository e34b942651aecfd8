"""The changes a test can make behind the API's back.

Every method takes the JSON object of a `POST` (or of an entry in a seed file) and returns a JSON
object; `control.py` documents the members. `KeyError` and `ValueError` mean a bad request.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from collections.abc import Callable, Mapping

from .clock import iso
from .errors import ApiError
from .model import Attachment, Group, Identity, Membership, Role, User
from .policy import parse_document
from .preset import allow, trust
from .state import LAGS, SERVICES, Account, Cloud, alnum

Body = Mapping[str, Any]
Answer = dict[str, Any]


def _token(provider: Mapping[str, Any], body: Body, now: float) -> str:
    """A JWT of its form; the signature is none."""
    claims = {"iss": provider["issuer"], "aud": provider["client_ids"], "iat": int(now), "jti": alnum(20),
              "sub": body.get("subject", "system:serviceaccount:vault:vault")}
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "fake"}, claims))
    header, payload = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{header}.{payload}.{alnum(86)}"


class Actions:
    """State changes, without the limits of the API but with unique names."""

    def __init__(self, cloud: Cloud, default_account: str) -> None:
        self._cloud = cloud
        self._default_account = default_account
        #: Path of the control API to method; a seed file uses the same names.
        self.table: dict[str, Callable[[Body], Answer]] = {
            "accounts": self.account, "policies": self.policy, "versions": self.version, "groups": self.group,
            "roles": self.role, "users": self.user, "renames": self.rename, "keys": self.key, "grants": self.grant,
            "attachments": self.attachment, "memberships": self.membership, "mfa": self.mfa,
            "login_profiles": self.login_profile, "service_credentials": self.service_credential,
            "sessions": self.session,
            "oidc": self.oidc, "quotas": self.quotas, "rates": self.rates, "hosts": self.host,
            "consistency": self.consistency, "clock": self.clock, "recycle_bin": self.recycle_bin,
        }

    # === entities ===

    def account(self, body: Body) -> Answer:
        """A further account."""
        account = self._cloud.accounts.setdefault(body["account_id"], Account(body["account_id"]))
        return {"account_id": account.id}

    def policy(self, body: Body) -> Answer:
        """A custom policy; `document` is an object or text, or `actions` a list to allow."""
        account = self._account(body)
        _must_be_free(account.policies, body["policy_name"])
        document = body.get("document") or allow(*body["actions"])
        text = document if isinstance(document, str) else json.dumps(document)
        parse_document(text)
        self._cloud.add_policy(account, body["policy_name"], text, "control",
                               body.get("description", ""))
        return {"policy_name": body["policy_name"]}

    def version(self, body: Body) -> Answer:
        """A further version of a custom policy, of the same text; another one stays the default."""
        policy = self._cloud.policy(self._account(body), "Custom", body["policy_name"])
        return {"version_id": self._cloud.add_version(policy, policy.document).id}

    def group(self, body: Body) -> Answer:
        """A group."""
        account = self._account(body)
        _must_be_free(account.groups, body["group_name"])
        group = self._cloud.add_group(account, body["group_name"], "control",
                                      body.get("comments", ""))
        return {"group_id": group.id}

    def role(self, body: Body) -> Answer:
        """A role, or a change of one that is there."""
        account = self._account(body)
        role = account.roles.get(body["role_name"].lower())
        document = body.get("trust", trust("RAM", f"acs:ram::{account.id}:root"))
        text = document if isinstance(document, str) else json.dumps(document)
        parse_document(text, trust=True)
        if role is None:
            role = self._cloud.add_role(account, body["role_name"], text, "control")
        elif "trust" in body:
            role.trust = text
        role.max_session = int(body.get("max_session_duration", role.max_session))
        role.grants = list(body.get("grants", role.grants))
        role.tags = dict(body.get("tags", role.tags))
        return {"role_id": role.id, "arn": role.arn}

    def user(self, body: Body) -> Answer:
        """A user with everything on it, keys included."""
        account = self._account(body)
        _must_be_free(account.users, body["user_name"])
        user = self._cloud.add_user(account, body["user_name"], "control",
                                    display_name=body.get("display_name", ""),
                                    comments=body.get("comments", ""),
                                    grants=list(body.get("grants", [])))
        keys = [self._cloud.add_key(account, user, "control") for _ in range(body.get("keys", 0))]
        for name in body.get("groups", []):
            self.membership({**body, "group_name": name})
        for policy in body.get("policies", []):
            self.attachment({**body, **policy})
        return {"user_id": user.id, "arn": user.arn,
                "keys": [{"access_key_id": k.id, "access_key_secret": k.secret} for k in keys]}

    def rename(self, body: Body) -> Answer:
        """Another name for a user, as `UpdateUser` gives it."""
        users = self._account(body).users
        user = self._user(body)
        _must_be_free(users, body["new_name"])
        del users[user.name.lower()]
        user.name = body["new_name"]
        users[user.name.lower()] = user
        return {"user_id": user.id}

    def key(self, body: Body) -> Answer:
        """A key of a user, or of the account (`"root": true`); or a new status of a key."""
        if "status" in body:
            key = self._cloud.keys[body["access_key_id"]]
            if body["status"] not in ("Active", "Inactive"):
                raise ValueError("status is Active or Inactive")
            key.status = body["status"]
        else:
            account = self._account(body)
            user = None if body.get("root") else self._user(body)
            key = self._cloud.add_key(account, user, "control", body.get("access_key_id"),
                                      body.get("access_key_secret"))
        return {"access_key_id": key.id, "access_key_secret": key.secret, "status": key.status}

    def grant(self, body: Body) -> Answer:
        """Replaces the allowed actions of a user or role."""
        holder = self._holder(body)
        if isinstance(holder, Group):
            raise ValueError("only users and roles have grants")
        holder.grants = list(body["actions"])
        return {"actions": holder.grants}

    def attachment(self, body: Body) -> Answer:
        """A policy on a user, group or role."""
        account = self._account(body)
        policy = self._cloud.policy(account, body.get("policy_type", "Custom"),
                                    body["policy_name"])
        self._holder(body).policies[policy.key] = Attachment(policy, self._cloud.clock.now(),
                                                             "control")
        return {}

    def membership(self, body: Body) -> Answer:
        """A user in a group."""
        group = self._cloud.group(self._account(body), body["group_name"])
        self._user(body).groups[group.name.lower()] = Membership(group, self._cloud.clock.now(),
                                                                 "control")
        return {}

    def mfa(self, body: Body) -> Answer:
        """Binds an MFA device to a user."""
        user = self._user(body)
        user.mfa_serial = f"acs:ram::{user.account_id}:mfa/{user.name}"
        return {"serial_number": user.mfa_serial}

    def login_profile(self, body: Body) -> Answer:
        """Gives a user a console password."""
        user = self._user(body)
        user.login_profile = {"UserName": user.name, "PasswordResetRequired": False,
                              "MFABindRequired": False,
                              "CreateDate": iso(self._cloud.clock.now())}
        return {}

    def service_credential(self, body: Body) -> Answer:
        """An API key of a user for a service."""
        service = body.get("service_name", SERVICES[0])
        return {"service_credential_id": self._cloud.add_service_credential(
            self._user(body), service, f"by-hand-{alnum(6)}", "control")}

    def session(self, body: Body) -> Answer:
        """Credentials of a role without an AssumeRole; or an early end of some."""
        if "access_key_id" in body:
            session = self._cloud.sessions[body["access_key_id"]]
            session.expires = self._cloud.clock.now() + float(body["seconds"])
        else:
            role = self._cloud.role(self._account(body), body["role_name"])
            session = self._cloud.add_session(role, body.get("session_name", "control"),
                                              float(body.get("seconds", 3600)))
        identity = Identity(session.role.account_id, session=session)
        return {"access_key_id": session.key_id, "access_key_secret": session.secret,
                "security_token": session.token, "expiration": iso(session.expires),
                "arn": identity.arn, "role_id": session.role.id}

    def oidc(self, body: Body) -> Answer:
        """An OIDC provider, and a token it would accept."""
        account = self._account(body)
        provider = account.oidc.setdefault(body["provider_name"], {
            "issuer": body.get("issuer", "https://issuer.example"),
            "client_ids": list(body.get("client_ids", ["sts.aliyuncs.com"])), "tokens": {}})
        now = self._cloud.clock.now()
        token = body.get("token") or _token(provider, body, now)
        provider["tokens"][token] = {
            "subject": body.get("subject", "system:serviceaccount:vault:vault"), "issued": now,
            "expires": now + float(body.get("seconds", 3600))}
        return {"token": token,
                "arn": f"acs:ram::{account.id}:oidc-provider/{body['provider_name']}"}

    # === settings ===

    def quotas(self, body: Body) -> Answer:
        """Other limits; unknown names are refused."""
        _known(body, self._cloud.quotas)
        self._cloud.quotas.update({name: int(value) for name, value in body.items()})
        return dict(self._cloud.quotas)

    def rates(self, body: Body) -> Answer:
        """Calls per second by action (`*`: each of the others); replaces the former ones."""
        self._cloud.rates = {action: float(rate) for action, rate in body.items()}
        return dict(self._cloud.rates)

    def host(self, body: Body) -> Answer:
        """A further host, or with `"remove": true` one less."""
        host = body["host"].lower()
        if body.get("remove"):
            del self._cloud.hosts[host]
        else:
            if body.get("product", "Sts") not in ("Ram", "Sts", "Ims"):
                raise ValueError("product is Ram, Sts or Ims")
            self._cloud.hosts[host] = body.get("product", "Sts")
        if "vpc" in body:
            self._cloud.vpcs[host] = body["vpc"]
        return {}

    def consistency(self, body: Body) -> Answer:
        """How long changes take to be seen; replaces the former settings."""
        _known(body, LAGS)
        for lag in body.values():
            _known(lag, ("calls", "ms"))
        self._cloud.lags = {name: dict(lag) for name, lag in body.items()}
        return dict(self._cloud.lags)

    def clock(self, body: Body) -> Answer:
        """Shifts the cloud's clock."""
        self._cloud.clock.offset = float(body["offset_seconds"])
        return {"now": iso(self._cloud.clock.now())}

    def recycle_bin(self, body: Body) -> Answer:
        """Switches the recycle bin."""
        self._cloud.recycle_bin = bool(body["enabled"])
        return {}

    # === removal behind the API's back ===

    def remove(self, kind: str, body: Body) -> Answer:
        """Takes a thing away whatever hangs on it, as another administrator might."""
        account = self._account(body)
        missing = list(self._cloud.missing)
        if kind == "users":
            user = self._user(body)
            for key in list(user.keys.values()):
                self._cloud.remove_key(key)
            self._cloud.remove_user(user)
        elif kind == "keys":
            self._cloud.remove_key(self._cloud.keys[body["access_key_id"]])
        elif kind == "policies":
            policy = self._cloud.policy(account, "Custom", body["policy_name"])
            for holders in self._cloud.holders(account, policy).values():
                for holder in holders:
                    del holder.policies[policy.key]
            del account.policies[policy.name.lower()]
        elif kind == "roles":
            del account.roles[body["role_name"].lower()]
        elif kind == "groups":
            for user in account.users.values():
                user.groups.pop(body["group_name"].lower(), None)
            del account.groups[body["group_name"].lower()]
        elif kind == "attachments":
            policy = self._cloud.policy(account, body.get("policy_type", "Custom"),
                                        body["policy_name"])
            del self._holder(body).policies[policy.key]
        elif kind == "memberships":
            del self._user(body).groups[body["group_name"].lower()]
        else:
            raise ValueError(f"cannot remove {kind}")
        # The test knows what it removed itself.
        self._cloud.missing = missing
        return {}

    # === look-ups ===

    def _account(self, body: Body) -> Account:
        return self._cloud.accounts[body.get("account_id", self._default_account)]

    def _user(self, body: Body) -> User:
        return self._account(body).users[body["user_name"].lower()]

    def _holder(self, body: Body) -> User | Group | Role:
        account = self._account(body)
        if "user_name" in body:
            return self._user(body)
        if "group_name" in body:
            return self._cloud.group(account, body["group_name"])
        return self._cloud.role(account, body["role_name"])


def _must_be_free(table: Mapping[str, Any], name: str) -> None:
    if name.lower() in table:
        raise ApiError("EntityAlreadyExists", f"{name} is there already")


def _known(body: Body, names: Any) -> None:
    if unknown := set(body) - set(names):
        raise ValueError(f"unknown names {sorted(unknown)}")
