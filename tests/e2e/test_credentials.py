"""`creds/<name>`: what comes, what the cloud then holds, and the lease."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from harness.api import Api
from harness.engine import INLINE, Engine

_USER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLICY = re.compile(r"[A-Za-z0-9-]{1,128}")
_SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize(("kind", "policies", "attachments"), [("inline", 2, 2), ("remote", 0, 2), ("full", 2, 4)])
def test_a_user_is_made_as_the_role_says(engine: Engine, method: str, kind: str, policies: int,
                                         attachments: int) -> None:
    role = getattr(engine, f"{kind}_role")()
    answer = engine.creds(role, method).ok()
    assert set(answer.data) == {"access_key", "secret_key"}
    assert answer.lease_id.startswith(f"{engine.path}/creds/{role}/")
    assert answer.body["renewable"] is True and answer.body["lease_duration"] == 768 * 3600
    left = engine.cloud.control.leftovers()
    [user], [key] = left["users"], left["keys"]
    assert key["access_key_id"] == answer.data["access_key"] and key["user_name"] == user["user_name"]
    assert len(left["policies"]) == policies and len(left["attachments"]) == attachments
    assert {row["name"] for row in left["attachments"]} == {user["user_name"]}
    engine.revoke(answer.lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_ram_role_is_assumed(engine: Engine, method: str) -> None:
    answer = engine.creds(engine.sts_role(), method).ok()
    assert set(answer.data) == {"access_key", "secret_key", "security_token", "expiration"}
    assert all(isinstance(value, str) and value for value in answer.data.values())
    assert answer.body["renewable"] is False
    expiration = datetime.strptime(answer.data["expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    remaining = (expiration - datetime.now(timezone.utc)).total_seconds()
    assert abs(remaining - answer.body["lease_duration"]) < 5 and 3590 < remaining <= 3600
    engine.renew(answer.lease_id).refused(400)
    engine.revoke(answer.lease_id).ok()


def test_a_role_that_is_not_there(engine: Engine) -> None:
    engine.creds("nobody").refused(404)
    engine.creds("nobody", "PUT").refused(404, "nobody")


def test_the_ttls_of_the_role_go_into_the_lease(engine: Engine) -> None:
    answer = engine.creds(engine.remote_role(ttl="10m", max_ttl="20m")).ok()
    assert answer.body["lease_duration"] == 600 and not answer.warnings
    assert engine.renew(answer.lease_id, increment=3600).ok().body["lease_duration"] <= 1200


def test_a_lease_longer_than_the_mount_allows_is_cut_with_a_word(engine: Engine) -> None:
    engine.api.write(f"sys/mounts/{engine.path}/tune", max_lease_ttl="10m", default_lease_ttl="5m").ok()
    answer = engine.creds(engine.remote_role(ttl="30m")).ok()
    assert answer.body["lease_duration"] == 600
    assert any("30m" in warning and "10m" in warning for warning in answer.warnings), answer.warnings


def test_a_refusal_of_the_cloud_is_a_4xx_with_its_code(engine: Engine) -> None:
    engine.write_role("r", remote_policies=["name:not-there,type:Custom"]).ok()
    answer = engine.creds("r")
    assert 400 <= answer.status < 500, answer
    assert "EntityNotExist.Policy" in answer.error and "request id" in answer.error and "not-there" in answer.error
    assert engine.cloud.control.leftovers()["clean"]
    engine.cloud.control.quotas(users=0)
    answer = engine.creds(engine.remote_role())
    assert 400 <= answer.status < 500 and "LimitExceeded.User" in answer.error
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize("display_name", ["alice@example.com", "o:dd na/me", "Ünïcödé-云", "-.-_", "x" * 200])
def test_any_display_name_gives_names_that_the_cloud_takes(engine: Engine, api: Api, display_name: str) -> None:
    api.write("sys/policies/acl/everything", policy='path "*" { capabilities = ["create", "read", "update"] }').ok()
    token = api.call("PUT", "auth/token/create", {
        "policies": ["everything"], "display_name": display_name}).ok().body["auth"]["client_token"]
    for role in ("a.b_c-d", "r" * 120):
        engine.full_role(role)
        engine.creds(role, api=api.as_token(token)).ok()
        left = engine.cloud.control.leftovers()
        assert all(_USER.fullmatch(row["user_name"]) for row in left["users"]), left["users"]
        assert all(_POLICY.fullmatch(row["policy_name"]) for row in left["policies"]), left["policies"]
        engine.api.delete(f"{engine.path}/role/{role}").ok()
        engine.sts_role(role)
        engine.creds(role, api=api.as_token(token)).ok()
    sessions = [call["params"]["RoleSessionName"] for call in engine.cloud.control.calls(action="AssumeRole")]
    assert len(set(sessions)) == 2 and all(_SESSION.fullmatch(name) for name in sessions), sessions


def test_names_tell_who_asked_and_for_what(engine: Engine, api: Api) -> None:
    api.write("sys/policies/acl/everything", policy='path "*" { capabilities = ["read"] }').ok()
    token = api.call("PUT", "auth/token/create", {
        "policies": ["everything"], "display_name": "build-7"}).ok().body["auth"]["client_token"]
    engine.creds(engine.remote_role("deploy"), api=api.as_token(token)).ok()
    [user] = engine.cloud.control.leftovers()["users"]
    assert "build-7" in user["user_name"] and "deploy" in user["user_name"]


def test_one_document_gives_each_user_a_policy_of_its_own(engine: Engine) -> None:
    role = engine.inline_role(documents=INLINE[:1])
    leases = [engine.creds(role).ok().lease_id for _ in range(3)]
    assert len(engine.cloud.control.leftovers()["policies"]) == 3
    engine.revoke(leases[0]).ok()
    left = engine.cloud.control.leftovers()
    assert len(left["policies"]) == len(left["users"]) == len(left["attachments"]) == 2
