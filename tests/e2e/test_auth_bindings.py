"""Who may log in by a role, which hosts are asked, for which server a request is good, what an entity is called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import MakeEngine, MakeMethod
from fakecloud import Control
from harness.api import Api, Json
from harness.method import AuthMethod
from harness.signing import Key, v1, v3

_OTHER = "6543210987654321"


@pytest.fixture
def people(method: AuthMethod, control: Control) -> dict[str, Key]:
    """One caller of each kind, and a session and a user of another account."""
    control.post("accounts", account_id=_OTHER)
    control.role("Dev-Blue")
    control.role("dev-green")
    control.role("dev-green", account_id=_OTHER)
    return {
        "target": method.session(),
        "blue": method.session("Dev-Blue", session_name="vm-1"),
        "green": method.session("dev-green", session_name="role.dev-blue"),
        "alien": method.session("dev-green", account_id=_OTHER),
        "alice": Key.of(control.key(user_name="alice")),
        "bob": Key.of(control.user("Dev-Bob", keys=1)["keys"][0]),
        "zoe": Key.of(control.user("zoe", account_id=_OTHER, keys=1)["keys"][0]),
        "root": Key.of(control.key(root=True)),
    }


_ROLE, _USER = "acs:ram::1234567890123456:role/", "acs:ram::1234567890123456:user/"

_BINDINGS: dict[str, tuple[Json, set[str]]] = {
    "an arn": ({"arn": f"{_ROLE}vault-target"}, {"target"}),
    "an arn in other letters": ({"arn": f"{_ROLE}DEV-blue"}, {"blue"}),
    "an arn with a session": ({"arn": f"{_ROLE}dev-blue/another"}, {"blue"}),
    "arns of roles": ({"bound_arns": [f"{_ROLE}dev-blue", f"{_ROLE}vault-target"]}, {"blue", "target"}),
    "an arn beside bound_arns": ({"arn": f"{_ROLE}vault-target", "bound_arns": f"{_ROLE}dev-green"},
                                 {"target", "green"}),
    "roles by a wildcard": ({"bound_arns": f"{_ROLE}dev-*"}, {"blue", "green"}),
    "roles by a wildcard in other letters": ({"bound_arns": f"{_ROLE}DEV-B*"}, {"blue"}),
    "all roles": ({"bound_arns": f"{_ROLE}*"}, {"target", "blue", "green"}),
    "a user": ({"bound_arns": f"{_USER}alice"}, {"alice"}),
    "users by a wildcard": ({"bound_arns": f"{_USER}dev-*"}, {"bob"}),
    "all users": ({"bound_arns": f"{_USER}*"}, {"alice", "bob"}),
    "users and roles": ({"bound_arns": f"{_USER}alice,{_ROLE}dev-g*"}, {"alice", "green"}),
    "an account": ({"bound_account_ids": _OTHER}, {"alien", "zoe"}),
    "two accounts": ({"bound_account_ids": ["1234567890123456", _OTHER]},
                     {"target", "blue", "green", "alien", "alice", "bob", "zoe", "root"}),
    "an account and a role": ({"bound_account_ids": "1234567890123456", "bound_arns": f"{_ROLE}dev-*"},
                              {"blue", "green"}),
    "an account and an arn of another": ({"bound_account_ids": _OTHER, "arn": f"{_ROLE}dev-blue"}, set()),
    "the id of a role": ({"bound_role_ids": "BLUE"}, {"blue"}),
    "ids of roles within an account": ({"bound_role_ids": "BLUE,ALIEN", "bound_account_ids": _OTHER}, {"alien"}),
    "an id and another arn": ({"bound_role_ids": "BLUE", "arn": f"{_ROLE}dev-green"}, set()),
}


@pytest.mark.parametrize("name", _BINDINGS)
def test_a_role_lets_in_whom_it_is_bound_to_and_nobody_else(method: AuthMethod, people: dict[str, Key],
                                                            name: str) -> None:
    fields, allowed = _BINDINGS[name]
    if ids := fields.get("bound_role_ids"):
        fields = {**fields, "bound_role_ids": ids.replace("BLUE", people["blue"].role_id)
                  .replace("ALIEN", people["alien"].role_id)}
    method.write_role("dev", **fields).ok()
    answers = {person: method.login(key=key) for person, key in people.items()}
    assert {person for person, answer in answers.items() if answer.status == 200} == allowed
    for person in set(people) - allowed:
        answers[person].refused(403, "the ")
        # A refusal does not tell what the role is bound to.
        for value in fields.values():
            assert str(value) not in answers[person].error


def test_a_role_made_anew_under_its_name_is_another_one(method: AuthMethod, control: Control) -> None:
    role_id = control.role("made")["role_id"]
    method.write_role("by-name", arn=method.cloud.arn("made")).ok()
    method.write_role("by-id", arn=method.cloud.arn("made"), bound_role_ids=[role_id]).ok()
    old = method.login("by-id", key=method.session("made")).ok().body["auth"]["client_token"]
    control.delete("roles", role_name="made")
    assert control.role("made")["role_id"] != role_id
    method.login("by-name", key=method.session("made")).ok()
    method.login("by-id", key=method.session("made")).refused(403, "not among the role's bound_role_ids")
    method.renew(old).ok()


@pytest.mark.parametrize(("fields", "text"), [
    ({}, "the arn is required to create a role"),
    ({"arn": ""}, "the arn is required to create a role"),
    ({"arn": "vault-target"}, "unable to parse arn"),
    ({"arn": "acs:ram::1234567890123456"}, "unable to parse arn"),
    ({"arn": f"{_USER}alice"}, "only role arn types are supported"),
    ({"arn": "acs:ram::1234567890123456:assumed-role/dev/*"},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"arn": "acs:ram::1234567890123456:ASSUMED-ROLE/team/dev/*"},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"arn": "acs:ram::1234567890123456:assumed-role/dev-*/*"},
     "write acs:ram::1234567890123456:role/dev-* in bound_arns"),
    ({"arn": "acs:ram::1234567890123456:Role/dev"}, "write acs:ram::1234567890123456:role/dev"),
    ({"bound_arns": "*"}, "bound_arns"),
    ({"bound_arns": "acs:ram::*:role/dev"}, "bound_arns"),
    ({"bound_arns": f"{_ROLE}*-dev"}, "an arn can have one *, as its last character"),
    ({"bound_arns": "acs:ram::1234567890123456:*"}, "bound_arns"),
    ({"bound_arns": "acs:ram::1234567890123456:root"}, "whole accounts by bound_account_ids"),
    ({"bound_arns": "acs:ram::1234567890123456:assumed-role/dev/*"},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"bound_arns": "acs:ram::1234567890123456:assumed-role/dev/alice"},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"bound_arns": "acs:ram::1234567890123456:Assumed-Role/dev/?"},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"bound_arns": ["acs:ram::1234567890123456:role/dev/*"]},
     "sessions are bound by their role; write acs:ram::1234567890123456:role/dev"),
    ({"bound_arns": "acs:ram::*:assumed-role/dev/*"}, "write acs:ram::<account id>:role/dev"),
    ({"bound_account_ids": "me"}, "bound_account_ids"),
    ({"bound_account_ids": "*"}, "bound_account_ids"),
    ({"bound_role_ids": "dev"}, "a role id has 1 to 32 digits"),
])
def test_bindings_that_make_no_sense_are_refused(method: AuthMethod, fields: Json, text: str) -> None:
    method.write_role("dev", **fields).refused(400, text)
    assert method.api.read(f"{method.path}/role/dev").status == 404


@pytest.mark.parametrize("odd", [
    "acs:ram:123456:tf:role/-1234567890", "acs:ram::tf:role/-1234567890", "acs:ram:cn-hangzhou:tf:role/a/b/c",
    "acs:ram::1234:role/dev", "acs:ram::1234567890123456:role/", "acs:ram::1234567890123456:role/a+b",
    "acs:ram::1234567890123456:role/vault-*"])
def test_odd_arns_of_the_go_plugin_are_taken(method: AuthMethod, odd: str) -> None:
    [warning] = method.write_role("odd", arn=odd).ok().warnings
    assert warning.startswith(f"arn: no caller can match {odd}: "), warning
    assert method.read_role("odd")["arn"] == odd
    method.write_role("odd", token_ttl=60).ok()
    method.login("odd").refused(403, "does not match the role's arn")


def test_neither_the_third_field_nor_a_session_of_an_arn_is_looked_at(method: AuthMethod) -> None:
    arn = method.cloud.arn("vault-target")
    assert not method.write_role("region", arn=arn.replace("::", ":cn-hangzhou:")).ok().warnings
    method.login("region").ok()
    [warning] = method.write_role("session", arn=f"{arn}/*").ok().warnings
    assert warning == f"arn: sessions are bound by their role, so {arn}/* is the same as {arn}"
    method.login("session").ok()


@pytest.mark.parametrize("name", ["alice+dev@example.com", "a=b,c", "x" * 64, "o'brien (ops) & co.", "user:7!#$%^~|",
                                  "A_b-c", "cn=alice, ou=dev"])
def test_any_session_name_logs_in_renews_and_verifies(method: AuthMethod, make_engine: MakeEngine, control: Control,
                                                      name: str) -> None:
    method.bound()
    auth = method.login(key=method.session(session_name=name)).ok().body["auth"]
    assert auth["metadata"]["principal_id"].endswith(f":{name}")
    method.renew(auth["client_token"]).ok()
    # What STS tells of the engine's credentials, where a source gave those of such a session.
    arn = f"acs:ram::1234567890123456:assumed-role/vault-target/{name}"
    control.fault("http", "GetCallerIdentity", status=200, content_type="application/json", body=json.dumps(
        {"RequestId": "R", "AccountId": "1234567890123456", "Arn": arn, "IdentityType": "AssumedRoleUser",
         "RoleId": "3", "PrincipalId": f"3:{name}"}))
    shown = make_engine(configured=False).configure(
        access_key=method.cloud.access_key, secret_key=method.cloud.secret_key, verify=True).ok()
    assert shown.data["identity_arn"] == arn


def test_a_role_keeps_at_least_one_binding(method: AuthMethod) -> None:
    method.bound()
    method.write_role("dev", arn="").refused(400, "must keep at least one")
    method.write_role("dev", arn="", bound_account_ids="1234567890123456").ok()
    shown = method.read_role("dev")
    assert shown["arn"] == "" and shown["bound_account_ids"] == ["1234567890123456"]
    assert shown["bound_arns"] == shown["bound_role_ids"] == []
    # What a read shows can be written back.
    method.write_role("dev", **shown).ok()
    assert method.read_role("dev") == shown


def test_config_is_written_in_parts_and_read(method: AuthMethod) -> None:
    assert method.api.read(f"{method.path}/config").status == 404
    method.configure(server_id="vault.example.com").ok()
    assert method.configure(ram_alias="role_arn", ram_metadata="role_name,account_id").ok().warnings
    method.configure(sts_endpoints=["sts.ap-southeast-6.aliyuncs.com"]).ok()
    assert method.api.read(f"{method.path}/config").ok().data == {
        "sts_endpoints": ["sts.ap-southeast-6.aliyuncs.com"], "allowed_sts_hosts": [],
        "allow_vpc_endpoints": False, "server_id": "vault.example.com", "ram_alias": "role_arn",
        "ram_metadata": ["account_id", "role_name"], "fold_role_names": False, "ram_tags_metadata": [],
        "access_key": "", "ram_endpoint": ""}
    method.configure(server_id="", sts_endpoints="", ram_metadata="", ram_alias="").ok()
    assert method.api.read(f"{method.path}/config").ok().data == {
        "sts_endpoints": [], "allowed_sts_hosts": [], "allow_vpc_endpoints": False, "server_id": "",
        "ram_alias": "principal_id", "ram_metadata": [], "fold_role_names": False, "ram_tags_metadata": [],
        "access_key": "", "ram_endpoint": ""}
    method.api.delete(f"{method.path}/config").ok()
    assert method.api.read(f"{method.path}/config").status == 404


@pytest.mark.parametrize(("fields", "text"), [
    ({"sts_endpoints": "https://sts.example.com"}, "sts_endpoints"),
    ({"sts_endpoints": "127.0.0.1"}, "sts_endpoints"),
    ({"sts_endpoints": "*.aliyuncs.com"}, "sts_endpoints"),
    ({"sts_endpoints": "sts.aliyuncs.com/x"}, "sts_endpoints"),
    ({"sts_endpoints": "a@sts.aliyuncs.com"}, "sts_endpoints"),
    ({"allowed_sts_hosts": "sts.example.com"}, "other hosts belong in sts_endpoints"),
    ({"server_id": "a b"}, "server_id: expected 1 to 128 visible ASCII characters"),
    ({"server_id": "x" * 129}, "server_id"),
    ({"ram_alias": "name"}, "principal_id, role_id, role_arn, arn"),
    ({"ram_metadata": "shoe_size"}, "ram_metadata"),
    ({"allow_vpc_endpoints": "perhaps"}, "allow_vpc_endpoints"),
])
def test_settings_that_make_no_sense_are_refused(method: AuthMethod, fields: Json, text: str) -> None:
    method.configure(**fields).refused(400, text)
    assert method.api.read(f"{method.path}/config").status == 404


@pytest.mark.parametrize("sign", [v1, v3])
def test_a_request_for_one_server_is_worth_nothing_at_another(make_method: MakeMethod, sign: Any) -> None:
    one, two, open_to_all = make_method(), make_method(), make_method()
    one.configure(server_id="https://one.example.com:8200/a~b").ok()
    two.configure(server_id="https://two.example.com:8200").ok()
    key = one.session()

    def signed(server_id: str) -> Any:
        if sign is v1:
            return v1(key, VaultServerId=server_id)
        return v3(key, query={"VaultServerId": server_id})

    for method in (one, two, open_to_all):
        method.bound()
    request = signed("https://one.example.com:8200/a~b")
    two.login(signed=request).refused(403, "VaultServerId is not the id of this server")
    one.login(signed=sign(key)).refused(403, "the signed query parameter VaultServerId is missing")
    assert one.cloud.control.calls() == []
    one.login(signed=request).ok()
    # A mount without an id cannot tell for whom it was signed.
    for server_id in ("https://one.example.com:8200/a~b", ""):
        open_to_all.login(signed=signed(server_id)).refused(403, "this mount has no server_id")
    open_to_all.login(signed=sign(key)).ok()


def test_a_server_id_outside_of_the_signature_does_not_count(method: AuthMethod) -> None:
    method.bound()
    method.configure(server_id="one").ok()
    request = v1(method.session())
    request.url += "&VaultServerId=one"
    method.login(signed=request).refused(403, "SignatureDoesNotMatch")
    request = v1(method.session(), VaultServerId="two")
    request.url = request.url.replace("VaultServerId=two", "VaultServerId=one")
    method.login(signed=request).refused(403, "SignatureDoesNotMatch")
    request = v3(method.session())
    request.url += "?VaultServerId=one"
    method.login(signed=request).refused(403, "SignatureDoesNotMatch")


def test_hosts_are_added_and_taken_away(method: AuthMethod, control: Control) -> None:
    method.bound()
    new = "sts.ap-southeast-6.aliyuncs.com"
    control.post("hosts", host=new)
    method.login(signed=v1(method.session(), new)).refused(403, "list of STS hosts", "sts_endpoints")
    method.configure(sts_endpoints=new).ok()
    for sign in (v1, v3):
        method.login(signed=sign(method.session(), new)).ok()
        method.login(signed=sign(method.session())).ok()
        method.login(signed=sign(method.session(), f"a.{new}")).refused(403, "list of STS hosts")
    method.configure(sts_endpoints="").ok()
    method.login(signed=v1(method.session(), new)).refused(403, "list of STS hosts")
    assert {call["host"] for call in control.calls()} == {new, "sts.aliyuncs.com"}


def test_the_official_hosts_are_narrowed(method: AuthMethod, control: Control) -> None:
    method.bound()
    method.configure(allowed_sts_hosts="sts.cn-hangzhou.aliyuncs.com").ok()
    for sign in (v1, v3):
        method.login(signed=sign(method.session(), "sts.cn-hangzhou.aliyuncs.com")).ok()
        for host in ("sts.aliyuncs.com", "sts.us-east-1.aliyuncs.com"):
            method.login(signed=sign(method.session(), host)).refused(403, "allowed_sts_hosts")
    new = "sts.ap-southeast-6.aliyuncs.com"
    control.post("hosts", host=new)
    method.configure(sts_endpoints=new).ok()
    method.login(signed=v1(method.session(), new)).ok()
    assert {call["host"] for call in control.calls()} == {new, "sts.cn-hangzhou.aliyuncs.com"}
    method.configure(allowed_sts_hosts="").ok()
    method.login().ok()


def test_a_host_is_added_with_its_port(method: AuthMethod, control: Control) -> None:
    """The fake's proxy opens no other port, but keeps who asked for one."""
    method.bound()
    method.configure(sts_endpoints="sts.internal.example:8443").ok()
    for host in ("sts.internal.example", "sts.internal.example:443", "sts.internal.example:9443",
                 "sts.aliyuncs.com:8443"):
        assert method.login(signed=v1(method.session(), host)).status in (400, 403), host
    assert control.connections() == []
    method.login(signed=v1(method.session(), "sts.internal.example:8443")).refused(503, "STS could not be reached")
    assert [(c["host"], c["port"]) for c in control.connections()] == [("sts.internal.example", 8443)]


def test_vpc_hosts_are_allowed_by_the_operator_alone(method: AuthMethod, control: Control) -> None:
    method.bound()
    host = "sts-vpc.cn-hangzhou.aliyuncs.com"
    method.login(signed=v1(method.session(), host)).refused(403, "allow_vpc_endpoints")
    method.configure(allow_vpc_endpoints=True).ok()
    method.login(signed=v1(method.session(), host)).ok()
    method.login(signed=v3(method.session(), host)).ok()
    method.login(signed=v1(method.session(), "sts-vpc.cn-nowhere.aliyuncs.com")).refused(403, "list of STS hosts")
    assert {call["host"] for call in control.calls()} == {host}


def _alias(method: AuthMethod, api: Api, key: Key) -> tuple[str, Json]:
    """The entity of a login and the alias by which it is known."""
    entity_id = method.login(key=key).ok().body["auth"]["entity_id"]
    [alias] = api.read(f"identity/entity/id/{entity_id}").ok().data["aliases"]
    assert alias["mount_path"] == f"{method.path}/"
    return entity_id, alias


@pytest.mark.parametrize(("word", "name", "one_entity"), [
    ("", "{role_id}:vm-1", False), ("principal_id", "{role_id}:vm-1", False), ("role_id", "{role_id}", True),
    ("role_arn", "acs:ram::1234567890123456:role/vault-target", True),
    ("arn", "acs:ram::1234567890123456:assumed-role/vault-target/vm-1", False)])
def test_an_entity_is_known_by_what_the_operator_chose(method: AuthMethod, api: Api, word: str, name: str,
                                                       one_entity: bool) -> None:
    method.bound()
    method.configure(ram_alias=word).ok()
    key = method.session(session_name="vm-1")
    entity, alias = _alias(method, api, key)
    assert alias["name"] == name.format(role_id=key.role_id) and not alias["metadata"]
    assert _alias(method, api, method.session(session_name="vm-1"))[0] == entity
    assert (_alias(method, api, method.session(session_name="vm-2"))[0] == entity) is one_entity


def test_a_user_is_known_by_its_own_id_or_arn(method: AuthMethod, api: Api, control: Control) -> None:
    method.write_role("dev", bound_arns=f"{_USER}*").ok()
    user = control.user("carol", keys=1)
    for word, name in (("principal_id", user["user_id"]), ("role_id", user["user_id"]), ("arn", f"{_USER}carol"),
                       ("role_arn", f"{_USER}carol")):
        method.configure(ram_alias=word).ok()
        assert _alias(method, api, Key.of(user["keys"][0]))[1]["name"] == name


def test_the_alias_has_the_metadata_that_the_operator_chose(method: AuthMethod, api: Api) -> None:
    method.bound(alias_metadata={"team": "blue", "role_name": "never"})
    method.configure(ram_metadata="account_id,arn,identity_type,principal_id,role_arn,role_id,role_name,user_id").ok()
    key = method.session(session_name="vm-1")
    metadata = _alias(method, api, key)[1]["metadata"]
    assert metadata == {
        "account_id": "1234567890123456", "arn": "acs:ram::1234567890123456:assumed-role/vault-target/vm-1",
        "identity_type": "AssumedRoleUser", "principal_id": f"{key.role_id}:vm-1",
        "role_arn": "acs:ram::1234567890123456:role/vault-target", "role_id": key.role_id, "role_name": "dev",
        "team": "blue"}
    method.configure(ram_metadata="role_id").ok()
    assert _alias(method, api, key)[1]["metadata"] == {"role_id": key.role_id, "role_name": "never", "team": "blue"}
