"""Renewing and revoking, also when things in the cloud are no longer as the engine left them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import MakeEngine
from harness.by_hand import BY_HAND, CUSTOM_POLICY, GROUP, assert_nothing_made, hang_everything
from harness.engine import Engine

Row = dict[str, Any]


def _user(engine: Engine) -> str:
    [user] = engine.cloud.control.leftovers()["users"]
    name: str = user["user_name"]
    return name


def test_a_renewal_follows_the_role_as_it_is_now(engine: Engine) -> None:
    lease_id = engine.creds(engine.full_role(ttl="5m", max_ttl="2h")).ok().lease_id
    engine.write_role("full", ttl="10m").ok()
    assert engine.renew(lease_id).ok().body["lease_duration"] == 600


def test_a_lease_of_a_deleted_role_cannot_be_renewed_but_revoked(engine: Engine) -> None:
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    engine.api.delete(f"{engine.path}/role/full").ok()
    engine.renew(lease_id).refused(400, "role full has been deleted so no further renewals are allowed")
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_revocation_takes_everything(engine: Engine) -> None:
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    assert engine.leases("full") == []
    # The server knows the lease no longer; that is no error either.
    engine.revoke(lease_id).ok()


def _delete_user(engine: Engine) -> None:
    engine.cloud.control.delete("users", user_name=_user(engine))


def _delete_key(engine: Engine) -> None:
    [key] = engine.cloud.control.leftovers()["keys"]
    engine.cloud.control.delete("keys", access_key_id=key["access_key_id"])


def _delete_policies(engine: Engine) -> None:
    for policy in engine.cloud.control.leftovers()["policies"]:
        engine.cloud.control.delete("policies", policy_name=policy["policy_name"])


def _delete_attachments(engine: Engine) -> None:
    for row in engine.cloud.control.leftovers()["attachments"]:
        engine.cloud.control.delete("attachments", user_name=row["name"], policy_name=row["policy_name"],
                                    policy_type=row["policy_type"])


@pytest.mark.parametrize("remove", [_delete_user, _delete_key, _delete_policies, _delete_attachments])
def test_what_somebody_has_already_deleted_counts_as_revoked(engine: Engine, remove: Callable[[Engine], None]) -> None:
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    remove(engine)
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize("thing", [*BY_HAND, "everything"])
def test_what_others_hung_on_the_user_goes_too(engine: Engine, thing: str) -> None:
    control = engine.cloud.control
    lease_id = engine.creds(engine.inline_role()).ok().lease_id
    BY_HAND.get(thing, hang_everything)(control, _user(engine))
    engine.revoke(lease_id).ok()
    state = control.state()
    assert CUSTOM_POLICY in [policy["policy_name"] for policy in state["policies"]], "it is not ours to delete"
    assert GROUP in [group["group_name"] for group in state["groups"]]
    assert_nothing_made(engine.cloud.control)


def test_a_policy_that_somebody_else_got_too_goes_away(engine: Engine) -> None:
    lease_id = engine.creds(engine.inline_role()).ok().lease_id
    [first, _] = engine.cloud.control.leftovers()["policies"]
    engine.cloud.control.post("attachments", user_name="alice", policy_name=first["policy_name"])
    engine.revoke(lease_id).ok()
    assert_nothing_made(engine.cloud.control)


def test_a_revocation_that_failed_half_way_is_finished_by_the_next(engine: Engine) -> None:
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    fault = engine.cloud.control.fault("error", "DetachPolicyFromUser", status=403, code="NoPermission", nth=3,
                                       count=None)
    answer = engine.revoke(lease_id)
    assert answer.status >= 400 and "NoPermission" in answer.error, answer
    left = engine.cloud.control.leftovers()
    assert left["users"] and not left["keys"], "access must end even when the rest cannot be removed"
    engine.cloud.control.clear_faults(fault)
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize("action", ["DeleteAccessKey", "DetachPolicyFromUser", "DeletePolicy", "DeleteUser"])
@pytest.mark.parametrize("kind", ["error", "cut_after"])
def test_each_call_of_a_revocation_may_fail_once_for_good(engine: Engine, action: str, kind: str) -> None:
    more: Row = {"status": 403, "code": "NoPermission"} if kind == "error" else {}
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    engine.cloud.control.fault(kind, action, **more)
    answer = engine.revoke(lease_id)
    clean = engine.cloud.control.leftovers()["clean"]
    # A success is one only when all is gone: what RAM finds in the way is removed on the second look.
    assert clean == (answer.status < 400), answer
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_leases_outlive_a_change_of_region_and_key(engine: Engine) -> None:
    leases = [engine.creds(role).ok().lease_id for role in (engine.full_role(), engine.sts_role())]
    other = engine.cloud.control.user("second-operator", grants=["*"], keys=1)["keys"][0]
    engine.configure(region="ap-southeast-1", access_key=other["access_key_id"],
                     secret_key=other["access_key_secret"]).ok()
    for lease_id in leases:
        engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_unmounting_revokes_everything(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for role in (engine.full_role(), engine.sts_role(), engine.remote_role()):
        engine.creds(role).ok()
    engine.unmount().ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_revoking_by_prefix_takes_one_role_alone(engine: Engine) -> None:
    for role in (engine.inline_role(), engine.remote_role()):
        engine.creds(role).ok()
        engine.creds(role).ok()
    engine.revoke_all("creds/inline").ok()
    left = engine.cloud.control.leftovers()
    assert len(left["users"]) == 2 and not left["policies"]


def test_a_wrapped_lease_is_the_same_lease(engine: Engine) -> None:
    wrapped = engine.api.call("GET", f"{engine.path}/creds/{engine.remote_role()}",
                              headers={"X-Vault-Wrap-TTL": "60"}).ok()
    unwrapped = engine.api.as_token(wrapped.body["wrap_info"]["token"]).call("PUT", "sys/wrapping/unwrap").ok()
    assert unwrapped.data["access_key"] and unwrapped.lease_id in [
        f"{engine.path}/creds/remote/{key}" for key in engine.leases("remote")]


def test_a_lease_ends_with_the_token_that_asked_for_it(engine: Engine) -> None:
    engine.api.write("sys/policies/acl/reader", policy='path "*" { capabilities = ["read"] }').ok()
    token = engine.api.call("PUT", "auth/token/create", {"policies": ["reader"]}).ok().body["auth"]["client_token"]
    engine.creds(engine.full_role(), api=engine.api.as_token(token)).ok()
    engine.api.write("auth/token/revoke", token=token).ok()
    assert engine.cloud.control.wait(20, action="DeleteUser", ended=1, count=1)
    assert engine.cloud.control.wait(20, ended=1, in_flight=0)
    assert engine.cloud.control.leftovers()["clean"]
