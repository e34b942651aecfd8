"""A lease ends though its user has API keys, which RAM does not delete with the user."""

from __future__ import annotations

import pytest
from harness.engine import Engine

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
