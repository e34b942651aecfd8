"""Who may log in by the tags of a RAM role, and tags as metadata of the entity alias."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import MakeMethod
from fakecloud import Control
from harness.api import Answer, Api, Json
from harness.method import AuthMethod
from harness.signing import Key, v1
from harness.waiting import until

_OTHER = "6543210987654321"
_NEEDED = ["ram:GetRole", "ram:ListTagResources"]
_LACKING = "the caller's RAM role does not have all of the role's bound_tags"
_UNSEEN = "the caller's RAM role is not in the account of this mount's credentials, or was deleted"


@pytest.fixture
def reader(control: Control) -> Json:
    """A key that may read the tags of RAM roles, and nothing else."""
    key: Json = control.user("tag-reader", grants=_NEEDED, keys=1)["keys"][0]
    Api.secrets.add(key["access_key_secret"])
    return {"access_key": key["access_key_id"], "secret_key": key["access_key_secret"]}


@pytest.fixture
def method(method: AuthMethod, reader: Json) -> AuthMethod:
    """A mount that can read tags."""
    method.configure(**reader).ok()
    return method


def _forget(method: AuthMethod) -> None:
    """A write of the configuration, after which tags are read anew."""
    method.configure(fold_role_names=False).ok()


def _actions(control: Control) -> list[str]:
    return [call["action"] for call in control.calls()]


_TAGS = {"team": "blue", "env": "*", "note": "", "Größe": "a=b, \"c\" 大", "k" * 128: "v" * 256}

_BOUND: dict[str, tuple[Any, bool]] = {
    "one tag": ({"team": "blue"}, True),
    "pairs": (["team=blue", "env=*"], True),
    "a pair": ("team=blue", True),
    "all tags": (_TAGS, True),
    "a value with an equals sign": (["Größe=a=b, \"c\" 大"], True),
    "a blank value": ("note=", True),
    "another value": ({"team": "red"}, False),
    "a value in other letters": ({"team": "Blue"}, False),
    "a key in other letters": ({"Team": "blue"}, False),
    "a wildcard": ({"team": "*"}, False),
    "a part and a wildcard": ({"team": "bl*"}, False),
    "a question mark": ({"team": "blu?"}, False),
    "a key with a wildcard": ({"t*": "blue"}, False),
    "a blank value of a tag that has one": ({"team": ""}, False),
    "a blank value of a tag that is not there": ({"none": ""}, False),
    "one tag of two": ({"team": "blue", "none": "x"}, False),
    "white space": ({"team": "blue "}, False),
}


@pytest.mark.parametrize("name", _BOUND)
def test_a_role_lets_in_who_has_all_of_its_tags(method: AuthMethod, control: Control, name: str) -> None:
    bound, allowed = _BOUND[name]
    control.role("dev", tags=_TAGS)
    method.bound("dev", "dev", bound_tags=bound)
    answer = method.login(key=method.session("dev"))
    if allowed:
        answer.ok()
    else:
        answer.refused(403, _LACKING)
        for value in ("blue", "team", "none"):
            assert value not in answer.error
    assert _actions(control) == ["GetCallerIdentity", "GetRole", "ListTagResources"]


def test_twenty_tags_on_many_pages_are_read(method: AuthMethod, control: Control) -> None:
    control.role("dev", tags={f"k{n}": f"v{n}" for n in range(20)})
    control.quotas(tags_per_page=3)
    method.bound("dev", "dev", bound_tags={"k19": "v19", "k0": "v0"})
    method.login(key=method.session("dev")).ok()
    assert _actions(control).count("ListTagResources") == 7


def test_users_and_other_accounts_have_no_tags(method: AuthMethod, control: Control, api: Api) -> None:
    """The other account has a role of the same name with the same tags."""
    control.post("accounts", account_id=_OTHER)
    control.role("dev", tags={"team": "blue"})
    control.role("dev", account_id=_OTHER, tags={"team": "blue"})
    control.role("away", account_id=_OTHER, tags={"team": "blue"})
    alice = Key.of(control.key(user_name="alice"))
    aliens = [method.session(name, account_id=_OTHER) for name in ("dev", "away")]
    accounts = {"bound_account_ids": ["1234567890123456", _OTHER]}
    method.write_role("dev", **accounts, bound_tags="team=blue").ok()
    method.login(key=method.session("dev")).ok()
    method.login(key=alice).refused(403, "the role has bound_tags, and the caller is not a session of a RAM role")
    method.login(key=Key.of(control.key(root=True))).refused(403, "is not a session of a RAM role")
    for alien in aliens:
        method.login(key=alien).refused(403, _UNSEEN)
    # As metadata they are left out.
    method.configure(ram_tags_metadata="team").ok()
    method.write_role("free", **accounts).ok()
    for key in (alice, *aliens):
        assert _alias(method, api, key, "free") == {}
    assert _alias(method, api, method.session("dev"), "free") == {"ram_tag_team": "blue"}


def test_a_role_made_anew_under_its_name_needs_its_own_tags(method: AuthMethod, control: Control) -> None:
    control.role("made", tags={"team": "blue"})
    method.bound("dev", "made", bound_tags="team=blue")
    token = method.login(key=method.session("made")).ok().body["auth"]["client_token"]
    control.delete("roles", role_name="made")
    control.role("made", tags={"team": "blue"})
    method.login(key=method.session("made")).ok()
    # The token is of the role that was.
    _forget(method)
    method.renew(token).refused(400, _UNSEEN)


def test_a_renewal_reads_the_tags_again(method: AuthMethod, control: Control) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    token = method.login(key=method.session("dev")).ok().body["auth"]["client_token"]
    method.renew(token).ok()
    control.fault("error", "GetRole", status=403, code="NoPermission")
    _forget(method)
    method.renew(token).refused(403, "cannot read the tags of the caller's RAM role", "NoPermission")
    method.renew(token).ok()
    control.role("dev", tags={"team": "red"})
    _forget(method)
    method.renew(token).refused(400, _LACKING)
    method.write_role("dev", bound_tags={}).ok()
    method.renew(token).ok()


@pytest.mark.parametrize("missing", _NEEDED)
def test_each_permission_is_needed_and_no_other(method: AuthMethod, control: Control, missing: str) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    control.grant([action for action in _NEEDED if action != missing], user_name="tag-reader")
    method.login(key=method.session("dev")).refused(
        403, "an operator must allow ram:GetRole and ram:ListTagResources", "NoPermission", missing.removeprefix("ram:"))
    control.grant(_NEEDED, user_name="tag-reader")
    method.login(key=method.session("dev")).ok()


_FAULTS: dict[str, tuple[Json, int, str]] = {
    "throttled": ({"kind": "throttle"}, 429, "RAM throttles requests"),
    "down": ({"kind": "error", "status": 503, "code": "ServiceUnavailable"}, 503, "RAM could not be asked"),
    "a lost answer": ({"kind": "cut_after"}, 502, "RAM gave no answer that can be used"),
    "a web page": ({"kind": "http", "status": 200, "body": "<html>10.0.0.1</html>"}, 502, "no answer that can be used"),
    "silence": ({"kind": "hang"}, 503, "RAM could not be asked"),
}


@pytest.mark.parametrize("action", ["GetRole", "ListTagResources"])
@pytest.mark.parametrize("name", _FAULTS)
def test_tags_that_cannot_be_read_let_nobody_in(method: AuthMethod, control: Control, name: str, action: str) -> None:
    fault, status, text = _FAULTS[name]
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev")
    control.fault(action=action, count=None, **fault)
    for fields in ({"bound_tags": "team=blue"}, {"bound_tags": {}}):
        method.write_role("dev", **fields).ok()
        method.configure(ram_tags_metadata="" if fields["bound_tags"] else "team").ok()
        answer = method.login(key=method.session("dev"))
        answer.refused(status, "cannot read the tags of the caller's RAM role", text)
        for hidden in ("10.0.0.1", "tag-reader", *Api.secrets):
            assert hidden not in answer.error, answer.error
    # A login that asks for no tags is none the wiser.
    method.configure(ram_tags_metadata="").ok()
    method.login(key=method.session("dev")).ok()
    control.clear_faults()
    method.write_role("dev", bound_tags="team=blue").ok()
    _until_ram_is_asked_again(method)


def _until_ram_is_asked_again(method: AuthMethod) -> None:
    """After RAM was silent for a while, one login at a time tries whether it answers."""
    until(lambda: method.login(key=method.session("dev")).status == 200, "a login whose tags are read again")


def test_a_key_that_ram_refuses_lets_nobody_in(method: AuthMethod, reader: Json, control: Control) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    control.key(access_key_id=reader["access_key"], status="Inactive")
    method.login(key=method.session("dev")).refused(403, "RAM refuses the credentials", "InvalidAccessKeyId.Inactive")
    control.key(access_key_id=reader["access_key"], status="Active")
    method.login(key=method.session("dev")).ok()


def test_ram_that_is_silent_holds_up_no_other_login(method: AuthMethod, make_method: MakeMethod, control: Control) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    other = make_method()
    other.bound()
    control.fault("hang", "GetRole", count=None)
    with ThreadPoolExecutor(70) as pool:
        held = [pool.submit(method.login, "dev", v1(method.session("dev"))) for _ in range(60)]
        assert control.wait(action="GetRole", count=1)
        begun = time.monotonic()
        for _ in range(5):
            other.login().ok()
        assert time.monotonic() - begun < 9
        for login in held:
            login.result().refused(503, "RAM could not be asked")
    control.clear_faults()
    _until_ram_is_asked_again(method)


def test_many_logins_of_one_role_ask_ram_once(method: AuthMethod, control: Control) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    control.fault("delay", "GetRole", seconds=0.5, count=None)
    keys = [method.session("dev", session_name=f"vm-{n}") for n in range(40)]
    with ThreadPoolExecutor(len(keys)) as pool:
        for answer in pool.map(lambda key: method.login(key=key), keys):
            answer.ok()
    assert _actions(control).count("GetRole") == 1


def _alias(method: AuthMethod, api: Api, key: Key, role: str = "dev") -> Json:
    """The metadata of the alias by which the one who logs in is known."""
    entity_id = method.login(role, key=key).ok().body["auth"]["entity_id"]
    [alias] = api.read(f"identity/entity/id/{entity_id}").ok().data["aliases"]
    metadata: Json = alias["metadata"] or {}
    return metadata


def test_tags_are_metadata_that_policies_can_use(method: AuthMethod, api: Api, control: Control) -> None:
    control.role("dev", tags={"team": "blue", "account_id": "never", "blank": "", "other": "x"})
    method.configure(ram_tags_metadata="team,account_id,blank,none", ram_metadata="account_id").ok()
    method.bound("dev", "dev", token_policies="by-team")
    key = method.session("dev")
    assert _alias(method, api, key) == {
        "account_id": "1234567890123456", "ram_tag_team": "blue", "ram_tag_account_id": "never"}
    accessor = api.read("sys/auth").ok().data[f"{method.mount}/"]["accessor"]
    path = f"identity/group/name/team-{{{{identity.entity.aliases.{accessor}.metadata.ram_tag_team}}}}"
    api.call("PUT", "sys/policies/acl/by-team",
             {"policy": f'path "{path}" {{ capabilities = ["read", "update", "create"] }}'}).ok()
    token = api.as_token(method.login(key=key).ok().body["auth"]["client_token"])
    assert token.call("GET", "identity/group/name/team-blue").status == 404
    assert token.call("GET", "identity/group/name/team-red").status == 403
    # What a tag says now counts from the next login on.
    control.role("dev", tags={"team": "red"})
    _forget(method)
    assert _alias(method, api, key) == {"account_id": "1234567890123456", "ram_tag_team": "red"}
    method.configure(ram_tags_metadata="").ok()
    assert _alias(method, api, key) == {"account_id": "1234567890123456"}


@pytest.mark.parametrize("value", ["*", "blue*", "a/b", "../x", "+"])
def test_a_tag_that_would_be_more_than_a_name_is_refused(method: AuthMethod, control: Control, value: str) -> None:
    control.role("dev", tags={"team": value})
    method.configure(ram_tags_metadata="team").ok()
    method.bound("dev", "dev")
    method.login(key=method.session("dev")).refused(403, 'the tag "team" of the caller\'s RAM role cannot be metadata')
    method.configure(ram_tags_metadata="").ok()
    method.login(key=method.session("dev")).ok()


@pytest.mark.parametrize(("fields", "text"), [
    ({"bound_tags": "team=blue"}, "the arn is required to create a role"),
    ({"bound_account_ids": "12345", "bound_tags": "team"}, "expected pairs of the form name=value"),
    ({"bound_account_ids": "12345", "bound_tags": {"": "x"}}, "the key of a tag has 1 to 128 characters"),
    ({"bound_account_ids": "12345", "bound_tags": {"k" * 129: "x"}}, "the key of a tag has 1 to 128 characters"),
    ({"bound_account_ids": "12345", "bound_tags": {"k": "v" * 257}}, "the value of a tag has at most 256 characters"),
    ({"bound_account_ids": "12345", "bound_tags": {"k": "a\nb"}}, "no control characters"),
    ({"bound_account_ids": "12345", "bound_tags": {f"k{n}": "v" for n in range(21)}}, "a RAM role can have 20"),
])
def test_tags_that_make_no_sense_are_refused(method: AuthMethod, fields: Json, text: str) -> None:
    method.write_role("dev", **fields).refused(400, text)
    assert method.api.read(f"{method.path}/role/dev").status == 404


def test_tags_of_a_role_are_written_in_parts_and_read(method: AuthMethod) -> None:
    method.bound(bound_tags=["team=blue", "env="])
    assert method.read_role("dev")["bound_tags"] == {"team": "blue", "env": ""}
    method.write_role("dev", token_ttl=60).ok()
    shown = method.read_role("dev")
    assert shown["bound_tags"] == {"team": "blue", "env": ""}
    method.write_role("dev", bound_tags={"team": "red"}).ok()
    assert method.read_role("dev")["bound_tags"] == {"team": "red"}
    method.write_role("dev", **shown).ok()
    assert method.read_role("dev") == shown
    method.write_role("dev", bound_tags="").ok()
    assert method.read_role("dev")["bound_tags"] == {}


def test_the_secret_key_is_never_shown(method: AuthMethod, reader: Json) -> None:
    shown = method.api.read(f"{method.path}/config").ok().data
    assert shown["access_key"] == reader["access_key"] and "secret_key" not in shown
    method.configure(access_key="another").refused(400, "access_key and secret_key are written together")
    method.configure(secret_key="another").refused(400, "access_key and secret_key are written together")
    method.configure(ram_tags_metadata="team").ok()
    shown = method.api.read(f"{method.path}/config").ok().data
    assert shown["access_key"] == reader["access_key"] and shown["ram_tags_metadata"] == ["team"]
    method.configure(access_key="", secret_key="").ok()
    assert method.api.read(f"{method.path}/config").ok().data["access_key"] == ""


def test_without_a_key_the_servers_environment_offers_one(method: AuthMethod, make_method: MakeMethod,
                                                          reader: Json, control: Control) -> None:
    control.role("dev", tags={"team": "blue"})
    method.bound("dev", "dev", bound_tags="team=blue")
    method.configure(access_key="", secret_key="").ok()
    refused: Answer = method.login(key=method.session("dev"))
    refused.refused(403, "an operator must write access_key and secret_key to the configuration of this mount")
    method.server.register("alicloud-tags", kind="auth", env=[
        f"ALICLOUD_ACCESS_KEY={reader['access_key']}", f"ALICLOUD_SECRET_KEY={reader['secret_key']}"])
    ambient = make_method(plugin="alicloud-tags")
    ambient.bound("dev", "dev", bound_tags="team=blue")
    ambient.login(key=ambient.session("dev")).ok()
    assert {call["access_key_id"] for call in control.calls(action="GetRole")} == {reader["access_key"]}
