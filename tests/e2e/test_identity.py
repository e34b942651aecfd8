"""Values of the caller's identity in policies and names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from harness.api import Api
from harness.engine import Engine, allow

_BUCKET = "acs:oss:*:*:home/{{identity.entity.name}}/*"


@dataclass
class Person:
    """Somebody who has logged in."""

    api: Api
    entity: str
    name: str


def _person(engine: Engine, name: str, **metadata: str) -> Person:
    """Logs somebody in who may do everything with the mount, at an auth method of their own."""
    root, mount = engine.api, f"{engine.path}-people"
    if root.read(f"sys/auth/{mount}/tune").status != 200:
        root.call("PUT", f"sys/auth/{mount}", {"type": "userpass"}).ok()
    rule = f'path "{engine.path}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}'
    root.call("PUT", f"sys/policies/acl/{engine.path}-all", {"policy": rule}).ok()
    root.write(f"auth/{mount}/users/{name}", password="p", token_policies=f"{engine.path}-all").ok()
    login = root.write(f"auth/{mount}/login/{name}", password="p").ok().body["auth"]
    entity = login["entity_id"]
    root.write(f"identity/entity/id/{entity}", name=f"{engine.path}-{name}", metadata=metadata).ok()
    return Person(Api(root.address, login["client_token"]), entity, f"{engine.path}-{name}")


def _accessor(engine: Engine) -> str:
    accessor: str = engine.api.read("sys/auth").data[f"{engine.path}-people/"]["accessor"]
    return accessor


def _forget(engine: Engine, *people: Person) -> None:
    engine.api.delete(f"sys/auth/{engine.path}-people").ok()
    for person in people:
        engine.api.delete(f"identity/entity/id/{person.entity}").ok()


def _resource(engine: Engine) -> Any:
    [policy] = engine.cloud.control.leftovers()["policies"]
    return json.loads(policy["versions"][policy["default_version"]])["Statement"][0]["Resource"]


def test_policies_have_the_callers_values(engine: Engine) -> None:
    alice = _person(engine, "alice", team="blue team")
    group = engine.api.write("identity/group", name=f"{engine.path}-ops", member_entity_ids=[alice.entity]).ok().data["id"]
    for resource, expected in (
            (_BUCKET, [_BUCKET.replace("{{identity.entity.name}}", alice.name)]),
            ("{{ identity.entity.id }}", [alice.entity]),
            ("a-{{identity.entity.metadata.team}}", ["a-blue team"]),
            (f"{{{{identity.entity.aliases.{_accessor(engine)}.name}}}}", ["alice"]),
            ("g/{{identity.groups.names}}", [f"g/{engine.path}-ops"])):
        engine.inline_role("mine", [allow("oss:*", resource=resource)])
        # The document is kept as it was written.
        shown = engine.read_role("mine")["inline_policies"][0]["policy_document"]
        assert shown["Statement"][0]["Resource"] == [resource]
        lease_id = engine.creds("mine", api=alice.api).ok().lease_id
        assert _resource(engine) == expected
        engine.revoke(lease_id).ok()
    engine.api.delete(f"identity/group/id/{group}").ok()
    _forget(engine, alice)


def test_sessions_have_the_callers_values(engine: Engine) -> None:
    alice = _person(engine, "alice", mail="alice@example.com")
    engine.configure(role_session_name_template="{{ identity.entity.metadata.mail }}").ok()
    engine.sts_role(session_policy=allow("oss:*", resource=_BUCKET), source_identity="{{identity.entity.metadata.mail}}")
    assert engine.read_role("sts")["source_identity"] == "{{identity.entity.metadata.mail}}"
    engine.creds("sts", api=alice.api).ok()
    sent = engine.cloud.control.calls(action="AssumeRole")[-1]["params"]
    assert (sent["RoleSessionName"], sent["SourceIdentity"]) == ("alice@example.com", "alice@example.com")
    assert json.loads(sent["Policy"])["Statement"][0]["Resource"] == [f"acs:oss:*:*:home/{alice.name}/*"]
    _forget(engine, alice)


@pytest.mark.parametrize(("selector", "metadata", "text"), [
    ("identity.entity.metadata.team", {}, "has no such value"),
    ("identity.entity.metadata.team", {"team": "*"}, "cannot be used"),
    ("identity.entity.metadata.team", {"team": 'x","acs:oss:*:*:*'}, "cannot be used"),
    ("identity.entity.metadata.team", {"team": "${x}"}, "cannot be used"),
    ("identity.entity.aliases.other.name", {}, "has no such value"),
    ("identity.groups.names", {}, "has no such value"),
])
def test_a_missing_or_dangerous_value_fails_the_request_and_makes_nothing(
        engine: Engine, selector: str, metadata: dict[str, str], text: str) -> None:
    alice = _person(engine, "alice", **metadata)
    document = allow("oss:*", resource=f"acs:oss:*:*:b/{{{{{selector}}}}}/*")
    engine.inline_role("mine", [document])
    engine.creds("mine", api=alice.api).refused(400, selector, text)
    engine.sts_role(session_policy=document)
    engine.creds("sts", api=alice.api).refused(400, selector, text)
    assert not engine.cloud.control.calls(action="AssumeRole") and not engine.cloud.control.calls(action="CreateUser")
    _forget(engine, alice)


def test_a_token_without_an_entity_is_a_clear_400(engine: Engine) -> None:
    engine.inline_role("mine", [allow("oss:*", resource=_BUCKET)])
    engine.creds("mine").refused(400, "this token belongs to no entity")
    assert engine.cloud.control.leftovers()["clean"]
    # Metadata of a token is its maker's word, and no identity.
    token = engine.api.write("auth/token/create", meta={"team": "blue"}, policies=["root"]).ok().body["auth"]
    engine.inline_role("team", [allow("oss:*", resource="home/{{identity.entity.metadata.team}}")])
    engine.creds("team", api=Api(engine.api.address, token["client_token"])).refused(400, "belongs to no entity")
    # Other roles do not ask.
    engine.creds(engine.remote_role()).ok()


@pytest.mark.parametrize(("resource", "text"), [
    ("{{identity.entity.nam}}", "is not known: write {{identity.entity.id}}"),
    ("{{identity.entity.name", "is not known"),
])
def test_a_wrong_selector_is_refused_when_the_role_is_written(engine: Engine, resource: str, text: str) -> None:
    document = allow("oss:*", resource=resource)
    engine.write_role("r", inline_policies=[document]).refused(400, "inline_policies", text)
    engine.write_role("r", role_arn=engine.cloud.arn("vault-target"), session_policy=document).refused(
        400, "session_policy", text)
    engine.configure(role_session_name_template="{{ identity.groups.names }}").refused(400, "is a list")
    engine.configure(username_template="{{ identity.entity.name }}-{{ random 20 }}").refused(400, "cannot be used here")
