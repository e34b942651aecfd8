"""signature.py against the official vectors, and the gateway's checks around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fakecloud import Control, FakeCloud, signature
from fakecloud.clock import iso

from helpers import RAM, RAM_VERSION, STS, STS_VERSION, Client, Refused, code_of

_HERE = Path(__file__).parent


def _vectors(version: str) -> list[Any]:
    vectors = json.loads((_HERE / f"vectors_{version}.json").read_text("utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


@pytest.mark.parametrize("vector", _vectors("v1"))
def test_v1_vector(vector: dict[str, Any]) -> None:
    params = {**vector["query"], **vector["form_body"]}
    assert signature.v1_signature(vector["secret"], vector["method"],
                                  params) == vector["signature"]
    params["Signature"] = "ignored"
    assert signature.v1_signature(vector["secret"], vector["method"],
                                  params) == vector["signature"]


@pytest.mark.parametrize("vector", _vectors("v3"))
def test_v3_vector(vector: dict[str, Any]) -> None:
    fields = signature.parse_authorization(vector["authorization"])
    assert fields is not None and fields.access_key_id == vector["access_key_id"]
    canonical = signature.v3_canonical_request(
        vector["method"], vector["path"], vector["query"], vector["headers"].items(),
        fields.signed_headers, vector["body"].encode())
    assert signature.v3_string_to_sign(canonical).endswith(vector["canonical_request_sha256"])
    assert signature.v3_signature(vector["secret"], canonical) == fields.signature


def test_authorization_fields_in_any_order() -> None:
    fields = signature.parse_authorization(
        "ACS3-HMAC-SHA256 Credential=a, Signature=b, SignedHeaders=host;x-acs-action")
    assert fields == signature.Authorization("a", ("host", "x-acs-action"), "b")
    for bad in ("ACS3-HMAC-SM3 Credential=a,SignedHeaders=b,Signature=c",
                "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b",
                "ACS3-HMAC-SHA256 Credential=a,Credential=a,SignedHeaders=b,Signature=c"):
        assert signature.parse_authorization(bad) is None


def _v1(client: Client, override: dict[str, str | None], method: str = "POST",
        sign_as: str | None = None, extra: str = "") -> str | None:
    query = client.v1_query(sign_as or method,
                            {"Action": "GetCallerIdentity", "Version": STS_VERSION}, **override)
    status, _, body = client.send(STS, method, f"/?{query}{extra}", {}, b"")
    if status == 200:
        return None
    code: str = json.loads(body)["Code"]
    return code


@pytest.mark.parametrize("override, code", [
    ({}, None),
    ({"SignatureType": ""}, None),
    ({"RegionId": "us-east-1", "Anything": "else"}, None),
    ({"Format": "json"}, None),
    ({"Format": None}, None),
    ({"Format": "YAML"}, "InvalidParameter.Format"),
    ({"Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "SignatureDoesNotMatch"),
    ({"Signature": None}, "MissingSignature"),
    ({"SignatureMethod": None}, "MissingSignatureMethod"),
    ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod"),
    ({"SignatureVersion": None}, "MissingSignatureVersion"),
    ({"SignatureNonce": None}, "MissingSignatureNonce"),
    ({"Timestamp": None}, "MissingTimestamp"),
    ({"Timestamp": "2024-02-29 23:59:59"}, "InvalidTimeStamp.Format"),
    ({"Timestamp": "2024-02-29T23:59:59Z"}, "InvalidTimeStamp.Expired"),
    ({"AccessKeyId": None}, "MissingAccessKeyId"),
    ({"AccessKeyId": "LTAIunknown"}, "InvalidAccessKeyId.NotFound"),
    ({"AccessKeyId": "STS.unknown"}, "MissingSecurityToken"),
    ({"SecurityToken": "x"}, "InvalidSecurityToken.MismatchWithAccessKey"),
    ({"Action": None}, "MissingAction"),
    ({"Action": "getcalleridentity"}, "InvalidApi.NotFound"),
    ({"Version": None}, "MissingVersion"),
    ({"Version": "2014-01-01"}, "InvalidApi.NotFound"),
    ({"Action": "GetUser", "Version": RAM_VERSION}, "InvalidProduct.NotFound"),
])
def test_v1_checks(client: Client, override: dict[str, str | None], code: str | None) -> None:
    assert _v1(client, override) == code


def test_v1_method_is_signed(client: Client) -> None:
    assert _v1(client, {}, "GET") is None
    assert _v1(client, {}, "GET", sign_as="POST") == "SignatureDoesNotMatch"
    assert _v1(client, {}, "PUT") == "UnsupportedHTTPMethod"


def test_v1_duplicates_are_refused(client: Client) -> None:
    assert _v1(client, {}, extra="&Format=JSON") == "InvalidParameter"


def test_v1_form_body_is_merged(client: Client) -> None:
    client.style = "v1"
    query = client.v1_query("POST", {"Action": "GetUser", "Version": RAM_VERSION,
                                     "UserName": "alice"})
    rest, form = query.replace("&UserName=alice", ""), b"UserName=alice"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = client.send(RAM, "POST", f"/?{rest}", kind, form)
    assert status == 200 and json.loads(body)["User"]["UserName"] == "alice"
    status, _, body = client.send(RAM, "POST", f"/?{rest}", {"Content-Type": "text/plain"}, form)
    assert json.loads(body)["Code"] == "InvalidParameter.ContentType"


def test_message_has_the_server_string(client: Client) -> None:
    client.secret = "wrong"
    client.style = "v1"
    with pytest.raises(Refused) as refused:
        client.sts("GetCallerIdentity")
    assert "server string to sign is:POST&%2F&AccessKeyId" in refused.value.body["Message"]
    assert set(refused.value.body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert refused.value.body["HostId"] == STS
    assert refused.value.headers["x-acs-request-id"] == refused.value.body["RequestId"]


@pytest.mark.parametrize("style", ["v1", "v3"])
def test_nonce_is_used_once_per_key(fake: FakeCloud, client: Client, control: Control,
                                    style: str) -> None:
    def once(by: Client) -> str | None:
        if style == "v1":
            return _v1(by, {"SignatureNonce": "n1"})
        headers = by.v3_headers(STS, "GetCallerIdentity", STS_VERSION, x_acs_signature_nonce="n1")
        return json.loads(by.send(STS, "POST", "/", headers, b"")[2]).get("Code")

    wrong = Client(fake, client.key_id, "wrong")
    assert once(wrong) == "SignatureDoesNotMatch"  # does not burn the nonce
    assert once(client) is None
    assert once(client) == "SignatureNonceUsed"
    key = control.user("other", keys=1)["keys"][0]
    assert once(Client(fake, key["access_key_id"], key["access_key_secret"])) is None


def test_time_window_follows_the_clock(client: Client, control: Control) -> None:
    control.clock(14 * 60)
    client.sts("GetCallerIdentity")
    for offset in (16 * 60, -16 * 60):
        control.clock(offset)
        assert code_of(client.sts, "GetCallerIdentity") == "InvalidTimeStamp.Expired"


def test_inactive_key(client: Client, control: Control) -> None:
    control.key(access_key_id=client.key_id, status="Inactive")
    assert code_of(client.sts, "GetCallerIdentity") == "InvalidAccessKeyId.Inactive"


def _v3(client: Client, body: bytes = b"", change: dict[str, str | None] | None = None,
        target: str = "/", **how: Any) -> str | None:
    """Signs, then changes headers, then sends."""
    headers = client.v3_headers(STS, "GetCallerIdentity", STS_VERSION, body, **how)
    for name, value in (change or {}).items():
        headers.pop(name, None)
        if value is not None:
            headers[name] = value
    status, _, answer = client.send(STS, "POST", target, headers, body)
    if status == 200:
        return None
    code: str = json.loads(answer)["Code"]
    return code


def test_v3_checks(client: Client) -> None:
    assert _v3(client) is None
    assert _v3(client, query={"VaultServerId": "a b*~"},
               target="/?" + urlencode({"VaultServerId": "a b*~"})) is None
    assert _v3(client, target="/?Extra=1") == "SignatureDoesNotMatch"
    assert _v3(client, change={"x-acs-action": "AssumeRole"}) == "SignatureDoesNotMatch"
    assert _v3(client, unsigned=("x-acs-action",)) == "IncompleteSignature"
    assert _v3(client, unsigned=("host", "x-acs-signature-nonce")) is None
    assert _v3(client, change={"x-acs-date": iso(0)}) == "InvalidTimeStamp.Expired"
    assert _v3(client, x_acs_date="now") == "InvalidTimeStamp.Format"
    assert _v3(client, change={"Authorization": None}) == "IncompleteSignature"
    assert _v3(client, change={"Authorization": "ACS3-HMAC-SHA256 a=b"}) == "IncompleteSignature"
    assert _v3(client, change={"Authorization": "ACS3-HMAC-SM3 x"}) == "InvalidSignatureMethod"
    assert _v3(client, target="/?Signature=x&AccessKeyId=y") == "IncompleteSignature"
    assert _v3(client, x_acs_content_sha256="0" * 64) == "SignatureDoesNotMatch"
    assert _v3(client, accept="text/html") == "InvalidParameter.Accept"
    headers = client.v3_headers(STS, "GetCallerIdentity", STS_VERSION)
    start, _, digest = headers["Authorization"].rpartition("=")
    assert _v3(client, change={"Authorization": f"{start}={digest.upper()}"}
               ) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("style", ["v1", "v3"])
def test_security_tokens(fake: FakeCloud, client: Client, control: Control, style: str) -> None:
    one, two = (client.assume()["Credentials"] for _ in range(2))

    def identity(token: str | None) -> Any:
        temporary = Client(fake, one["AccessKeyId"], one["AccessKeySecret"], token, style)
        return temporary.sts("GetCallerIdentity")

    token = one["SecurityToken"]
    assert identity(token)["IdentityType"] == "AssumedRoleUser"
    assert code_of(identity, None) == "MissingSecurityToken"
    assert code_of(identity, token.replace("+", " ")) == "InvalidSecurityToken.Malformed"
    assert code_of(identity, two["SecurityToken"]
                   ) == "InvalidSecurityToken.MismatchWithAccessKey"
    control.session(access_key_id=one["AccessKeyId"], seconds=0)
    assert code_of(identity, token) == "InvalidSecurityToken.Expired"


def test_deleted_role_kills_its_tokens(fake: FakeCloud, client: Client) -> None:
    credentials = client.assume()["Credentials"]
    client.ram("DeleteRole", RoleName="vault-target")
    temporary = Client(fake, credentials["AccessKeyId"], credentials["AccessKeySecret"],
                       credentials["SecurityToken"])
    assert code_of(temporary.sts, "GetCallerIdentity") == "InvalidAccessKeyId.NotFound"


def test_host_header_must_fit_the_connection(client: Client) -> None:
    headers = client.v3_headers("sts.aliyuncs.com", "GetCallerIdentity", STS_VERSION)
    status, _, body = client.send(STS, "POST", "/", headers, b"")
    assert status == 404 and json.loads(body)["Code"] == "InvalidProduct.NotFound"
    status, _, body = client.send(STS, "POST", "/other", client.v3_headers(
        STS, "GetCallerIdentity", STS_VERSION), b"")
    assert json.loads(body)["Code"] == "InvalidApi.NotFound"


def test_xml(client: Client) -> None:
    query = client.v1_query("GET", {"Action": "ListUsers", "Version": RAM_VERSION}, Format="XML")
    status, headers, body = client.send(RAM, "GET", f"/?{query}", {}, b"")
    assert status == 200 and headers["Content-Type"].startswith("text/xml")
    assert b"<ListUsersResponse>" in body and b"<UserName>alice</UserName>" in body
    status, _, body = client.send(RAM, "GET", f"/?{query}", {}, b"")
    assert status == 400 and b"<Error>" in body and b"<Code>SignatureNonceUsed</Code>" in body
