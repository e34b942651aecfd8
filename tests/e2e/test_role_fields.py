"""What a role can say beside its policies or its RAM role, and what a request for credentials can choose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.by_hand import GROUP
from harness.engine import Engine, allow

_NARROW = allow("oss:GetObject", resource="acs:oss:*:*:bucket/a")


def _sent(engine: Engine) -> dict[str, str]:
    sent: dict[str, str] = engine.cloud.control.calls(action="AssumeRole")[-1]["params"]
    return sent


def _user(engine: Engine) -> dict[str, Any]:
    [left] = engine.cloud.control.leftovers()["users"]
    [user] = [user for user in engine.cloud.control.state()["users"] if user["user_name"] == left["user_name"]]
    found: dict[str, Any] = user
    return found


# === roles that assume a RAM role ===

def test_a_session_has_what_the_role_says(engine: Engine) -> None:
    engine.sts_role(session_policy=json.dumps(_NARROW), external_id="agreed", source_identity="team-a@x")
    engine.creds("sts").ok()
    sent = _sent(engine)
    assert json.loads(sent["Policy"]) == _NARROW
    assert (sent["ExternalId"], sent["SourceIdentity"]) == ("agreed", "team-a@x")
    read = engine.read_role("sts")
    assert json.loads(read["session_policy"]) == _NARROW
    assert engine.write_role("copy", **read).status == 204
    # A list that was never written is an empty one then.
    assert engine.read_role("copy") == {**read, "inline_policies": [], "remote_policies": []}


def test_an_external_id_that_the_ram_role_asks_for(engine: Engine) -> None:
    trust = {"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [f"acs:ram::{engine.cloud.account_id}:root"]},
         "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}]}
    engine.cloud.control.post("roles", role_name="strict", trust=trust)
    engine.sts_role(ram_role="strict")
    engine.creds("sts").refused(403, "NoPermission")
    engine.write_role("sts", external_id="agreed").ok()
    engine.creds("sts").ok()


def test_a_request_chooses_among_several_ram_roles(engine: Engine) -> None:
    first, second = engine.cloud.arn("vault-target"), engine.cloud.arn("vault-short")
    engine.write_role("many", role_arns=[first, second]).ok()
    assert engine.read_role("many")["role_arns"] == [first, second]
    engine.creds("many").refused(400, "role_arn is required")
    for arn in (first, second):
        engine.creds("many", role_arn=arn).ok()
        assert _sent(engine)["RoleArn"] == arn
    # Also as a read, whose parameters are in its query.
    engine.api.call("GET", f"{engine.path}/creds/many?role_arn={first}&ttl=20m").ok()
    assert (_sent(engine)["RoleArn"], _sent(engine)["DurationSeconds"]) == (first, "1200")
    engine.creds("many", role_arn=engine.cloud.arn("untrusting")).refused(400, "not among those that the role allows")
    engine.write_role("many", role_arn=first).refused(400, "role_arn and role_arns exclude each other")
    engine.write_role("many", role_arn=first, role_arns=[]).ok()
    engine.creds("many").ok()
    assert "role_arns" not in engine.read_role("many")


def test_a_request_narrows_only_where_the_role_allows_it(engine: Engine) -> None:
    engine.sts_role("closed")
    engine.creds("closed", session_policy=_NARROW).refused(400, "allow_session_policy")
    assert not engine.cloud.control.calls(action="AssumeRole")
    engine.sts_role("open", allow_session_policy=True)
    for given in (_NARROW, json.dumps(_NARROW)):
        engine.creds("open", session_policy=given).ok()
        assert json.loads(_sent(engine)["Policy"]) == _NARROW
    engine.creds("open").ok()
    assert "Policy" not in _sent(engine)
    for given, text in (("{", "not valid JSON"), ({"Version": "1"}, "Statement"),
                        (allow("oss:" + "x" * 2048), "RAM allows 2048")):
        engine.creds("open", session_policy=given).refused(400, "session_policy", text)


@pytest.mark.parametrize("kind", ["sts", "remote"])
def test_a_request_may_ask_for_a_ttl_that_the_role_allows(engine: Engine, kind: str) -> None:
    getattr(engine, f"{kind}_role")(ttl="30m", max_ttl="2h")
    for ttl, seconds in (("15m", 900), ("2h", 7200), (1200, 1200)):
        assert seconds - 5 <= engine.creds(kind, ttl=ttl).ok().body["lease_duration"] <= seconds
    engine.creds(kind, ttl="3h").refused(400, "ttl of 3h exceeds the 2h that the role allows")
    engine.write_role(kind, max_ttl=0).ok()
    engine.creds(kind, ttl="31m").refused(400, "ttl of 31m exceeds the 30m that the role allows")
    engine.creds(kind, ttl="soon").refused(400, "ttl")


# === roles of users ===

def test_a_user_has_groups_tags_and_the_description(engine: Engine) -> None:
    engine.inline_role(ram_groups=[GROUP], tags={"team": "a", "cost center": "7"}, description="für Tests")
    read = engine.read_role("inline")
    assert (read["ram_groups"], read["tags"]) == ([GROUP], {"team": "a", "cost center": "7"})
    assert read["description"] == "für Tests"
    lease_id = engine.creds("inline").ok().lease_id
    user = _user(engine)
    assert (user["groups"], user["tags"]) == ([GROUP], {"team": "a", "cost center": "7"})
    assert user["comments"].startswith("Made by Vault: mount ") and user["comments"].endswith(", für Tests")
    assert {policy["description"] for policy in engine.cloud.control.leftovers()["policies"]} == {
        "Created by Vault. für Tests"}
    # The owner tag in its comments still tells whose it is.
    engine.api.list(f"{engine.path}/orphans").refused(404)
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_groups_alone_make_a_role(engine: Engine) -> None:
    engine.write_role("member", ram_groups=GROUP).ok()
    lease_id = engine.creds("member").ok().lease_id
    assert _user(engine)["groups"] == [GROUP]
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_membership_is_undone_without_the_permission_to_list_groups(engine: Engine) -> None:
    actions = ["ram:CreateUser", "ram:DeleteUser", "ram:CreateAccessKey", "ram:DeleteAccessKey", "ram:AddUserToGroup",
               "ram:RemoveUserFromGroup", "ram:TagResources"]
    made = engine.cloud.control.user("least-operator", grants=actions, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()
    engine.write_role("member", ram_groups=GROUP, tags={"a": "b"}).ok()
    lease_id = engine.creds("member").ok().lease_id
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    # So is one of a request that fails.
    engine.cloud.control.post("faults", action="CreateAccessKey", kind="error", status=403, code="NoPermission", count=None)
    engine.creds("member").refused(403, "CreateAccessKey")
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize(("fields", "texts"), [
    ({"ram_groups": "nobody"}, ["EntityNotExist.Group", "nobody", "ram_groups"]),
    ({"ram_groups": GROUP, "tags": {"a": "b"}}, ["NoPermission", "ram:TagResources"]),
])
def test_what_ram_refuses_is_named_and_leaves_nothing(engine: Engine, fields: dict[str, Any], texts: list[str]) -> None:
    if "tags" in fields:
        engine.cloud.control.post("faults", action="TagResources", kind="error", status=403, code="NoPermission", count=None)
    engine.write_role("member", **fields).ok()
    answer = engine.creds("member")
    assert 400 <= answer.status < 500 and all(text in answer.error for text in texts), answer.error
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize(("kind", "fields", "text"), [
    ("sts", {"ram_groups": GROUP}, "ram_groups must be blank when an arn is present"),
    ("sts", {"tags": {"a": "b"}}, "tags must be blank when an arn is present"),
    ("sts", {"session_policy": _NARROW, "allow_session_policy": True}, "exclude each other"),
    ("sts", {"source_identity": "acs:me"}, "source_identity"),
    ("remote", {"external_id": "agreed"}, "external_id needs role_arn"),
    ("remote", {"session_policy": _NARROW}, "session_policy needs role_arn"),
    ("remote", {"tags": {"acs:x": "y"}}, "tags"),
    ("remote", {"description": "x" * 129}, "description"),
])
def test_what_does_not_fit_the_role_is_a_400(engine: Engine, kind: str, fields: dict[str, Any], text: str) -> None:
    getattr(engine, f"{kind}_role")()
    before = engine.read_role(kind)
    engine.write_role(kind, **fields).refused(400, text)
    assert engine.read_role(kind) == before


def test_a_user_takes_no_fields_of_a_session(engine: Engine) -> None:
    engine.remote_role()
    for field, value in (("role_arn", engine.cloud.arn("vault-target")), ("session_policy", _NARROW)):
        engine.creds("remote", **{field: value}).refused(400, f"{field} cannot be given for this role")
    assert engine.cloud.control.leftovers()["clean"]
