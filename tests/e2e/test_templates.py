"""Names by templates: of users, and of sessions."""

from __future__ import annotations

import re

import pytest
from harness.engine import Engine
from harness.storage import Storage

_USERNAME = "app.{{ .RoleName | truncate 20 }}_{{ .DisplayName | truncate 20 }}-{{ random 12 }}"


def _user(engine: Engine) -> str:
    [user] = engine.cloud.control.leftovers()["users"]
    name: str = user["user_name"]
    return name


def test_users_are_named_by_the_template_and_removed_as_ever(engine: Engine) -> None:
    written = engine.configure(username_template=f"\n{_USERNAME}\n").ok()
    assert re.fullmatch("app.deploy_userpass-alice-[0-9a-z]{12}", written.data["username_example"])
    # It is read back byte for byte.
    assert engine.api.read(f"{engine.path}/config").ok().data["username_template"] == f"\n{_USERNAME}\n"
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    assert re.fullmatch("app.full_root-[0-9a-z]{12}", _user(engine))
    # Policies keep the names by which the engine knows them.
    for policy in engine.cloud.control.leftovers()["policies"]:
        assert policy["policy_name"].startswith("vault-root-full-")
    engine.api.list(f"{engine.path}/orphans").refused(404)
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    assert engine.configure(username_template="").status == 204
    engine.creds("full").ok()
    assert _user(engine).startswith("vault-root-full-")


def test_an_orphan_with_a_name_of_a_template_is_found_and_removed_with_its_policies(engine: Engine) -> None:
    engine.configure(username_template=_USERNAME).ok()
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    user = _user(engine)
    engine.configure(username_template="").ok()
    Storage(engine).delete(f"issued/{user}")
    assert engine.api.list(f"{engine.path}/orphans").ok().data["keys"] == [user]
    assert engine.api.delete(f"{engine.path}/orphans/{user}").status == 204
    assert engine.cloud.control.leftovers()["clean"]
    engine.revoke(lease_id).ok()


def test_what_a_failed_request_made_under_such_a_name_is_undone(engine: Engine) -> None:
    engine.configure(username_template=_USERNAME).ok()
    engine.cloud.control.post("faults", action="CreateAccessKey", kind="error", status=403, code="NoPermission", count=None)
    engine.creds(engine.full_role()).refused(403, "CreateAccessKey")
    assert engine.cloud.control.leftovers()["clean"]


def test_sessions_are_named_by_the_template(engine: Engine) -> None:
    written = engine.configure(role_session_name_template="{{ .RoleName | truncate 9 }}@{{ .DisplayName | truncate 20 | uppercase }}").ok()
    assert written.data == {"role_session_name_example": "deploy@USERPASS-ALICE"}
    engine.creds(engine.sts_role()).ok()
    assert engine.cloud.control.calls(action="AssumeRole")[-1]["params"]["RoleSessionName"] == "sts@ROOT"


@pytest.mark.parametrize(("field", "template", "text"), [
    ("username_template", "{{ .DisplayName }}-{{ random 20 }}", "truncate its parts"),
    ("username_template", "vault-{{ .RoleName | truncate 20 }}-{{ unix_time }}", "10 characters of random"),
    ("username_template", "vault {{ random 20 }}", "the name of a RAM user cannot have"),
    ("username_template", "vault-\n{{ random 20 }}", "the name of a RAM user cannot have"),
    ("username_template", "{{ .Token }}", ".DisplayName, .RoleName"),
    ("username_template", "{{ random 20", "is not followed by"),
    ("role_session_name_template", "{{ .DisplayName | truncate 1 }}", "2 to 64"),
    ("role_session_name_template", "{{ call . }}", "is not known"),
])
def test_a_wrong_template_is_a_400_and_is_not_stored(engine: Engine, field: str, template: str, text: str) -> None:
    before = engine.api.read(f"{engine.path}/config").ok().data
    engine.configure(**{field: template}).refused(400, field, text)
    assert engine.api.read(f"{engine.path}/config").ok().data == before


def test_a_name_that_only_the_caller_makes_wrong_is_a_400_that_makes_nothing(engine: Engine) -> None:
    engine.configure(username_template='{{ .RoleName | replace "q" "qqqqqqqqqq" | truncate 70 }}-{{ random 12 }}').refused(400)
    engine.configure(username_template='{{ .RoleName | truncate 20 | replace "q" "qqqqqqqqqq" }}-{{ random 12 }}').ok()
    engine.creds(engine.remote_role("q-q-q-q-q-q")).refused(400, "username_template", "truncate its parts")
    assert engine.cloud.control.leftovers()["clean"]
