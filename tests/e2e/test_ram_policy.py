"""The policy of `config/ram-policy` is enough for every operation of the mount, and nothing in it is too much."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from harness.engine import Engine
from harness.storage import Storage

_OPERATOR = "mount-operator"

#: What the policy of `_mount` allows.
_ACTIONS = [
    "ram:AddUserToGroup", "ram:AttachPolicyToUser", "ram:CreateAccessKey", "ram:CreatePolicy",
    "ram:CreateServiceCredential", "ram:CreateUser",
    "ram:DeleteAccessKey", "ram:DeleteLoginProfile", "ram:DeletePolicy", "ram:DeletePolicyVersion",
    "ram:DeleteServiceCredential", "ram:DeleteUser", "ram:DetachPolicyFromUser", "ram:GetRole", "ram:GetUser",
    "ram:ListAccessKeys", "ram:ListEntitiesForPolicy", "ram:ListGroupsForUser", "ram:ListPoliciesForUser",
    "ram:ListPolicyVersions", "ram:ListServiceCredentials", "ram:ListUsers", "ram:RemoveUserFromGroup",
    "ram:SetAccessKeyPolicy", "ram:TagResources", "ram:UnbindMFADevice", "ram:UpdateAccessKey", "ram:UpdateServiceCredential",
    "sts:AssumeRole"]


def _mount(engine: Engine) -> None:
    """A mount with every kind of role, whose user may do nothing."""
    made = engine.cloud.control.user(_OPERATOR, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"],
                     rotation_period="24h").ok()
    engine.inline_role()
    engine.full_role()
    engine.remote_role(ram_groups="auditors", tags={"team": "a"}, allowed_ips="127.0.0.1")
    engine.api_key_role()
    engine.cloud.control.role("vault-middle", max_session_duration=5400)
    engine.sts_role(ram_role="vault-middle", ttl="2h")


def _policy(engine: Engine) -> dict[str, list[dict[str, list[str]]]]:
    data = engine.api.read(f"{engine.path}/config/ram-policy").ok().data
    assert data["attach_to"].endswith(f":user/{_OPERATOR}") and data["roles"] == 5
    policy: dict[str, list[dict[str, list[str]]]] = json.loads(data["policy"])
    return policy


def _attach(engine: Engine, policy: object) -> None:
    engine.cloud.control.policy("mount-policy", document=json.dumps(policy))
    engine.cloud.control.post("attachments", user_name=_OPERATOR, policy_name="mount-policy", policy_type="Custom")


def _user_of(engine: Engine, lease_id: str) -> str:
    """The user of the only lease."""
    assert lease_id
    [user] = [str(user["user_name"]) for user in engine.cloud.control.state()["users"] if user["origin"] == "api"]
    return user


def _ended_with_more(engine: Engine, hang: Callable[[str], object]) -> None:
    """A lease ends though others hung more on its user."""
    lease_id = engine.creds("full").ok().lease_id
    hang(_user_of(engine, lease_id))
    engine.revoke(lease_id).ok()


def _operations(engine: Engine) -> None:
    """Everything that a mount does; what goes wrong is an `AssertionError`."""
    control = engine.cloud.control
    answer = engine.creds("sts").ok()
    # The RAM role allows an hour and a half, which only RAM tells.
    assert answer.body["lease_duration"] > 3600
    for role in ("inline", "remote", "api-key"):
        engine.revoke(engine.creds(role).ok().lease_id).ok()
    control.fault("cut_after", "CreateUser", count=1)
    engine.revoke(engine.creds("full").ok().lease_id).ok()

    _ended_with_more(engine, lambda user: control.key(user_name=user))
    _ended_with_more(engine, lambda user: control.post("login_profiles", user_name=user))
    _ended_with_more(engine, lambda user: control.post("mfa", user_name=user))
    _ended_with_more(engine, lambda user: control.post("service_credentials", user_name=user))
    _ended_with_more(engine, lambda user: control.post(
        "attachments", user_name=user, policy_name="AliyunECSReadOnlyAccess", policy_type="System"))
    _ended_with_more(engine, lambda user: control.post("memberships", user_name=user, group_name="auditors"))

    # A policy of one lease has another version, and is attached to the user of another lease.
    first = engine.creds("inline").ok().lease_id
    user = _user_of(engine, first)
    policy = next(p["policy_name"] for p in control.state()["policies"] if p["origin"] == "api")
    second = engine.creds("remote").ok().lease_id
    [other] = [u["user_name"] for u in control.state()["users"] if u["origin"] == "api" and u["user_name"] != user]
    control.post("attachments", user_name=other, policy_name=policy, policy_type="Custom")
    control.post("versions", policy_name=policy)
    engine.revoke(first).ok()
    engine.revoke(second).ok()

    lease_id = engine.creds("inline").ok().lease_id
    user = Storage(engine).list("issued")[0]
    Storage(engine).delete(f"issued/{user}")
    assert engine.api.list(f"{engine.path}/orphans").ok().data["keys"] == [user]
    engine.api.delete(f"{engine.path}/orphans/{user}").ok()
    engine.revoke(lease_id).ok()

    control.clear_calls()
    rotated = engine.api.write(f"{engine.path}/config/rotate-root").ok()
    assert not rotated.warnings, rotated.warnings
    # It is only deactivated for the moment until it is deleted, without which a rotation succeeds, too.
    assert not [call["action"] for call in control.calls() if call["code"] == "NoPermission"]


def _cleaned(engine: Engine) -> None:
    """Ends what is left with a key that may do anything."""
    control = engine.cloud.control
    control.clear_faults()
    control.grant(["*"], user_name=_OPERATOR)
    engine.api.write(f"sys/leases/revoke-prefix/{engine.path}").ok()
    orphans = engine.api.list(f"{engine.path}/orphans")
    for user in orphans.data["keys"] if orphans.status == 200 else []:
        engine.api.delete(f"{engine.path}/orphans/{user}").ok()


def test_the_policy_is_enough_for_everything(engine: Engine) -> None:
    _mount(engine)
    policy = _policy(engine)
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == set(_ACTIONS)
    _attach(engine, policy)
    _operations(engine)
    leftovers = engine.cloud.control.leftovers()
    assert not leftovers["users"] and not leftovers["policies"], leftovers
    # The rotated key, and the policies that were made behind the API.
    engine.cloud.control.baseline()


@pytest.mark.parametrize("missing", _ACTIONS)
def test_none_is_too_much(engine: Engine, missing: str) -> None:
    _mount(engine)
    policy = _policy(engine)
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != missing]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    _attach(engine, policy)
    with pytest.raises(AssertionError):
        _operations(engine)
    refused = {call["action"] for call in engine.cloud.control.calls() if call["code"] == "NoPermission"}
    assert missing.partition(":")[2] in refused
    _cleaned(engine)
    engine.cloud.control.baseline()


def test_the_keys_of_static_roles_can_be_rotated(engine: Engine) -> None:
    control = engine.cloud.control
    made = control.user(_OPERATOR, grants=["*"], keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()
    control.user("billing")
    role = f"{engine.path}/static-roles/billing"
    engine.api.write(role, username="billing", rotation_period="24h").ok()
    control.grant([], user_name=_OPERATOR)
    policy = json.loads(engine.api.read(f"{engine.path}/config/ram-policy").ok().data["policy"])
    [statement] = policy["Statement"]
    assert statement["Resource"] == [f"acs:ram:*:{engine.cloud.account_id}:user/billing"]
    engine.api.call("POST", f"{engine.path}/rotate-role/billing").refused(403, "NoPermission")
    _attach(engine, policy)
    engine.api.call("POST", f"{engine.path}/rotate-role/billing").ok()
    engine.api.delete(role).ok()
    control.baseline()


def test_the_policy_follows_the_roles(engine: Engine) -> None:
    path = f"{engine.path}/config/ram-policy"
    empty = engine.api.read(path).ok()
    assert json.loads(empty.data["policy"])["Statement"] == [] and "write roles first" in empty.warnings[0]
    engine.sts_role()
    [statement] = json.loads(engine.api.read(path).ok().data["policy"])["Statement"]
    assert statement == {"Effect": "Allow", "Action": ["sts:AssumeRole"],
                         "Resource": [f"acs:ram:*:{engine.cloud.account_id}:role/vault-target"]}
    for number in range(200):
        engine.write_role(f"many-{number}", role_arn=engine.cloud.arn(f"a-role-with-a-long-name-{number}")).ok()
    long = engine.api.read(path).ok()
    assert long.data["roles"] == 201 and "RAM takes 6144" in long.warnings[0]
    Storage(engine).put("role/broken", "7")
    assert "such as \"broken\"" in engine.api.read(path).ok().warnings[0]


def test_the_policy_is_enough_for_names_of_a_template(engine: Engine) -> None:
    control = engine.cloud.control
    made = control.user(_OPERATOR, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"],
                     username_template="app-{{ .RoleName | truncate 24 }}-{{ random 12 }}").ok()
    engine.inline_role()
    policy = json.loads(engine.api.read(f"{engine.path}/config/ram-policy").ok().data["policy"])
    _attach(engine, policy)
    lease_id = engine.creds("inline").ok().lease_id
    assert _user_of(engine, lease_id).startswith("app-inline-")
    engine.revoke(lease_id).ok()
    leftovers = control.leftovers()
    assert not leftovers["users"] and not leftovers["policies"], leftovers
    control.baseline()


def test_a_static_role_that_cannot_be_read_is_left_out(engine: Engine) -> None:
    engine.sts_role()
    Storage(engine).put("static-role/broken", "7")
    answer = engine.api.read(f"{engine.path}/config/ram-policy").ok()
    assert "static roles that are left out" in answer.warnings[0] and "vault-target" in answer.data["policy"]


def test_without_an_account_the_policy_is_for_any(engine: Engine) -> None:
    engine.sts_role()
    engine.remote_role()
    engine.cloud.control.fault("error", "GetCallerIdentity", code="InternalError", count=None)
    answer = engine.api.read(f"{engine.path}/config/ram-policy").ok()
    assert "acs:ram:*:*:user/vault-*" in answer.data["policy"] and answer.data["attach_to"] == ""
    assert "the account is not known" in answer.warnings[0]
