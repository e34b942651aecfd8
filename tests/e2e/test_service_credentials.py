"""API keys for services: as the credentials of a role, and where others gave them to a user, which RAM does not delete
with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from harness.engine import SERVICE, Engine
from harness.storage import Storage
from harness.waiting import until

_NEEDED = ["ram:ListServiceCredentials", "ram:UpdateServiceCredential", "ram:DeleteServiceCredential"]


def _lease_with_keys(engine: Engine, number: int) -> str:
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    [user] = [user["user_name"] for user in engine.cloud.control.state()["users"] if user["origin"] == "api"]
    for _ in range(number):
        engine.cloud.control.post("service_credentials", user_name=user)
    assert lease_id
    return lease_id


def test_api_keys_go_with_their_user(engine: Engine) -> None:
    # More than a page of them.
    engine.revoke(_lease_with_keys(engine, 101)).ok()
    calls = [call["action"] for call in engine.cloud.control.calls()]
    assert calls.count("ListServiceCredentials") == 2
    assert calls.count("UpdateServiceCredential") == calls.count("DeleteServiceCredential") == 101


@pytest.mark.parametrize("missing", _NEEDED)
def test_without_one_it_stays(engine: Engine, missing: str) -> None:
    lease_id = _lease_with_keys(engine, 1)
    made = engine.cloud.control.user("operator", grants=["ram:*User*", "ram:*AccessKey*", "ram:DeleteLoginProfile", *(
        action for action in _NEEDED if action != missing)], keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()
    engine.revoke(lease_id).refused(400, "DeleteConflict")
    refused = {call["action"] for call in engine.cloud.control.calls() if call["code"] == "NoPermission"}
    assert missing.removeprefix("ram:") in refused
    engine.cloud.control.grant(["*"], user_name="operator")
    engine.revoke(lease_id).ok()


# === API keys as the credentials of a role ===

def _keys(engine: Engine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = engine.cloud.control.state()["service_credentials"]
    return found


def test_a_lease_of_an_api_key(engine: Engine) -> None:
    control = engine.cloud.control
    role = engine.api_key_role(ttl="1h", max_ttl="24h", service_credential_days=30)
    shown = engine.read_role(role)
    assert {"credential_type": "service_credential", "service_name": SERVICE, "service_credential_days": 30}.items() <= (
        shown.items())
    answer = engine.creds(role).ok()
    [key] = _keys(engine)
    assert answer.data == {"service_credential_id": key["service_credential_id"], "service_name": SERVICE,
                           "service_credential_secret": answer.data["service_credential_secret"],
                           "expiration": key["expires"]}
    assert len(answer.data["service_credential_secret"]) > 20 and answer.body["lease_duration"] == 3600
    [user] = [user for user in control.state()["users"] if user["origin"] == "api"]
    assert (user["keys"], user["groups"], user["tags"], len(user["policies"])) == ([], ["auditors"], {"team": "a"}, 2)
    assert key["user_name"] == user["user_name"] == key["name"]
    assert engine.renew(answer.lease_id, increment="5h").ok().body["lease_duration"] == 5 * 3600
    # The engine's own job and its list of orphans know whose user it is.
    engine.api.list(f"{engine.path}/orphans").refused(404)
    control.clear_calls()
    engine.revoke(answer.lease_id).ok()
    assert control.leftovers()["clean"], control.leftovers()
    calls = [call["action"] for call in control.calls()]
    # RAM is not asked first what is in the way.
    assert calls.count("DeleteUser") == 1
    assert calls.index("DeleteServiceCredential") < calls.index("DetachPolicyFromUser") < calls.index("DeleteUser")


def test_a_key_ends_by_itself_after_its_lease(engine: Engine) -> None:
    engine.creds(engine.api_key_role(max_ttl="24h")).ok()
    [key] = _keys(engine)
    begin, end = (datetime.fromisoformat(key[at]) for at in ("created", "expires"))
    assert end - begin == timedelta(days=2)


def test_an_orphan_with_an_api_key_can_be_deleted(engine: Engine) -> None:
    lease_id = engine.creds(engine.api_key_role()).ok().lease_id
    [user] = Storage(engine).list("issued")
    Storage(engine).delete(f"issued/{user}")
    engine.api.delete(f"{engine.path}/orphans/{user}").ok()
    assert engine.cloud.control.leftovers()["clean"]
    engine.revoke(lease_id).ok()


@pytest.mark.parametrize("kind", ["throttle", "cut_before", "cut_after"])
@pytest.mark.parametrize("action", ["CreateUser", "GetUser", "TagResources", "CreateServiceCredential"])
def test_a_call_that_fails_once_is_repeated(engine: Engine, action: str, kind: str) -> None:
    fault = engine.cloud.control.fault(kind, action)
    answer = engine.creds(engine.api_key_role()).ok()
    assert engine.cloud.control.firings(fault) == 1
    assert [key["service_credential_id"] for key in _keys(engine)] == [answer.data["service_credential_id"]]
    engine.revoke(answer.lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize(("fault", "statuses"), [
    ({"kind": "throttle"}, {429}), ({"kind": "error", "status": 403, "code": "NoPermission"}, {403}),
    ({"kind": "error", "status": 500, "code": "InternalError", "execute": True}, {502, 503}),
    ({"kind": "error", "status": 409, "code": "LimitExceeded.User.ServiceCredential"}, {400, 409, 503}),
    ({"kind": "cut_after"}, {502, 503}), ({"kind": "http", "status": 502, "body": "<html>Bad</html>"}, {502, 503})])
@pytest.mark.parametrize("action", ["GetUser", "CreateServiceCredential"])
def test_a_call_that_fails_is_told_and_leaves_nothing(engine: Engine, action: str, fault: dict[str, Any],
                                                      statuses: set[int]) -> None:
    engine.configure(max_retries=2).ok()
    role = engine.api_key_role()
    injected = engine.cloud.control.fault(action=action, count=None, about=f"vault-*-{role}-*", **fault)
    with engine.in_background(lambda: engine.creds(role)) as issuing:
        answer = issuing.result(100)
    assert answer.status in statuses and action in answer.error, answer
    engine.cloud.control.clear_faults(injected)
    if not engine.cloud.control.leftovers()["clean"]:
        # What could not be undone at once, because the same call is needed for it.
        assert Storage(engine).age_log() == 1
        engine.reload()
        until(lambda: engine.cloud.control.leftovers()["clean"], "the tick has undone it", 90, 0.5)


def test_a_new_user_that_ims_sees_late(engine: Engine) -> None:
    engine.cloud.control.consistency(new_user={"calls": 3})
    answer = engine.creds(engine.api_key_role()).ok()
    engine.revoke(answer.lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_service_that_is_not_known(engine: Engine) -> None:
    engine.creds(engine.api_key_role(service_name="unknown.aliyuncs.com")).refused(400, "CreateServiceCredential", "ServiceName")
    assert engine.cloud.control.leftovers()["clean"]


_MINIMUM = ["ram:CreateUser", "ram:GetUser", "ram:DeleteUser", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser",
            "ram:AddUserToGroup", "ram:RemoveUserFromGroup", "ram:TagResources", "ram:CreatePolicy", "ram:DeletePolicy",
            "ram:CreateServiceCredential", *_NEEDED]


def _operator(engine: Engine, actions: list[str]) -> None:
    made = engine.cloud.control.user("least-operator", grants=actions, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()


def test_these_permissions_are_enough(engine: Engine) -> None:
    _operator(engine, _MINIMUM)
    role = engine.api_key_role()
    engine.revoke(engine.creds(role).ok().lease_id).ok()
    engine.cloud.control.fault("cut_after", "CreateServiceCredential")
    engine.revoke(engine.creds(role).ok().lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize("missing", _MINIMUM)
def test_and_each_of_them_is_needed(engine: Engine, missing: str) -> None:
    _operator(engine, [action for action in _MINIMUM if action != missing])
    answer = engine.creds(engine.api_key_role())
    if answer.status == 200:
        answer = engine.revoke(answer.lease_id)
    assert answer.status >= 400 and missing.removeprefix("ram:") in answer.error, answer
    engine.cloud.control.grant(["*"], user_name="least-operator")
    engine.revoke_all().ok()
    if not engine.cloud.control.leftovers()["clean"]:
        # An issue that could not be undone.
        assert Storage(engine).age_log() == 1
        engine.reload()
        until(lambda: engine.cloud.control.leftovers()["clean"], "the tick has undone it", 90, 0.5)
