"""Policies of the server hold for a role however its name is spelt."""

from __future__ import annotations

import pytest
from harness.api import Api
from harness.engine import REMOTE, Engine


def _token(engine: Engine, policy: str) -> Api:
    name = engine.path
    engine.api.write(f"sys/policies/acl/{name}", policy=policy.replace("MOUNT", engine.path)).ok()
    made = engine.api.call("PUT", "auth/token/create", {"policies": [name]}).ok()
    return engine.api.as_token(made.body["auth"]["client_token"])


@pytest.mark.parametrize("spelling", ["dev", "Dev", "DEV", "dEv"])
def test_a_denied_role_is_denied_in_every_spelling(engine: Engine, spelling: str) -> None:
    engine.remote_role("dev")
    api = _token(engine, '''
        path "MOUNT/*" { capabilities = ["create", "read", "update", "delete", "list"] }
        path "MOUNT/role/dev" { capabilities = ["deny"] }
        path "MOUNT/creds/dev" { capabilities = ["deny"] }''')
    for method in ("GET", "PUT", "DELETE"):
        body = {"remote_policies": REMOTE} if method == "PUT" else None
        api.call(method, f"{engine.path}/role/{spelling}", body).refused(403, "permission denied")
    for method in ("GET", "PUT"):
        engine.creds(spelling, method, api).refused(403, "permission denied")
    assert api.read(f"{engine.path}/role/other").status == 404
    assert engine.cloud.control.calls(action="CreateUser") == []


@pytest.mark.parametrize("spelling", ["dev", "Dev", "DEV"])
def test_a_permitted_role_is_permitted_in_every_spelling(engine: Engine, spelling: str) -> None:
    engine.remote_role("dev")
    api = _token(engine, 'path "MOUNT/creds/dev" { capabilities = ["read"] }')
    engine.creds(spelling, api=api).ok()
    engine.creds("other", api=api).refused(403)


@pytest.mark.parametrize("spelling", ["PROD-ADMIN", "Prod-Admin"])
def test_a_role_that_is_denied_beside_others_is_denied_in_every_spelling(engine: Engine, spelling: str) -> None:
    """Point 6 of "nobody can starve it": this server asks which path is meant, so its policy decides, and where it
    permits, any spelling is good."""
    engine.remote_role("Prod-Admin")
    api = _token(engine, '''
        path "MOUNT/creds/*" { capabilities = ["read"] }
        path "MOUNT/creds/prod-admin" { capabilities = ["deny"] }''')
    engine.creds(spelling, api=api).refused(403, "permission denied")
    assert engine.cloud.control.calls(action="CreateUser") == []
    engine.creds(spelling).ok()


def test_creating_and_updating_are_told_apart(engine: Engine) -> None:
    creator = _token(engine, 'path "MOUNT/role/*" { capabilities = ["create"] }')
    creator.write(f"{engine.path}/role/New", remote_policies=REMOTE).ok()
    creator.write(f"{engine.path}/role/new", remote_policies=REMOTE).refused(403)
    creator.write(f"{engine.path}/role/NEW", remote_policies=REMOTE).refused(403)
    updater = _token(engine, 'path "MOUNT/role/*" { capabilities = ["update"] }')
    updater.write(f"{engine.path}/role/NEW", ttl=60).ok()
    updater.write(f"{engine.path}/role/newer", remote_policies=REMOTE).refused(403)


def test_asking_by_put_needs_the_right_to_update(engine: Engine) -> None:
    engine.remote_role("dev")
    reader = _token(engine, 'path "MOUNT/creds/*" { capabilities = ["read"] }')
    engine.creds("dev", "GET", reader).ok()
    engine.creds("dev", "PUT", reader).refused(403)
