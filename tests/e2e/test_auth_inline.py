"""Logins that come with the request that they are for: the client names the path and the operation of the login itself.

All of it is for point 1 of "nobody can starve it, trick it, or make it lose track": no operation gives an identity to
somebody without a credential, whatever the server lets through.
"""

from __future__ import annotations

import base64
import json

import pytest
from conftest import MakeMethod
from harness.api import Answer, Json
from harness.method import AuthMethod
from harness.server import Server
from harness.signing import v1

#: What a server knows to ask for, and what it does not.
_OPERATIONS = ("alias-lookahead", "create", "delete", "header", "help", "list", "patch", "read", "recover", "renew",
               "resolve-path", "resolve-role", "revoke", "rollback", "rotation", "scan", "update", "login", "unknown")

_PATHS = ("login", "role/dev", "role", "config", "")

_ALIASES = ("principal_id", "role_id", "role_arn", "arn")


@pytest.fixture(params=["server", "older_server"])
def some_server(request: pytest.FixtureRequest) -> Server:
    """The server of the tests, and one that lets a client choose any operation."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def method(make_method: MakeMethod, some_server: Server) -> AuthMethod:
    """A mount with the roles `dev` and `one`, each of which lets in one RAM role."""
    method = make_method(on=some_server)
    method.bound("dev")
    method.write_role("one", bound_arns=[method.cloud.arn("vault-target")]).ok()
    return method


def _ask(method: AuthMethod, path: str, operation: str, fields: Json) -> Answer:
    """Asks for a role of the mount with an inline login."""
    headers = {"X-Vault-Inline-Auth-Path": f"{method.path}/{path}", "X-Vault-Inline-Auth-Operation": operation}
    for name, value in fields.items():
        text = json.dumps({"key": name, "value": value}).encode()
        headers[f"X-Vault-Inline-Auth-Parameter-{name.replace('_', '-')}"] = (
            base64.urlsafe_b64encode(text).decode().rstrip("="))
    return method.nobody.call("GET", f"{method.path}/role/dev", headers=headers)


def _admit(method: AuthMethod) -> None:
    """The entity of whoever logs in may read the role; the roles themselves grant nothing."""
    name = method.mount
    method.api.write(f"sys/policies/acl/{name}", policy=f'path "{method.path}/*" {{ capabilities = ["read"] }}').ok()
    token = method.login().ok().body["auth"]["client_token"]
    entity = method.api.write("auth/token/lookup", token=token).ok().data["entity_id"]
    method.api.write(f"identity/entity/id/{entity}", policies=[name]).ok()


@pytest.mark.parametrize("ram_alias", _ALIASES)
def test_no_operation_is_a_login_without_a_signature(method: AuthMethod, ram_alias: str) -> None:
    """Point 1: on a server before 2.6.2, `alias-lookahead` was a login for the asking."""
    method.configure(ram_alias=ram_alias).ok()
    _admit(method)
    method.cloud.control.clear_calls()
    let_in = []
    for operation in _OPERATIONS:
        for path in _PATHS:
            for fields in ({}, {"role": "dev"}, {"role": "one"}, {"role": "DEV"}):
                answer = _ask(method, path, operation, fields)
                assert not answer.body.get("auth"), (operation, path, fields, answer)
                # A server may hand on what the method says to the operation itself, such as its help.
                if "arn" in (answer.body.get("data") or {}):
                    let_in.append((operation, path, fields))
    assert not let_in, f"read without a credential: {let_in}"
    assert method.cloud.control.calls() == [], "there was nothing to ask STS about"


def test_a_signed_inline_login_is_one(method: AuthMethod) -> None:
    """Point 1: what is refused above is refused for the lack of a signature."""
    _admit(method)
    signed = v1(method.session(session_name="control")).payload("dev")
    answer = _ask(method, "login", "update", signed).ok()
    assert answer.data["arn"] == method.cloud.arn("vault-target")
    # Once: the signature is used up.
    _ask(method, "login", "update", signed).refused(403)
