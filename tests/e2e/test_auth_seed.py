"""Every request of the auth method's API documentation, as it is shown there.

Its sample answer has metadata of another cloud's method (`role_tag_max_ttl`, `instance_id`, `ami_id`, `auth_type`) and
the policy `prod` left out; those are errors of the document.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakecloud import Control
from harness.api import Api
from harness.cloud import Cloud
from harness.method import AuthMethod
from harness.server import Server
from harness.signing import Key, session_key, v1

_ACCOUNT = "5138828231865461"
_PAYLOAD = {"arn": f"acs:ram::{_ACCOUNT}:role/dev-role", "policies": ["dev", "prod"]}


@pytest.fixture
def workload(server: Server, cloud: Cloud, control: Control) -> Iterator[Key]:
    """The identity of the document, with the method at its default path."""
    method = AuthMethod(server, cloud, "alicloud")
    control.post("accounts", account_id=_ACCOUNT)
    control.role("dev-role", account_id=_ACCOUNT)
    yield session_key(control, "dev-role", account_id=_ACCOUNT, session_name="vm-ram-i-rj978rorvlg76urhqh7q")
    method.unmount().ok()


@pytest.mark.usefixtures("workload")
def test_a_role_is_written_read_listed_and_deleted_as_documented(api: Api) -> None:
    for method in ("POST", "PUT", "POST"):
        assert api.call(method, "auth/alicloud/role/dev-role", _PAYLOAD).status in (200, 204)
    data = api.call("GET", "auth/alicloud/role/dev-role").ok().data
    assert data["arn"] == _PAYLOAD["arn"]
    assert data["policies"] == ["dev", "prod"]
    api.call("POST", "auth/alicloud/role/prod-role", {**_PAYLOAD, "ttl": 900000, "max_ttl": 1800000}).ok()
    data = api.call("GET", "auth/alicloud/role/prod-role").ok().data
    assert (data["ttl"], data["max_ttl"], data.get("period", 0)) == (900000, 1800000, 0)
    for path in ("roles", "role"):
        assert api.call("LIST", f"auth/alicloud/{path}").ok().data == {"keys": ["dev-role", "prod-role"]}
        assert api.call("GET", f"auth/alicloud/{path}?list=true").ok().data["keys"] == ["dev-role", "prod-role"]
    assert api.call("DELETE", "auth/alicloud/role/dev-role").status == 204
    api.call("GET", "auth/alicloud/role/dev-role").refused(404)
    assert api.call("LIST", "auth/alicloud/roles").ok().data == {"keys": ["prod-role"]}


def test_a_login_is_answered_as_documented(api: Api, workload: Key, control: Control) -> None:
    api.call("POST", "auth/alicloud/role/dev-role", {**_PAYLOAD, "ttl": 1800, "max_ttl": 1800}).ok()
    payload = v1(workload).payload("dev-role")
    assert set(payload) == {"role", "identity_request_url", "identity_request_headers"}
    answer = api.as_token("").call("POST", "auth/alicloud/login", payload).ok()
    auth = answer.body["auth"]
    assert auth["renewable"] is True and auth["lease_duration"] == 1800
    assert auth["policies"] == ["default", "dev", "prod"] and auth["accessor"] and auth["client_token"]
    [call] = control.calls(action="GetCallerIdentity")
    assert auth["metadata"] == {
        "account_id": _ACCOUNT, "user_id": "", "role_id": workload.role_id,
        "arn": f"acs:ram::{_ACCOUNT}:assumed-role/dev-role/vm-ram-i-rj978rorvlg76urhqh7q",
        "identity_type": "AssumedRoleUser", "principal_id": f"{workload.role_id}:vm-ram-i-rj978rorvlg76urhqh7q",
        "request_id": call["request_id"], "role_name": "dev-role"}
    looked_up = api.as_token(auth["client_token"]).read("auth/token/lookup-self").ok().data
    assert looked_up["path"] == "auth/alicloud/login" and looked_up["meta"] == auth["metadata"]
