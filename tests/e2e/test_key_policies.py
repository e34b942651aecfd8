"""Keys that can be used from some networks only: `allowed_ips` and `allowed_vpcs` of roles."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness.engine import Engine
from harness.signing import CENTRAL, Key, v3

_INSIDE = "sts-vpc.cn-hangzhou.aliyuncs.com"


def _answer_from(engine: Engine, key: Key, address: str, host: str = CENTRAL) -> str:
    """What STS says to a call with the key from this address: the code of a refusal, or blank."""
    proxy = urlsplit(engine.cloud.proxy)
    context = ssl.create_default_context(cafile=engine.cloud.ca_file)
    connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context, timeout=20,
                                             source_address=(address, 0))
    connection.set_tunnel(host, 443)
    try:
        connection.request("POST", "/", headers=v3(key, host).headers)
        code: str = json.loads(connection.getresponse().read()).get("Code", "")
    finally:
        connection.close()
    return code


def _key(data: dict[str, Any]) -> Key:
    return Key(data["access_key"], data["secret_key"])


def test_a_key_works_from_where_its_role_allows_it_only(engine: Engine) -> None:
    engine.cloud.control.post("hosts", host=_INSIDE, vpc="vpc-a")
    engine.inline_role(allowed_ips="127.0.0.2/32,10.0.0.0/8", allowed_vpcs=["vpc-a=127.0.0.3", "vpc-b"])
    read = engine.read_role("inline")
    assert (read["allowed_ips"], read["allowed_vpcs"]) == (["127.0.0.2", "10.0.0.0/8"], ["vpc-a=127.0.0.3", "vpc-b"])
    answer = engine.creds("inline").ok()
    key = _key(answer.data)
    seen = {(host, address): _answer_from(engine, key, address, host)
            for host in (CENTRAL, _INSIDE) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3")}
    allowed = {(CENTRAL, "127.0.0.2"), (_INSIDE, "127.0.0.3")}
    assert {place for place, code in seen.items() if not code} == allowed
    assert {code for place, code in seen.items() if place not in allowed} == {"Forbidden.AccessKeyNetworkPolicy"}
    # The server itself can still renew and end the lease, with its own key.
    engine.renew(answer.lease_id).ok()
    engine.revoke(answer.lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_key_without_such_fields_has_no_policy_and_they_can_be_cleared(engine: Engine) -> None:
    engine.remote_role(allowed_ips="127.0.0.2")
    assert _answer_from(engine, _key(engine.creds("remote").ok().data), "127.0.0.1")
    engine.write_role("remote", allowed_ips=[]).ok()
    assert "allowed_ips" not in engine.read_role("remote")
    assert not _answer_from(engine, _key(engine.creds("remote").ok().data), "127.0.0.1")


def test_the_server_waits_for_a_key_before_it_shuts_itself_out(engine: Engine) -> None:
    engine.cloud.control.consistency(new_key={"calls": 2})
    engine.remote_role(allowed_ips="127.0.0.2", wait_for_propagation="30s")
    key = _key(engine.creds("remote").ok().data)
    assert not _answer_from(engine, key, "127.0.0.2") and _answer_from(engine, key, "127.0.0.1")


def test_a_policy_is_set_as_soon_as_the_key_is_seen(engine: Engine) -> None:
    engine.cloud.control.consistency(new_user={"calls": 2}, new_key_listing={"calls": 2})
    engine.remote_role(allowed_ips="127.0.0.2")
    assert _answer_from(engine, _key(engine.creds("remote").ok().data), "127.0.0.1")


@pytest.mark.parametrize("action", ["GetUser", "SetAccessKeyPolicy"])
def test_without_its_policy_no_key_is_given_out(engine: Engine, action: str) -> None:
    engine.remote_role(allowed_ips="127.0.0.2")
    control = engine.cloud.control
    control.fault("error", action, host="ims.aliyuncs.com", status=403, code="NoPermission", count=None)
    engine.creds("remote").refused(403, f"allow ram:{action}")
    assert control.leftovers()["clean"]


def test_an_answer_that_is_lost_is_asked_for_again(engine: Engine) -> None:
    engine.remote_role(allowed_ips="127.0.0.2")
    control = engine.cloud.control
    control.fault("cut_after", "SetAccessKeyPolicy", count=1)
    assert _answer_from(engine, _key(engine.creds("remote").ok().data), "127.0.0.1")
    assert len(control.calls(action="SetAccessKeyPolicy")) == 2
    control.fault("cut_after", "SetAccessKeyPolicy", count=None)
    before = len(control.leftovers()["users"])
    assert engine.creds("remote").status >= 500
    assert len(control.leftovers()["users"]) == before


@pytest.mark.parametrize(("kind", "fields", "text"), [
    ("sts", {"allowed_ips": "10.0.0.1"}, "allowed_ips must be blank when an arn is present"),
    ("sts", {"allowed_vpcs": "vpc-a"}, "allowed_vpcs must be blank when an arn is present"),
    ("remote", {"allowed_ips": "10.1.2.3/8"}, "write 10.0.0.0/8"),
    ("remote", {"allowed_ips": "everywhere"}, "expected an IP address or a CIDR block"),
    ("remote", {"allowed_ips": [f"10.0.0.{n}" for n in range(51)]}, "51 networks for public networks, but RAM takes 50"),
    ("remote", {"allowed_vpcs": "default"}, "expected vpc-<id>"),
    ("remote", {"allowed_vpcs": "vpc-a,vpc-a=10.0.0.1"}, "vpc-a is given with and without a network"),
    ("remote", {"allowed_ips": "10.0.0.1", "allowed_vpcs": [f"vpc-{n}" for n in range(8)]}, "8 VPCs, but RAM takes 8"),
])
def test_what_ram_does_not_take_is_a_400(engine: Engine, kind: str, fields: dict[str, Any], text: str) -> None:
    getattr(engine, f"{kind}_role")()
    before = engine.read_role(kind)
    engine.write_role(kind, **fields).refused(400, *fields, text)
    assert engine.read_role(kind) == before


def test_what_allows_everything_is_taken_with_a_warning(engine: Engine) -> None:
    answer = engine.write_role("remote", remote_policies="name:AliyunOSSReadOnlyAccess,type:System",
                               allowed_ips="0.0.0.0/0,10.0.0.1", allowed_vpcs="AllowAllVPC").ok()
    assert answer.warnings == ["allowed_ips: 0.0.0.0/0 allows every public address, whatever the policy of the account says",
                               "allowed_vpcs: AllowAllVPC allows VPCs of every account"]
