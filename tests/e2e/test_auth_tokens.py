"""What the token of a login is and does in the real server."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MakeMethod
from harness.api import Api, Json
from harness.method import AuthMethod
from harness.signing import v1
from harness.waiting import until


def _token(method: AuthMethod, role: str = "dev", **fields: Any) -> tuple[str, Json]:
    """A token by a role with these fields, and what the server says about it."""
    if fields or role == "dev":
        method.bound(role, **fields)
    token: str = method.login(role).ok().body["auth"]["client_token"]
    return token, _lookup(method, token)


def _lookup(method: AuthMethod, token: str) -> Json:
    return method.api.write("auth/token/lookup", token=token).ok().data


def test_a_plain_role_gives_the_servers_default_token(method: AuthMethod) -> None:
    _, found = _token(method)
    assert found["policies"] == ["default"] and found["type"] == "service" and found["renewable"] is True
    assert found["creation_ttl"] == 768 * 3600 and found["explicit_max_ttl"] == 0
    assert found["num_uses"] == 0 and found["orphan"] is True and not found.get("period")
    assert found["path"] == f"{method.path}/login"
    assert found["display_name"] == f"{method.mount}-{found['meta']['principal_id']}"


def test_policies_are_the_roles_with_default_or_without(method: AuthMethod, api: Api) -> None:
    api.write("sys/policies/acl/auth-reader", policy='path "auth/token/lookup-self" { capabilities = ["read"] }').ok()
    _, found = _token(method, token_policies=["Auth-Reader", "auth-reader", "other"])
    assert found["policies"] == ["auth-reader", "default", "other"]
    token, found = _token(method, "strict", token_policies="auth-reader", token_no_default_policy=True)
    assert found["policies"] == ["auth-reader"]
    theirs = method.api.as_token(token)
    theirs.read("auth/token/lookup-self").ok()
    theirs.read("sys/auth").refused(403)
    # A token without any policy cannot even ask about itself.
    token, found = _token(method, "none", token_no_default_policy=True)
    assert found["policies"] in ([], None)
    method.api.as_token(token).read("auth/token/lookup-self").refused(403)
    # Nobody becomes root by a role.
    method.bound("root", token_policies=["root"])
    method.login("root").refused(400, "root")


def test_ttls_are_the_roles_within_those_of_the_mount(make_method: MakeMethod) -> None:
    method = make_method(default_lease_ttl="30m", max_lease_ttl="2h")
    assert _token(method)[1]["creation_ttl"] == 1800
    assert _token(method, "short", token_ttl=600, token_max_ttl=900)[1]["creation_ttl"] == 600
    assert _token(method, "only-max", token_max_ttl="10m")[1]["creation_ttl"] == 600
    answer = method.write_role("long", arn=method.cloud.arn("vault-target"), token_ttl="3h", token_max_ttl="4h").ok()
    assert len(answer.warnings) == 2
    for name, asked in (("token_ttl", "3h"), ("token_max_ttl", "4h")):
        assert any(w.startswith(f"{name} of {asked} exceeds") and "2h" in w for w in answer.warnings), answer.warnings
    answer = method.login("long").ok()
    assert answer.body["auth"]["lease_duration"] == 7200 and any("TTL" in warning for warning in answer.warnings)
    _, found = _token(method, "explicit", token_explicit_max_ttl="20m")
    assert found["explicit_max_ttl"] == 1200 and found["creation_ttl"] == 1200


def test_a_renewal_does_not_pass_the_maximum(method: AuthMethod) -> None:
    token, _ = _token(method, token_ttl=600, token_max_ttl=900)
    assert method.renew(token).ok().body["auth"]["lease_duration"] == 600
    assert method.renew(token, increment=300).ok().body["auth"]["lease_duration"] == 300
    assert 890 <= method.renew(token, increment=5000).ok().body["auth"]["lease_duration"] <= 900


def test_a_token_ends_with_its_ttl(method: AuthMethod) -> None:
    token, _ = _token(method, token_ttl=1, token_max_ttl=1)
    # The server's API can tell of a token only while it lives.
    until(lambda: method.api.write("auth/token/lookup", token=token).status == 403, "the token has ended", timeout=10)
    method.renew(token).refused(403)


def test_a_periodic_token_is_renewed_for_ever(method: AuthMethod) -> None:
    token, found = _token(method, token_period=300, token_max_ttl=400)
    assert found["period"] == 300 and found["creation_ttl"] == 300
    for increment in (0, 10, 9000):
        assert method.renew(token, increment=increment).ok().body["auth"]["lease_duration"] == 300
    method.write_role("dev", token_period=120).ok()
    assert method.renew(token).ok().body["auth"]["lease_duration"] == 120


def test_a_token_of_two_uses_can_be_used_twice(method: AuthMethod) -> None:
    method.bound(token_num_uses=2)
    token = method.login().ok().body["auth"]["client_token"]
    for _ in range(2):
        method.api.as_token(token).read("auth/token/lookup-self").ok()
    method.api.as_token(token).read("auth/token/lookup-self").refused(403)


def test_batch_tokens_are_not_renewed(method: AuthMethod) -> None:
    token, found = _token(method, token_type="batch", token_ttl=600)
    assert found["type"] == "batch" and found["renewable"] is False and found["creation_ttl"] == 600
    assert token.startswith(("b.", "hvb."))
    method.renew(token).refused(400, "batch tokens cannot be renewed")
    method.write_role("dev", token_num_uses=3).refused(400, "'token_type' cannot be 'batch'")
    method.write_role("dev", token_period=60).refused(400, "'token_type' cannot be 'batch'")
    method.write_role("dev", token_type="weekly").refused(400, "token_type")
    # A mount of batch tokens, and a role that is of another opinion.
    method.api.write(f"sys/auth/{method.mount}/tune", token_type="default-batch").ok()
    assert _token(method, "by-mount", token_type="default")[1]["type"] == "batch"
    assert _token(method, "by-role", token_type="service")[1]["type"] == "service"


def test_bound_addresses_hold_for_login_and_token(method: AuthMethod) -> None:
    token, found = _token(method, token_bound_cidrs=["127.0.0.1", "10.0.0.0/8"])
    assert found["bound_cidrs"] == ["127.0.0.1", "10.0.0.0/8"]
    method.api.as_token(token).read("auth/token/lookup-self").ok()
    method.bound("far", token_bound_cidrs=["10.0.0.0/8"])
    method.cloud.control.clear_calls()
    method.login("far").refused(403, "permission denied")
    assert method.cloud.control.calls() == [], "STS was asked although the address was wrong"
    method.write_role("far", token_bound_cidrs="nowhere").refused(400, "token_bound_cidrs")
    # An address that is taken away holds for tokens to come; a renewal keeps the old bounds.
    method.write_role("dev", token_bound_cidrs=["10.0.0.0/8"]).ok()
    method.renew(token).ok()
    method.login().refused(403)


def test_a_token_is_bound_to_the_address_of_its_login(method: AuthMethod) -> None:
    token, found = _token(method, token_strictly_bind_ip=True)
    assert [cidr.removesuffix("/32") for cidr in found["bound_cidrs"]] == ["127.0.0.1"]
    method.api.as_token(token).read("auth/token/lookup-self").ok()
    method.write_role("dev", token_bound_cidrs=["10.0.0.0/8"]).refused(400, "token_strictly_bind_ip")


def test_a_renewal_goes_by_the_role_as_it_is_now(method: AuthMethod) -> None:
    token, found = _token(method, token_ttl=600, token_max_ttl=7200, token_policies=["one"])
    method.write_role("dev", token_ttl=1200, token_policies=["two"]).ok()
    auth = method.renew(token).ok().body["auth"]
    assert auth["lease_duration"] == 1200
    # As upstream has it: policies, metadata and the like stay those of the login.
    assert auth["policies"] == ["default", "one"] and auth["metadata"] == found["meta"]
    method.write_role("dev", token_max_ttl=900, token_ttl=300).ok()
    assert method.renew(token, increment=5000).ok().body["auth"]["lease_duration"] <= 900
    assert len(method.cloud.control.calls()) == 1, "STS is asked at login alone"


@pytest.mark.parametrize(("change", "text"), [
    ({"arn": "acs:ram::1234567890123456:role/vault-short"}, "does not match the role's arn"),
    ({"arn": "acs:ram::6543210987654321:role/vault-target"}, "does not match the role's arn"),
    ({"arn": "", "bound_arns": "acs:ram::1234567890123456:user/*"}, "none of the role's bound_arns"),
    ({"bound_account_ids": "6543210987654321"}, "not among the role's bound_account_ids"),
    ({"bound_role_ids": "300000000000000009"}, "not among the role's bound_role_ids"),
])
def test_a_renewal_checks_the_bindings_again(method: AuthMethod, change: Json, text: str) -> None:
    token, _ = _token(method)
    method.renew(token).ok()
    method.write_role("dev", **change).ok()
    method.renew(token).refused(400, text)
    # The token itself lives to its end, and is renewed again when the role fits again.
    method.api.as_token(token).read("auth/token/lookup-self").ok()
    method.write_role("dev", arn=method.cloud.arn("Vault-Target"), bound_arns=[], bound_account_ids=[],
                      bound_role_ids=[]).ok()
    method.renew(token).ok()


def test_no_renewal_without_the_role(method: AuthMethod) -> None:
    token, _ = _token(method)
    method.api.delete(f"{method.path}/role/dev").ok()
    method.renew(token).refused(400, "role entry not found")
    method.login().refused(400, "entry for role dev not found")
    # Made anew under its name, it is the role of the old token too.
    method.bound()
    method.renew(token).ok()


def test_unmounting_ends_the_tokens(make_method: MakeMethod) -> None:
    method = make_method()
    token, _ = _token(method)
    method.unmount().ok()
    method.api.as_token(token).read("auth/token/lookup-self").refused(403)


def test_deprecated_names_work_and_the_new_ones_win(method: AuthMethod) -> None:
    method.bound(policies=["Old", "old"], ttl=600, max_ttl=900, period=0, bound_cidrs="127.0.0.1")
    shown = method.read_role("dev")
    assert shown["policies"] == shown["token_policies"] == ["old"]
    assert (shown["ttl"], shown["token_ttl"], shown["max_ttl"], shown["token_max_ttl"]) == (600, 600, 900, 900)
    assert shown["bound_cidrs"] == shown["token_bound_cidrs"] and "period" not in shown
    _, found = _token(method, "dev")
    assert found["policies"] == ["default", "old"] and found["creation_ttl"] == 600
    method.write_role("dev", ttl=700, token_ttl=800, policies="x", token_policies="y").ok()
    shown = method.read_role("dev")
    assert shown["ttl"] == shown["token_ttl"] == 800 and shown["policies"] == shown["token_policies"] == ["y"]
    method.write_role("dev", token_ttl=500).ok()
    shown = method.read_role("dev")
    assert "ttl" not in shown and shown["token_ttl"] == 500
    method.write_role("dev", ttl="2h").refused(400, "ttl exceeds max ttl")
    method.write_role("dev", token_ttl="2h").refused(400, "'token_ttl' cannot be greater than 'token_max_ttl'")
    assert method.read_role("dev") == shown, "a refused write changes nothing"


def test_names_of_roles_are_folded_everywhere(method: AuthMethod, api: Api) -> None:
    method.bound("Dev")
    assert method.api.list(f"{method.path}/role").ok().data["keys"] == ["dev"]
    for name in ("dev", "DEV", "Dev"):
        assert method.read_role(name)["arn"]
        assert method.login(name).ok().body["auth"]["metadata"]["role_name"] == "dev"
    # OpenBao's policies fold the path too: no spelling goes around them.
    api.write("sys/policies/acl/one-role", policy=f'''
        path "{method.path}/role/*" {{ capabilities = ["create", "read", "update", "delete"] }}
        path "{method.path}/role/dev" {{ capabilities = ["read"] }}''').ok()
    token = api.write("auth/token/create", policies=["one-role"]).ok().body["auth"]["client_token"]
    theirs = api.as_token(token)
    for name in ("dev", "Dev", "DEV"):
        theirs.read(f"{method.path}/role/{name}").ok()
        theirs.write(f"{method.path}/role/{name}", token_ttl=60).refused(403)
        theirs.delete(f"{method.path}/role/{name}").refused(403)
    theirs.list(f"{method.path}/roles").refused(403)


def test_creating_and_updating_a_role_are_two_capabilities(method: AuthMethod, api: Api) -> None:
    api.write("sys/policies/acl/maker", policy=f'path "{method.path}/role/*" {{ capabilities = ["create"] }}').ok()
    token = api.write("auth/token/create", policies=["maker"]).ok().body["auth"]["client_token"]
    theirs, fields = api.as_token(token), {"arn": method.cloud.arn("vault-target")}
    theirs.write(f"{method.path}/role/new", **fields).ok()
    theirs.write(f"{method.path}/role/new", **fields).refused(403)
    theirs.write(f"{method.path}/role/NEW", **fields).refused(403)


def test_a_quota_counts_the_logins_of_one_role(method: AuthMethod, api: Api) -> None:
    """The server asks the method which role a login is of."""
    method.bound("limited")
    method.bound("free")
    quota = f"sys/quotas/rate-limit/{method.mount}"
    api.call("PUT", quota, {"rate": 1, "interval": "1h", "path": f"{method.path}/", "role": "limited"}).ok()
    try:
        method.login("LIMITED").ok()
        method.login("limited").refused(429)
        for _ in range(3):
            method.login("free").ok()
        method.send(v1(method.session()).payload("nobody")).refused(400, "entry for role nobody not found")
    finally:
        api.delete(quota).ok()
