"""Requests that the official SDKs signed are logins, in every spelling of the fields; the fake cloud verifies them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from harness.api import Json
from harness.cloud import Cloud
from harness.method import AuthMethod
from harness.sdks import core_v1, tea_v3
from harness.signing import CENTRAL, Key, Signed, b64, v1, v3

_REGIONAL = "sts.cn-hangzhou.aliyuncs.com"


def _operator(cloud: Cloud) -> Key:
    """A lasting key: of a RAM user."""
    return Key(cloud.access_key, cloud.secret_key)


def _style(method: AuthMethod) -> tuple[str, str, str]:
    """How the one call of the cloud was signed and where it went."""
    [call] = method.cloud.control.calls()
    assert call["action"] == "GetCallerIdentity" and call["status"] == 200
    return call["style"], call["method"], call["host"]


@pytest.mark.parametrize("host", [CENTRAL, _REGIONAL, "sts.us-east-1.aliyuncs.com"])
@pytest.mark.parametrize(("sdk", "style"), [(core_v1, "v1"), (tea_v3, "v3")])
def test_a_session_logs_in_with_a_request_of_the_sdk(method: AuthMethod, sdk: Callable[..., Signed], style: str,
                                                     host: str) -> None:
    method.bound()
    key = method.session()
    signed = sdk(key, host)
    auth = method.login(signed=signed).ok().body["auth"]
    assert auth["metadata"]["role_id"] == key.role_id and auth["metadata"]["identity_type"] == "AssumedRoleUser"
    assert _style(method) == (style, "POST", host)


@pytest.mark.parametrize(("sdk", "style"), [(core_v1, "v1"), (tea_v3, "v3")])
def test_a_user_without_a_token_logs_in_with_a_request_of_the_sdk(method: AuthMethod, sdk: Callable[..., Signed],
                                                                  style: str) -> None:
    account = method.cloud.account_id
    method.write_role("dev", bound_arns=[f"acs:ram::{account}:user/vault-operator"]).ok()
    auth = method.login(signed=sdk(_operator(method.cloud), CENTRAL)).ok().body["auth"]
    assert auth["metadata"]["arn"] == f"acs:ram::{account}:user/vault-operator"
    assert auth["metadata"]["user_id"] == auth["metadata"]["principal_id"]
    assert _style(method)[0] == style


def test_a_get_request_of_the_sdk_says_so(method: AuthMethod) -> None:
    method.bound()
    signed = core_v1(method.session(), CENTRAL, "GET")
    assert signed.method == "GET"
    method.login(signed=signed).ok()
    assert _style(method) == ("v1", "GET", CENTRAL)
    # Without the field it is taken for a POST, for which the signature is not good.
    signed = core_v1(method.session(), CENTRAL, "GET")
    signed.method = "POST"
    method.login(signed=signed).refused(403, "SignatureDoesNotMatch")
    # V3 as GET.
    method.login(signed=v3(method.session(), method="GET")).ok()


@pytest.mark.parametrize("sdk", [core_v1, tea_v3])
def test_requests_of_the_sdks_are_bound_to_a_server(method: AuthMethod, sdk: Callable[..., Signed]) -> None:
    method.bound()
    method.configure(server_id="vault.example.com").ok()
    method.login(signed=sdk(method.session(), CENTRAL)).refused(403, "VaultServerId")
    method.login(signed=sdk(method.session(), CENTRAL, VaultServerId="vault.example.org")).refused(403, "VaultServerId")
    assert method.cloud.control.calls() == []
    method.login(signed=sdk(method.session(), CENTRAL, VaultServerId="vault.example.com")).ok()


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


_SPELLINGS: dict[str, Callable[[Signed], Json]] = {
    "standard": lambda s: {},
    "url-safe": lambda s: {"identity_request_url": _url_safe(s.url),
                           "identity_request_headers": _url_safe(json.dumps(s.headers))},
    "unpadded": lambda s: {"identity_request_url": b64(s.url).rstrip("="),
                           "identity_request_headers": b64(json.dumps(s.headers)).rstrip("=")},
    "url-safe, unpadded": lambda s: {"identity_request_url": _url_safe(s.url).rstrip("=")},
    "with line breaks": lambda s: {"identity_request_url": base64.encodebytes(s.url.encode()).decode()},
    "headers as an object": lambda s: {"identity_request_headers": s.headers},
    "headers as an object of lists": lambda s: {
        "identity_request_headers": {name: [value] for name, value in s.headers.items()}},
    "headers as base64 of lists": lambda s: {
        "identity_request_headers": b64(json.dumps({name: [value] for name, value in s.headers.items()}))},
    "headers as JSON text": lambda s: {"identity_request_headers": json.dumps(s.headers)},
    "headers in canonical case": lambda s: {
        "identity_request_headers": {name.title(): [value] for name, value in s.headers.items()}},
    "headers as lines": lambda s: {
        "identity_request_headers": [f"{name}:{value}" for name, value in s.headers.items()]},
}


@pytest.mark.parametrize("sign", [v1, v3, core_v1, tea_v3])
def test_the_fields_are_taken_in_every_spelling(method: AuthMethod, sign: Callable[[Key, str], Signed]) -> None:
    method.bound()
    for name, spelling in _SPELLINGS.items():
        signed = sign(method.session(), _REGIONAL)
        answer = method.send({**signed.payload("dev"), **spelling(signed)})
        assert answer.status == 200, f"{name}: {answer.error}"


def test_a_request_without_headers_says_so(method: AuthMethod) -> None:
    """The documents require the field. Only a V1 request for GET is nothing but its URL."""
    method.bound()
    for headers in ({}, b64("{}"), "{}"):
        payload = v1(method.session()).payload("dev", identity_request_headers=headers)
        assert method.send(payload).status == 200, headers
    blanks: list[Any] = [None, "", " "]
    for headers in blanks:
        for signed in (v1(method.session()), v3(method.session())):
            payload = signed.payload("dev", identity_request_headers=headers)
            method.send(payload).refused(400, "identity_request_headers is missing")
        method.send(v1(method.session(), method="GET").payload("dev", identity_request_headers=headers)).ok()
    for signed in (v1(method.session()), v3(method.session())):
        payload = signed.payload("dev")
        del payload["identity_request_headers"]
        method.send(payload).refused(400, "identity_request_headers is missing")
