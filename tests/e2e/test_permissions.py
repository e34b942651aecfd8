"""The least RAM permissions that the documentation asks for are enough."""

from __future__ import annotations

import pytest
from harness.by_hand import BY_HAND, assert_nothing_made
from harness.engine import Engine
from harness.storage import Storage

_USER = ["ram:CreateUser", "ram:DeleteUser", "ram:CreateAccessKey", "ram:DeleteAccessKey",
         "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser"]
_INLINE = [*_USER, "ram:CreatePolicy", "ram:DeletePolicy"]
#: To see what others hung on a user that RAM refuses to delete.
_LOOK = ["ram:ListAccessKeys", "ram:ListPoliciesForUser", "ram:ListGroupsForUser", "ram:DeleteLoginProfile"]


def _operator(engine: Engine, actions: list[str]) -> None:
    made = engine.cloud.control.user("least-operator", grants=actions, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()


@pytest.mark.parametrize(("kind", "actions"), [
    ("inline", _INLINE + _LOOK), ("remote", _USER + _LOOK), ("full", _INLINE + _LOOK), ("sts", ["sts:AssumeRole"])])
def test_the_documented_permissions_are_enough(engine: Engine, kind: str, actions: list[str]) -> None:
    _operator(engine, actions)
    lease_id = engine.creds(getattr(engine, f"{kind}_role")()).ok().lease_id
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    assert not [call for call in engine.cloud.control.calls() if call["code"]]


def test_the_documented_permissions_are_enough_for_what_others_hung_on_a_user(engine: Engine) -> None:
    _operator(engine, _USER + _LOOK)
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    control = engine.cloud.control
    [user] = control.leftovers()["users"]
    for thing in ("key", "login profile", "system policy"):
        BY_HAND[thing](control, user["user_name"])
    engine.revoke(lease_id).ok()
    assert_nothing_made(control)


@pytest.mark.parametrize(("kind", "actions"), [("inline", _INLINE), ("remote", _USER)])
def test_the_permissions_of_the_go_plugin_still_do(engine: Engine, kind: str, actions: list[str]) -> None:
    _operator(engine, actions)
    lease_id = engine.creds(getattr(engine, f"{kind}_role")()).ok().lease_id
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    refused = [call["action"] for call in engine.cloud.control.calls() if call["code"]]
    assert refused == ["ListAccessKeys"]


@pytest.mark.parametrize("missing", [action for action in _INLINE if "Delete" not in action and "Detach" not in action])
def test_a_missing_permission_is_named_and_leaves_nothing(engine: Engine, missing: str) -> None:
    _operator(engine, [action for action in _INLINE if action != missing])
    engine.full_role()
    engine.creds("full").refused(403, "NoPermission", missing.removeprefix("ram:"), "request id")
    assert engine.cloud.control.leftovers()["clean"]


def test_orphans_need_two_permissions_more(engine: Engine) -> None:
    lease_id = engine.creds(engine.inline_role()).ok().lease_id
    user = Storage(engine).list("issued")[0]
    Storage(engine).delete(f"issued/{user}")
    _operator(engine, [*_INLINE, *_LOOK, "ram:ListUsers", "ram:GetUser"])
    assert engine.api.list(f"{engine.path}/orphans").ok().data["keys"] == [user]
    engine.api.delete(f"{engine.path}/orphans/{user}").ok()
    engine.revoke(lease_id).ok()


def test_a_longer_session_needs_no_further_permission(engine: Engine) -> None:
    _operator(engine, ["sts:AssumeRole"])
    answer = engine.creds(engine.sts_role(ram_role="vault-short", ttl="2h")).ok()
    assert answer.body["lease_duration"] <= 3600 and answer.warnings
