"""STS: identities, AssumeRole with its limits and trust, OIDC."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakecloud import Control, FakeCloud

from helpers import DOCUMENT, STS, STS_VERSION, Client, code_of, encode


def _with(fake: FakeCloud, answer: dict[str, Any], style: str = "v3") -> Client:
    found = answer["Credentials"]
    return Client(fake, found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"],
                  style)


def test_identity_shapes(fake: FakeCloud, client: Client, control: Control) -> None:
    account = fake.preset.account_id
    user = client.sts("GetCallerIdentity")
    assert set(user) == {"RequestId", "IdentityType", "AccountId", "Arn", "UserId", "PrincipalId"}
    assert user["PrincipalId"] == user["UserId"] and user["IdentityType"] == "RAMUser"
    key = control.key(root=True)
    root = Client(fake, key["access_key_id"], key["access_key_secret"]).sts("GetCallerIdentity")
    assert (root["Arn"], root["UserId"]) == (f"acs:ram::{account}:root", account)
    role = _with(fake, client.assume(RoleSessionName="a@b")).sts("GetCallerIdentity")
    assert set(role) == {"RequestId", "IdentityType", "AccountId", "Arn", "RoleId", "PrincipalId"}
    assert role["Arn"] == f"acs:ram::{account}:assumed-role/vault-target/a@b"
    assert role["PrincipalId"] == f"{role['RoleId']}:a@b"


def test_assume_role_answer(fake: FakeCloud, client: Client) -> None:
    answer = client.assume(DurationSeconds="43200", Policy=DOCUMENT, ExternalId="a=b,c.d@e:f/g-h")
    assert set(answer) == {"RequestId", "AssumedRoleUser", "Credentials"}
    assert answer["AssumedRoleUser"]["Arn"].endswith(":role/vault-target/test")
    token = answer["Credentials"]["SecurityToken"]
    assert len(token) > 600 and "+" in token and "/" in token and token.endswith("=")


@pytest.mark.parametrize("role, params, code", [
    ("vault-target", {"DurationSeconds": "899"}, "InvalidParameter.DurationSeconds"),
    ("vault-target", {"DurationSeconds": "43201"}, "InvalidParameter.DurationSeconds"),
    ("vault-target", {"DurationSeconds": "1h"}, "InvalidParameter.DurationSeconds"),
    ("vault-short", {"DurationSeconds": "3601"}, "InvalidParameter.DurationSeconds"),
    ("vault-target", {"RoleSessionName": "x"}, "InvalidParameter.RoleSessionName"),
    ("vault-target", {"RoleSessionName": "x" * 65}, "InvalidParameter.RoleSessionName"),
    ("vault-target", {"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
    ("vault-target", {"RoleArn": "role/vault-target"}, "InvalidParameter.RoleArn"),
    ("vault-target", {"ExternalId": "x"}, "InvalidParameter.ExternalId"),
    ("vault-target", {"SourceIdentity": "acs:x"}, "InvalidParameter.SourceIdentity"),
    ("vault-target", {"SourceIdentity": "aliyun-x y"}, "InvalidParameter.SourceIdentity"),
    ("vault-target", {"Policy": "{}"}, "InvalidParameter.PolicyGrammar"),
    ("vault-target", {"Policy": DOCUMENT + " " * 2048}, "InvalidParameter.PolicySize"),
    ("nothing", {}, "EntityNotExist.Role"),
    ("untrusting", {}, "NoPermission"),
    ("vault-ecs", {}, "NoPermission"),
])
def test_refusals(client: Client, role: str, params: dict[str, str], code: str) -> None:
    assert code_of(client.assume, role, **params) == code


def test_root_cannot_assume(fake: FakeCloud, control: Control) -> None:
    key = control.key(root=True)
    root = Client(fake, key["access_key_id"], key["access_key_secret"])
    assert code_of(root.assume) == "NoPermission"


def test_needs_permission_too(fake: FakeCloud, control: Control) -> None:
    key = control.user("plain", keys=1)["keys"][0]
    plain = Client(fake, key["access_key_id"], key["access_key_secret"])
    assert code_of(plain.assume) == "NoPermission"
    control.post("attachments", user_name="plain", policy_type="System",
                 policy_name="AliyunSTSAssumeRoleAccess")
    plain.assume()


def test_trust_of_user_and_external_id(fake: FakeCloud, client: Client, control: Control) -> None:
    control.role("strict", trust={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"RAM": [f"acs:ram::{fake.preset.account_id}:user/vault-operator"]},
         "Condition": {"StringEquals": {"sts:ExternalId": "right"}}}]})
    assert code_of(client.assume, "strict") == "NoPermission"
    assert code_of(client.assume, "strict", ExternalId="wrong") == "NoPermission"
    client.assume("strict", ExternalId="right")
    control.role("other", trust={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"RAM": f"acs:ram::{fake.preset.account_id}:user/alice"}}]})
    assert code_of(client.assume, "other") == "NoPermission"


def test_chain_and_source_identity(fake: FakeCloud, client: Client, control: Control) -> None:
    control.role("vault-target", grants=["sts:*"])
    first = client.assume(SourceIdentity="jane")
    assert first["SourceIdentity"] == "jane"
    chained = _with(fake, first)
    assert chained.assume("vault-short")["SourceIdentity"] == "jane"
    assert code_of(chained.assume, "vault-short", SourceIdentity="joe") == "NoPermission"


def test_session_policy_narrows(fake: FakeCloud, client: Client, control: Control) -> None:
    control.grant(["ram:*"], role_name="vault-target")
    _with(fake, client.assume()).ram("ListUsers")
    narrowed = _with(fake, client.assume(Policy=DOCUMENT))
    assert code_of(narrowed.ram, "ListUsers") == "NoPermission"


def test_expiration_is_real(fake: FakeCloud, client: Client, control: Control) -> None:
    session = _with(fake, client.assume(DurationSeconds="900"))
    control.session(access_key_id=session.key_id, seconds=60)
    session.sts("GetCallerIdentity")
    control.clock(61)
    assert code_of(session.sts, "GetCallerIdentity") == "InvalidSecurityToken.Expired"


def test_other_account(fake: FakeCloud, control: Control) -> None:
    control.post("accounts", account_id="6543210987654321")
    key = control.user("guest", account_id="6543210987654321", keys=1, grants=["*"])["keys"][0]
    guest = Client(fake, key["access_key_id"], key["access_key_secret"])
    assert code_of(guest.assume, "vault-target") == "NoPermission"
    assert _with(fake, guest.assume("untrusting")).sts("GetCallerIdentity")[
        "AccountId"] == fake.preset.account_id


def _oidc(client: Client, provider: str, role: str, token: str) -> tuple[int, Any]:
    """Anonymous: no key, no signature."""
    form = (f"RoleArn={encode(role)}&OIDCProviderArn={encode(provider)}"
            f"&OIDCToken={encode(token)}&RoleSessionName=pod")
    status, _, body = client.send(
        STS, "POST", f"/?Action=AssumeRoleWithOIDC&Format=JSON&Version={STS_VERSION}",
        {"Content-Type": "application/x-www-form-urlencoded"}, form.encode())
    return status, json.loads(body)


def test_oidc(fake: FakeCloud, client: Client, control: Control) -> None:
    made = control.post("oidc", provider_name="ack", subject="system:serviceaccount:a:b")
    role = control.role("pod", trust={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [made["arn"]]},
         "Condition": {"StringEquals": {"oidc:sub": "system:serviceaccount:a:b"}}}]})["arn"]
    status, answer = _oidc(client, made["arn"], role, made["token"])
    assert status == 200 and answer["OIDCTokenInfo"]["Subject"] == "system:serviceaccount:a:b"
    assert _with(fake, answer).sts("GetCallerIdentity")["IdentityType"] == "AssumedRoleUser"
    other = f"acs:ram::{fake.preset.account_id}:role/vault-target"
    for (provider, wanted, token), code in (
            ((made["arn"], other, made["token"]), "AuthenticationFail.NoPermission"),
            ((made["arn"], role, "eyJ.x"), "AuthenticationFail.OIDCToken.Invalid"),
            ((made["arn"] + "x", role, made["token"]), "EntityNotExist.OIDCProvider")):
        assert _oidc(client, provider, wanted, token)[1]["Code"] == code
    control.clock(3601)
    assert _oidc(client, made["arn"], role, made["token"])[1]["Code"] == (
        "AuthenticationFail.OIDCToken.Expired")
