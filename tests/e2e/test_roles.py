"""`role/<name>` and its lists: the forms that clients send, and the rules for a role as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.cli import Cli
from harness.engine import INLINE, REMOTE, Engine, allow

_REMOTE_READ = [{"name": "AliyunOSSReadOnlyAccess", "type": "System"}, {"name": "app-readonly", "type": "Custom"}]
_ARN = "acs:ram::1234567890123456:role/vault-target"


def _documents(engine: Engine, name: str) -> list[Any]:
    return [entry["policy_document"] for entry in engine.read_role(name)["inline_policies"]]


@pytest.mark.parametrize("sent", [
    pytest.param(json.dumps(INLINE), id="text of a list"),
    pytest.param(INLINE, id="list"),
    pytest.param([json.dumps(document) for document in INLINE], id="list of texts"),
    pytest.param([{"hash": "a" * 32, "policy_document": d} for d in INLINE], id="read shape"),
    pytest.param(json.dumps([{"hash": "a" * 32, "policy_document": d} for d in INLINE]), id="text of read shape"),
])
def test_inline_policies_are_taken_in_every_form(engine: Engine, sent: Any) -> None:
    assert engine.write_role("r", inline_policies=sent).status == 204
    assert _documents(engine, "r") == INLINE


@pytest.mark.parametrize("sent", [
    pytest.param(REMOTE, id="list of pairs"),
    pytest.param(["type:System,name:AliyunOSSReadOnlyAccess", " name: app-readonly , type: Custom "], id="spaces"),
    pytest.param(_REMOTE_READ, id="read shape"),
    pytest.param(json.dumps(_REMOTE_READ), id="text of read shape"),
    pytest.param(json.dumps(REMOTE), id="text of a list of pairs"),
])
def test_remote_policies_are_taken_in_every_form(engine: Engine, sent: Any) -> None:
    assert engine.write_role("r", remote_policies=sent).status == 204
    assert engine.read_role("r")["remote_policies"] == _REMOTE_READ


def test_a_single_remote_policy_needs_no_list(engine: Engine) -> None:
    engine.write_role("r", remote_policies=REMOTE[0]).ok()
    assert engine.read_role("r")["remote_policies"] == _REMOTE_READ[:1]


def test_what_is_read_can_be_written_back(engine: Engine) -> None:
    engine.full_role("r", ttl="10m", max_ttl="2h")
    read = engine.read_role("r")
    assert engine.write_role("r", **read).status == 204
    assert engine.read_role("r") == read
    assert engine.write_role("copy", **read).status == 204
    assert engine.read_role("copy") == read


def test_a_read_shows_integers_and_empty_values(engine: Engine) -> None:
    engine.remote_role("r", ttl="1h30m")
    assert engine.read_role("r") == {"role_arn": "", "remote_policies": _REMOTE_READ, "inline_policies": None,
                                     "ttl": 5400, "max_ttl": 0, "wait_for_propagation": 0}


def test_the_payloads_of_terraform(engine: Engine) -> None:
    # All five fields, each time; what is not set is sent blank.
    terraform = {"role_arn": "", "inline_policies": "[]", "remote_policies": [], "ttl": 0, "max_ttl": 0}
    for more in ({"inline_policies": json.dumps([INLINE[0]])}, {"remote_policies": REMOTE, "ttl": 3600},
                 {"role_arn": _ARN}, {"inline_policies": json.dumps([INLINE[1]]), "max_ttl": 7200}):
        assert engine.write_role("tf", **{**terraform, **more}).status == 204
        read = engine.read_role("tf")
        assert read["role_arn"] == more.get("role_arn", "")
        assert [type(read[name]) for name in ("ttl", "max_ttl")] == [int, int]
        assert [e["policy_document"] for e in read["inline_policies"]] == json.loads(
            str(more.get("inline_policies", "[]")))
    engine.write_role("tf", **terraform).refused(
        400, "must include an arn, or at least one of inline_policies or remote_policies")


@pytest.mark.parametrize("payload", [
    {"credential_type": "service_credential", "service_name": "dashscope.aliyuncs.com", "service_credential_days": 1,
     "remote_policies": [{"name": "app-readonly", "type": "Custom"}], "ram_groups": ["model-users"], "tags": {"team": "a"},
     "description": "models of team a", "ttl": 3600, "max_ttl": 43200},
    {"role_arns": [_ARN], "external_id": "agreed", "source_identity": "{{ identity.entity.name | truncate 64 }}",
     "session_policy": '{"Statement":[{"Action":["oss:Get*","oss:List*"],"Effect":"Allow","Resource":["*"]}],"Version":"1"}',
     "max_ttl": 7200},
    {"remote_policies": [{"name": "AliyunOSSReadOnlyAccess", "type": "System"}], "allowed_ips": ["203.0.113.0/24"],
     "allowed_vpcs": ["vpc-bp1abc=172.16.0.0/16"]}], ids=["service_credential", "assumed_role", "networks"])
def test_the_payloads_of_a_generic_endpoint_are_read_as_they_are_written(engine: Engine, payload: dict[str, Any]) -> None:
    """Otherwise each plan of Terraform would show a change."""
    engine.write_role("tf", **payload).ok()
    assert payload.items() <= engine.read_role("tf").items()


def test_the_payload_of_vaultsharp(engine: Engine) -> None:
    engine.write_role("vs", inline_policies=json.dumps([{"hash": None, "policy_document": INLINE[0]}]),
                      remote_policies=json.dumps(_REMOTE_READ), ttl="3600", max_ttl="7200s").ok()
    read = engine.read_role("vs")
    assert _documents(engine, "vs") == INLINE[:1] and read["remote_policies"] == _REMOTE_READ
    assert (read["ttl"], read["max_ttl"]) == (3600, 7200)


def test_both_lists_show_the_same_names(engine: Engine) -> None:
    for path in ("role", "roles"):
        engine.api.list(f"{engine.path}/{path}").refused(404)
    for name in ("b", "A", "c.d_e-f"):
        engine.remote_role(name)
    for path in ("role", "role/", "roles", "roles/"):
        assert engine.api.list(f"{engine.path}/{path}").ok().data == {"keys": ["a", "b", "c.d_e-f"]}


def test_a_role_is_found_whatever_the_case(engine: Engine) -> None:
    engine.remote_role("Dev")
    assert engine.read_role("dev") == engine.read_role("DEV")
    engine.write_role("dEv", ttl=60).ok()
    assert engine.read_role("dev")["ttl"] == 60
    engine.creds("DeV").ok()
    assert engine.api.delete(f"{engine.path}/role/DEV").status == 204
    engine.api.read(f"{engine.path}/role/dev").refused(404)
    assert engine.api.delete(f"{engine.path}/role/dev").status == 204


def test_a_partial_update_leaves_the_rest(engine: Engine) -> None:
    engine.full_role("r", ttl=60, max_ttl=600)
    before = engine.read_role("r")
    engine.write_role("r", ttl=120).ok()
    assert engine.read_role("r") == {**before, "ttl": 120}
    engine.write_role("r", inline_policies="[]").ok()
    after = engine.read_role("r")
    assert after["inline_policies"] == [] and after["remote_policies"] == before["remote_policies"]


@pytest.mark.parametrize(("fields", "texts"), [
    ({}, ["must include an arn, or at least one of inline_policies or remote_policies"]),
    ({"role_arn": _ARN, "remote_policies": REMOTE}, ["remote_policies must be blank when an arn is present"]),
    ({"role_arn": _ARN, "inline_policies": INLINE}, ["inline_policies must be blank when an arn is present"]),
    ({"role_arn": "vault-target"}, ["role_arn"]),
    ({"role_arn": "acs:ram::1234567890123456:user/alice"}, ["role_arn"]),
    ({"inline_policies": "not json"}, ["inline_policies"]),
    ({"inline_policies": "[1]"}, ["inline_policies"]),
    ({"inline_policies": "[null]"}, ["inline_policies"]),
    ({"inline_policies": [{"Statement": []}]}, ["inline_policies"]),
    ({"inline_policies": [allow("a:" + "x" * 6200)]}, ["inline_policies", "6144"]),
    ({"remote_policies": ["AliyunOSSReadOnlyAccess"]}, ["remote_policies", "unable to recognize pair"]),
    ({"remote_policies": ["name:x,type:System,colour:red"]}, ["remote_policies", "invalid key"]),
    ({"remote_policies": ["type:System"]}, ["remote_policies", "policy name is required"]),
    ({"remote_policies": ["name:x"]}, ["remote_policies", "policy type is required"]),
    ({"remote_policies": ["name:x,type:Managed"]}, ["remote_policies", "System"]),
    ({"remote_policies": ["name:sp ace,type:Custom"]}, ["remote_policies"]),
    ({"remote_policies": REMOTE, "ttl": "2h", "max_ttl": "1h"}, ["ttl exceeds max_ttl"]),
    ({"remote_policies": REMOTE, "ttl": "soon"}, ["ttl"]),
    ({"remote_policies": REMOTE, "max_ttl": -5}, ["max_ttl"]),
    ({"inline_policies": [allow(f"s{n}:*") for n in range(11)]}, ["inline_policies", "10"]),
    ({"remote_policies": [f"name:AliyunService{n}ReadOnlyAccess,type:System" for n in range(1, 22)]},
     ["remote_policies", "20"]),
])
def test_a_wrong_role_is_a_400_that_names_the_field(engine: Engine, fields: dict[str, Any],
                                                    texts: list[str]) -> None:
    engine.write_role("r", **fields).refused(400, *texts)
    engine.api.read(f"{engine.path}/role/r").refused(404)


def test_a_wrong_change_leaves_the_role_as_it_was(engine: Engine) -> None:
    engine.remote_role("r", max_ttl=600)
    before = engine.read_role("r")
    engine.write_role("r", ttl=601).refused(400, "ttl exceeds max_ttl")
    engine.write_role("r", role_arn=_ARN).refused(400, "remote_policies must be blank")
    assert engine.read_role("r") == before


def test_a_blank_name_is_refused(engine: Engine) -> None:
    # OpenBao does this before it asks the plugin; Vault says "unsupported operation".
    engine.api.call("PUT", f"{engine.path}/role/", {"role_arn": _ARN}).refused(400, "cannot write to a path ending")


def test_a_raised_quota_allows_more_policies(engine: Engine) -> None:
    engine.configure(max_custom_policies=11).ok()
    engine.inline_role("r", [allow(f"s{n}:*") for n in range(11)])


def test_warnings_speak_of_hours_not_of_nanoseconds(engine: Engine) -> None:
    answer = engine.write_role("r", remote_policies=REMOTE, ttl="800h", max_ttl="900h").ok()
    assert len(answer.warnings) == 2
    for warning, hours in zip(sorted(answer.warnings), ("900h", "800h"), strict=True):
        assert hours in warning and "768h" in warning, answer.warnings


_MANY = [{"name": "AliyunOSSReadOnlyAccess", "type": "System"}, {"name": "app-readonly", "type": "Custom"},
         {"name": "AliyunECSReadOnlyAccess", "type": "System"}]


@pytest.mark.parametrize("sent", [
    "name:AliyunOSSReadOnlyAccess,type:System,name:app-readonly,type:Custom,name:AliyunECSReadOnlyAccess,type:System",
    "type:System,name:AliyunOSSReadOnlyAccess,type:Custom,name:app-readonly,type:System,"
    "name:AliyunECSReadOnlyAccess",
    "name:AliyunOSSReadOnlyAccess,type:system\nname:app-readonly,type:custom\n"
    "name:AliyunECSReadOnlyAccess,type:SYSTEM\n",
    ["name:AliyunOSSReadOnlyAccess,type:System,name:app-readonly,type:Custom", _MANY[2]],
    [json.dumps(_MANY[0]), json.dumps(_MANY[1:])],
    json.dumps(_MANY, indent=2),
])
def test_no_remote_policy_is_lost_whatever_the_form(engine: Engine, sent: Any) -> None:
    assert engine.write_role("r", remote_policies=sent).status == 204
    assert engine.read_role("r")["remote_policies"] == _MANY


def test_remote_policies_from_the_command_line(engine: Engine) -> None:
    cli = Cli(engine.server)
    # As Terraform's provider documents it, and as a list that the command line makes.
    cli.run(f"write {engine.path}/role/tf remote_policies=name:AliyunOSSReadOnlyAccess,type:System,"
            "name:AliyunECSReadOnlyAccess,type:System").ok()
    assert engine.read_role("tf")["remote_policies"] == [_MANY[0], _MANY[2]]
    cli.run(f"write {engine.path}/role/list remote_policies=name:AliyunOSSReadOnlyAccess,type:System "
            "remote_policies=type:Custom,name:app-readonly "
            "remote_policies=name:AliyunECSReadOnlyAccess,type:System").ok()
    assert engine.read_role("list")["remote_policies"] == _MANY
    said = cli.run(f"write {engine.path}/role/twice remote_policies=name:A,name:B,type:System")
    assert said.code == 2 and 'policy type is required in "name:A,name:B,type:System": "A" has none' in said.text, said


@pytest.mark.parametrize(("sent", "reason"), [
    ('[{"name":"A","type":"System","name":"B","type":"Custom"}]',
     'the member "name" is given twice in one object, at line 1 column 3 and at line 1 column 30'),
    ("name:A,type:System,type:Custom",
     'policy name is required in "name:A,type:System,type:Custom" for a type of "Custom"'),
    (["name:A,type:System", "name:B"], "element 2: policy type is required"),
    ("name=A,type=System", "write name:<name>,type:<System or Custom> for each policy"),
    ([{"name": "A", "type": "System", "colour": "red"}], 'element 1: invalid key: "colour"'),
    ([{"name": "A", "type": 7}], "element 1: type: expected a string, got a number"),
    ("acs:ram:*:system:policy/AliyunOSSReadOnlyAccess", "write name:AliyunOSSReadOnlyAccess,type:System"),
    ('[{"name":"A","type":"System"}] x', "there is more text after the end of the JSON, at line 1 column 32"),
])
def test_remote_policies_that_are_not_understood(engine: Engine, sent: Any, reason: str) -> None:
    engine.write_role("r", remote_policies=sent).refused(400, "remote_policies: ", reason)
    engine.api.read(f"{engine.path}/role/r").refused(404)


def test_a_policy_that_is_listed_twice_has_a_warning(engine: Engine) -> None:
    answer = engine.write_role("r", remote_policies=[REMOTE[0], REMOTE[1], REMOTE[0]]).ok()
    assert answer.warnings == ["remote_policies: AliyunOSSReadOnlyAccess is in the list twice"]
    assert len(engine.read_role("r")["remote_policies"]) == 3


def test_inline_policies_of_several_files(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps([INLINE[0], INLINE[1]], indent=2), "utf-8")
    (tmp_path / "two.json").write_text(json.dumps(INLINE[0]), "utf-8")
    Cli(engine.server).run(f"write {engine.path}/role/r inline_policies=@{tmp_path}/one.json "
                           f"inline_policies=@{tmp_path}/two.json").ok()
    assert _documents(engine, "r") == [INLINE[0], INLINE[1], INLINE[0]]
