"""Taking a mount of the auth method over from the Go plugin, and giving it back: what is stored is the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.method import AuthMethod
from harness.storage import Storage

#: As Go's encoder writes them: compact, members in the order of its structures, a newline at the end.
_ARN = ('"arn":{"AccountNumber":"1234567890123456","Type":0,"RoleName":"vault-target","RoleAssumerName":"",'
        '"Full":"acs:ram::1234567890123456:role/vault-target"}')
_PLAIN = ('{"token_bound_cidrs":null,"token_explicit_max_ttl":0,"token_max_ttl":0,"token_no_default_policy":false,'
          '"token_num_uses":0,"token_period":0,"token_policies":null,"token_type":0,"token_ttl":0,' + _ARN +
          ',"policies":null,"ttl":0,"max_ttl":0,"period":0,"bound_cidrs":null}\n')
_TWINS = ('{"token_bound_cidrs":["127.0.0.1"],"token_explicit_max_ttl":0,"token_max_ttl":7200000000000,'
          '"token_no_default_policy":false,"token_num_uses":0,"token_period":0,"token_policies":["dev"],"token_type":0,'
          '"token_ttl":3600000000000,' + _ARN + ',"policies":["dev"],"ttl":3600000000000,"max_ttl":7200000000000,'
          '"period":0,"bound_cidrs":["127.0.0.1"]}\n')
#: Before the `token_` fields.
_OLD = ('{' + _ARN + ',"policies":["dev"],"ttl":3600000000000,"max_ttl":7200000000000,"period":0,"bound_cidrs":null}\n')


@pytest.fixture
def storage(method: AuthMethod) -> Storage:
    """The storage with roles of the Go plugin."""
    storage = Storage(method)
    for name, text in (("plain", _PLAIN), ("twins", _TWINS), ("old", _OLD)):
        storage.put(f"role/{name}", text)
    return storage


@pytest.mark.usefixtures("storage")
def test_roles_of_the_go_plugin_log_in(method: AuthMethod) -> None:
    assert method.api.list(f"{method.path}/roles").ok().data["keys"] == ["old", "plain", "twins"]
    for name, ttl, policies in (("plain", 768 * 3600, ["default"]), ("twins", 3600, ["default", "dev"]),
                                ("old", 3600, ["default", "dev"])):
        auth = method.login(name).ok().body["auth"]
        assert (auth["lease_duration"], auth["policies"]) == (ttl, policies), name
        method.renew(auth["client_token"]).ok()
        shown = method.read_role(name)
        assert shown["arn"] == "acs:ram::1234567890123456:role/vault-target"
        assert shown["token_ttl"] == (0 if name == "plain" else 3600)


def test_what_we_store_is_what_the_go_plugin_stores(method: AuthMethod, storage: Storage) -> None:
    arn = "acs:ram::1234567890123456:role/vault-target"
    method.write_role("made", arn=arn).ok()
    made = json.loads(storage.text("role/made"))
    assert {name: made[name] for name in json.loads(_PLAIN)} == json.loads(_PLAIN)
    method.write_role("twins", ttl=3600, policies="dev").ok()
    kept = json.loads(storage.text("role/twins"))
    assert {name: kept[name] for name in json.loads(_TWINS)} == json.loads(_TWINS)


def test_a_role_with_other_bindings_lets_nobody_in_under_the_go_plugin(method: AuthMethod) -> None:
    """The Go plugin skips what it does not know, and compares callers with ARNs of its type 0 alone."""
    method.write_role("ours", bound_account_ids="1234567890123456").ok()
    stored: dict[str, Any] = Storage(method).get("role/ours")
    assert stored["arn"]["Type"] != 0 and stored["arn"]["AccountNumber"] == "" and stored["arn"]["RoleName"] == ""


def test_what_another_version_stored_is_kept(method: AuthMethod, storage: Storage) -> None:
    storage.put("role/plain", {**storage.get("role/plain"), "of_tomorrow": [1, {"a": None}]})
    method.write_role("plain", token_ttl=60).ok()
    assert storage.get("role/plain")["of_tomorrow"] == [1, {"a": None}]
    method.configure(server_id="one").ok()
    storage.put("config", {**storage.get("config"), "of_tomorrow": {"a": 1.5}})
    method.configure(ram_alias="arn").ok()
    assert storage.get("config")["of_tomorrow"] == {"a": 1.5}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"arn": null}', '{"arn": 1}', '{"bound_role_ids": 7}',
                                  '{"bound_arns": ["*"], "arn": null}'])
def test_a_broken_role_lets_nobody_in(method: AuthMethod, storage: Storage, text: str) -> None:
    storage.put("role/broken", text)
    answer = method.login("broken")
    assert answer.status in (403, 500), answer
    assert "auth" not in answer.body


def test_a_broken_configuration_lets_nobody_in(method: AuthMethod, storage: Storage) -> None:
    storage.put("config", '{"server_id": 7}')
    assert method.login("plain").status == 500
    assert method.cloud.control.calls() == []
    # It can be thrown away.
    method.api.delete(f"{method.path}/config").ok()
    method.login("plain").ok()
