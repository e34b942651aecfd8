"""Network policies of access keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakecloud import Control, FakeCloud

from helpers import STS_VERSION, Client, code_of

_IMS, _IMS_VERSION = "ims.aliyuncs.com", "2019-08-15"
_REFUSED = "Forbidden.AccessKeyNetworkPolicy"
_HERE = {"Type": "ClassicWhiteList", "IPList": ["127.0.0.2", "10.0.0.0/8"]}


def _policy(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": 1, "Status": "Active", "Statements": statements, **more})


def _set(client: Client, user: str, key_id: str, policy: str) -> Any:
    principal = f"{user}@alias-of-{client.fake.preset.account_id}.onaliyun.com"
    return client.call(_IMS, "SetAccessKeyPolicy", _IMS_VERSION, {
        "UserPrincipalName": principal, "UserAccessKeyId": key_id, "AccessKeyPolicy": policy})


def _identity(fake: FakeCloud, key: dict[str, str], address: str, host: str) -> Any:
    client = Client(fake, key["access_key_id"], key["access_key_secret"], address=address)
    try:
        return client.call(host, "GetCallerIdentity", STS_VERSION, {})
    finally:
        client.close()


def test_a_key_is_refused_from_elsewhere(fake: FakeCloud, client: Client, control: Control) -> None:
    public, inside = "sts.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com"
    control.post("hosts", host=inside, vpc="vpc-a")
    [key] = control.user("app", keys=1)["keys"]

    def seen() -> list[bool]:
        def refused(address: str, host: str) -> bool:
            try:
                return not _identity(fake, key, address, host)
            except Exception as error:  # what else it is fails the comparison
                return getattr(error, "code", None) == _REFUSED
        return [refused(address, host) for host in (public, inside) for address in ("127.0.0.1", "127.0.0.2")]

    assert seen() == [False] * 4
    for statements, expected in (
            ([_HERE], [True, False, True, True]),
            ([{"Type": "VPCWhiteList", "Value": "vpc-a", "IPList": ["127.0.0.1"]}], [True, True, False, True]),
            ([{"Type": "VPCWhiteList", "Value": "vpc-b", "IPList": ["0.0.0.0/0"]}], [True] * 4),
            ([{"Type": "VPCWhiteList", "Value": "AllowAllVPC", "IPList": ["0.0.0.0/0"]}], [True, True, False, False]),
            ([], [True] * 4)):
        _set(client, "app", key["access_key_id"], _policy(*statements))
        assert seen() == expected, statements
    _set(client, "app", key["access_key_id"], _policy(Status="Inactive"))
    assert seen() == [False] * 4


@pytest.mark.parametrize("policy", [
    "{}", "[]", "x", _policy(Version=2), _policy(Status="Off"), _policy(Statements=None), _policy(Other=1),
    _policy(_HERE, _HERE), _policy({**_HERE, "IPList": []}), _policy({**_HERE, "Value": "vpc-a"}),
    _policy({**_HERE, "IPList": ["10.0.0.1/8"]}), _policy({**_HERE, "IPList": ["10.0.0.1"] * 51}),
    _policy({"Type": "VPCWhiteList", "IPList": ["10.0.0.1"]}),
    _policy(*({"Type": "VPCWhiteList", "Value": f"vpc-{number}", "IPList": ["10.0.0.1"]} for number in range(9)))])
def test_what_is_no_policy_is_refused(client: Client, control: Control, policy: str) -> None:
    [key] = control.user("app", keys=1)["keys"]
    assert code_of(_set, client, "app", key["access_key_id"], policy) == "InvalidParameter.AccessKeyPolicy"


def test_it_is_of_a_key_of_the_user(client: Client, control: Control) -> None:
    control.user("app")
    [key] = control.user("other", keys=1)["keys"]
    assert code_of(_set, client, "app", key["access_key_id"], _policy(_HERE)) == "EntityNotExist.User.AccessKey"
    assert code_of(_set, client, "nobody", key["access_key_id"], _policy(_HERE)) == "EntityNotExist.User"
