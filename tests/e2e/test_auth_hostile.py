"""Hostile logins: for each the status, the words, and that nobody but STS was spoken to."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fakecloud import Control
from fakecloud.hosts import REGIONS
from harness.api import Answer, Api, Json
from harness.cloud import Cloud
from harness.hostile import at_the_door
from harness.method import AuthMethod
from harness.server import Server
from harness.signing import CENTRAL, Key, Signed, v1, v3

#: Whom the plugin may speak to. Written down here, not asked of it.
_STS = {"sts.aliyuncs.com", *(f"sts.{region}.aliyuncs.com" for region in REGIONS)}


@pytest.fixture(scope="module")
def gate(server: Server, running_cloud: Cloud) -> Iterator[AuthMethod]:
    """One mount for all: nothing here changes it."""
    method = AuthMethod(server, running_cloud, "hostile")
    method.bound()
    yield method
    method.unmount().ok()


@pytest.fixture
def method(gate: AuthMethod, control: Control) -> AuthMethod:
    """The mount, with the cloud as at its start."""
    control.post("hosts", host="attacker.example")
    return gate


def _only_sts_was_asked(control: Control, times: int) -> None:
    """No connection went elsewhere, and STS got so many calls."""
    assert {connection["host"] for connection in control.connections()} <= _STS
    assert all(connection["port"] == 443 for connection in control.connections())
    calls = control.calls()
    assert [call["action"] for call in calls] == ["GetCallerIdentity"] * times, calls


def _tells_no_secret(answer: Answer) -> None:
    for secret in Api.secrets:
        assert len(secret) < 16 or secret not in answer.error, answer.error


def test_there_are_enough_hostile_logins() -> None:
    assert len(at_the_door) >= 60


@pytest.mark.parametrize("name", at_the_door)
def test_what_breaks_a_rule_is_refused_and_sent_nowhere(method: AuthMethod, control: Control, name: str) -> None:
    login, status, text = at_the_door[name]
    answer = method.send(login(method.session()))
    answer.refused(status, text)
    _tells_no_secret(answer)
    assert "auth" not in answer.body
    assert control.connections() == [] and control.calls() == []


def _relabelled_v1(key: Key) -> Signed:
    signed = v1(key, Action="AssumeRole")
    signed.url = signed.url.replace("AssumeRole", "GetCallerIdentity")
    return signed


def _relabelled_v3(key: Key) -> Signed:
    signed = v3(key, headers={"x-acs-action": "AssumeRole"})
    signed.headers["x-acs-action"] = "GetCallerIdentity"
    return signed


def _as_post(signed: Signed) -> Signed:
    signed.method = "POST"
    return signed


#: Well made, and refused by STS: the code comes through.
_REFUSED_BY_STS: dict[str, tuple[Callable[[Key], Signed], str]] = {
    "another action that was relabelled": (_relabelled_v1, "SignatureDoesNotMatch"),
    "another action that was relabelled by V3": (_relabelled_v3, "SignatureDoesNotMatch"),
    "a wrong secret key": (lambda k: v1(replace(k, secret="x" * 30)), "SignatureDoesNotMatch"),
    "a wrong secret key by V3": (lambda k: v3(replace(k, secret="x" * 30)), "SignatureDoesNotMatch"),
    "a key that is not there": (lambda k: v1(replace(k, id="LTAI5tNobody", token=None)), "InvalidAccessKeyId"),
    "a session without its token": (lambda k: v1(replace(k, token=None)), "MissingSecurityToken"),
    "a token that is none": (lambda k: v3(replace(k, token="y" * 300)), "InvalidSecurityToken"),
    "a request for GET that is sent as POST": (lambda k: _as_post(v1(k, method="GET")), "SignatureDoesNotMatch"),
    "a request for GET that is sent as POST by V3": (lambda k: _as_post(v3(k, method="GET")), "SignatureDoesNotMatch"),
    "a V3 request for another host with its host header changed":
        (lambda k: _moved(v3(k, "sts.cn-hangzhou.aliyuncs.com")), "SignatureDoesNotMatch"),
}


def _moved(signed: Signed) -> Signed:
    signed.url, signed.headers["host"] = f"https://{CENTRAL}/", CENTRAL
    return signed


@pytest.mark.parametrize("name", _REFUSED_BY_STS)
def test_what_sts_refuses_is_refused_with_its_code(method: AuthMethod, control: Control, name: str) -> None:
    bend, code = _REFUSED_BY_STS[name]
    answer = method.login(signed=bend(method.session()))
    answer.refused(403, "STS refused the signed request", code)
    [call] = control.calls()
    assert call["request_id"] in answer.error
    assert "server string to sign" not in answer.error and "Specified" not in answer.error, answer.error
    _tells_no_secret(answer)
    _only_sts_was_asked(control, 1)


@pytest.mark.parametrize("sign", [v1, v3])
def test_a_request_logs_in_once(method: AuthMethod, control: Control, sign: Callable[[Key], Signed]) -> None:
    signed = sign(method.session())
    method.login(signed=signed).ok()
    method.login(signed=signed).refused(403, "used before; sign a new one")
    _only_sts_was_asked(control, 1)


def test_a_request_logs_in_once_at_all_hosts_of_sts(method: AuthMethod, control: Control) -> None:
    """V1 does not sign the host, and another one might not know the nonce."""
    signed = v1(method.session(), "sts.cn-hangzhou.aliyuncs.com")
    method.login(signed=signed).ok()
    signed.url = signed.url.replace("sts.cn-hangzhou.", "sts.us-east-1.")
    method.login(signed=signed).refused(403, "used before; sign a new one")
    _only_sts_was_asked(control, 1)


def test_of_many_logins_with_one_request_at_the_same_time_one_succeeds(method: AuthMethod, control: Control) -> None:
    signed = v1(method.session())
    control.fault("delay", "GetCallerIdentity", seconds=0.5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: method.login(signed=signed).status, range(8)))
    assert sorted(answers) == [200] + 7 * [403]
    _only_sts_was_asked(control, 1)


def test_a_host_that_the_headers_leave_out_is_that_of_the_url(method: AuthMethod, control: Control) -> None:
    """Some HTTP clients keep it apart from the headers."""
    signed = v3(method.session(), "sts.cn-hangzhou.aliyuncs.com")
    del signed.headers["host"]
    method.login(signed=signed).ok()
    signed = v3(method.session(), "sts.cn-hangzhou.aliyuncs.com")
    del signed.headers["host"]
    signed.url = f"https://{CENTRAL}/"
    method.login(signed=signed).refused(403, "SignatureDoesNotMatch")
    _only_sts_was_asked(control, 2)


def test_an_ended_session_and_a_disabled_key_are_refused(method: AuthMethod, control: Control) -> None:
    key = method.session()
    control.session(access_key_id=key.id, seconds=-1)
    method.login(key=key).refused(403, "InvalidSecurityToken.Expired")
    user = Key.of(control.user("bob", keys=1)["keys"][0])
    control.key(access_key_id=user.id, status="Inactive")
    method.login(key=user).refused(403, "InvalidAccessKeyId.Inactive")
    _only_sts_was_asked(control, 2)


def test_a_clock_that_only_sts_finds_wrong_is_told(method: AuthMethod, control: Control) -> None:
    key = method.session(seconds=7200)
    control.clock(20 * 60)
    method.login(key=key).refused(403, "check the clocks of the client", "InvalidTimeStamp")
    _only_sts_was_asked(control, 1)


def test_callers_whom_the_role_does_not_know_are_refused(method: AuthMethod, control: Control) -> None:
    """Good requests of others: root, a user, another role, a role of the same name in another account."""
    control.post("accounts", account_id="6543210987654321")
    control.role("vault-target", account_id="6543210987654321")
    callers = [Key.of(control.key(root=True)), Key(method.cloud.access_key, method.cloud.secret_key),
               method.session("vault-short"), method.session(account_id="6543210987654321")]
    for key in callers:
        for sign in (v1, v3):
            method.login(signed=sign(key)).refused(403, "does not match the role's arn")
    _only_sts_was_asked(control, 2 * len(callers))


def test_what_is_not_signed_is_left_behind(method: AuthMethod, control: Control) -> None:
    """Headers beside the signature do nothing: they are not sent on."""
    tricks = {"X-Forwarded-Host": "attacker.example", "Connection": "close, host", "Transfer-Encoding": "chunked",
              "Content-Length": "7", "Proxy-Authorization": "Basic eDp5", "Cookie": "a=b", "Expect": "100-continue",
              "X-Acs-Caller-Uid": "1", "Upgrade": "h2c", "TE": "trailers"}
    signed = v3(method.session())
    signed.headers.update(tricks)
    method.login(signed=signed).ok()
    signed = v1(method.session())
    signed.headers.update({**tricks, "Host": "attacker.example", "x-acs-action": "AssumeRole",
                           "x-acs-version": "2015-05-01"})
    method.login(signed=signed).ok()
    for call in control.calls():
        sent = {name.lower(): value for name, value in call["headers"]}
        assert sent["host"] == CENTRAL
        assert not {"x-forwarded-host", "connection", "transfer-encoding", "proxy-authorization", "cookie", "expect",
                    "x-acs-caller-uid", "upgrade", "te"} & set(sent), sent
        assert sent.get("content-length", "0") == "0"
    _only_sts_was_asked(control, 2)


def test_harmless_spellings_of_the_url_are_taken(method: AuthMethod, control: Control) -> None:
    for beginning in ("https://sts.aliyuncs.com/?", "https://sts.aliyuncs.com?", "https://sts.aliyuncs.com:443/?",
                      "https://STS.Aliyuncs.Com/?"):
        signed = v1(method.session())
        signed.url = beginning + signed.url.partition("/?")[2]
        method.login(signed=signed).ok()
    _only_sts_was_asked(control, 4)


_MARK = "marker-of-the-body"


def _identity(**changes: Any) -> str:
    """A good answer of STS for the session of the tests, changed; None leaves a member out."""
    answer = {"RequestId": "0A1B2C3D-0000-4000-8000-000000000000", "AccountId": "1234567890123456",
              "Arn": "acs:ram::1234567890123456:assumed-role/vault-target/control",
              "IdentityType": "AssumedRoleUser", "RoleId": "300000000000000001",
              "PrincipalId": "300000000000000001:control", "Mark": _MARK, **changes}
    return json.dumps({name: value for name, value in answer.items() if value is not None})


def _answer(body: str, status: int = 200, **more: Any) -> Json:
    return {"kind": "http", "status": status, "body": body, "content_type": "application/json", **more}


#: What STS answers, the status of the login, and words of its text.
_ODD: dict[str, tuple[Json, int, str]] = {
    "a page": (_answer(f"<html>{_MARK}</html>", content_type="text/html"), 502, "cannot be used"),
    "a page of a proxy": (_answer(f"<html>{_MARK}</html>", 502, content_type="text/html"), 503, "could not be reached"),
    "a page of a portal": (_answer(f"<html>{_MARK}</html>", 403, content_type="text/html"), 502, "cannot be used"),
    "nothing": (_answer(""), 502, "cannot be used"),
    "no content": (_answer("", 204), 502, "cannot be used"),
    "a list": (_answer(f'["{_MARK}"]'), 502, "cannot be used"),
    "an empty object": (_answer("{}"), 502, "cannot be used"),
    "null": (_answer("null"), 502, "cannot be used"),
    "XML": (_answer(f"<Response>{_MARK}</Response>"), 502, "cannot be used"),
    "a number for an arn": (_answer(_identity(Arn=7)), 502, "cannot be used"),
    "a member twice": (_answer(_identity()[:-1] + ', "Arn": "acs:ram::1:root"}'), 502, "cannot be used"),
    "no arn": (_answer(_identity(Arn=None)), 502, "cannot be used"),
    "no account": (_answer(_identity(AccountId=None)), 502, "cannot be used"),
    "no principal and no role id": (_answer(_identity(PrincipalId=None, RoleId=None)), 502,
                                    "has no PrincipalId, which ram_alias=principal_id needs"),
    "another account than the arn's": (_answer(_identity(AccountId="6543210987654321")), 502, "another account"),
    "an arn of another account": (_answer(_identity(
        Arn="acs:ram::6543210987654321:assumed-role/vault-target/control")), 502, "another account"),
    "another account in all places": (_answer(_identity(
        AccountId="6543210987654321", Arn="acs:ram::6543210987654321:assumed-role/vault-target/control")), 403,
        "does not match the role's arn"),
    "a type that is not the arn's": (_answer(_identity(IdentityType="RAMUser")), 502, "inconsistent"),
    "an id that is not the principal's": (_answer(_identity(RoleId="300000000000000002")), 502, "inconsistent"),
    "a user with the id of a role": (_answer(_identity(
        Arn="acs:ram::1234567890123456:user/u", IdentityType="RAMUser")), 502, "inconsistent"),
    "a user with the principal of a session": (_answer(_identity(
        Arn="acs:ram::1234567890123456:user/u", IdentityType="RAMUser", RoleId=None)), 502, "inconsistent"),
    "an account with another id": (_answer(_identity(
        Arn="acs:ram::1234567890123456:root", IdentityType="Account", RoleId=None, PrincipalId="391")), 502,
        "inconsistent response"),
    "a principal with a line break": (_answer(_identity(PrincipalId="300000000000000001:a\nb")), 502, "inconsistent"),
    "a principal with a star": (_answer(_identity(PrincipalId="300000000000000001:*")), 502, "inconsistent"),
    "the arn of a role": (_answer(_identity(Arn="acs:ram::1234567890123456:role/vault-target")), 502, "inconsistent"),
    "the arn of a group": (_answer(_identity(Arn="acs:ram::1234567890123456:group/g")), 502, "inconsistent"),
    "an arn with line breaks": (_answer(_identity(Arn="acs:ram::1:role/a\r\nb")), 502, "cannot be used"),
    "an arn of a megabyte": (_answer(_identity(Arn="acs:ram::1234567890123456:role/" + "x" * (1 << 20))), 502,
                             "cannot be used"),
    "an answer of 64 MiB": (_answer(_identity(), body_mib=64), 502, "cannot be used"),
    "a refusal of 64 MiB": (_answer(_identity(), 403, body_mib=64), 502, "cannot be used"),
    "a redirect": (_answer(_MARK, 302, headers={"Location": "https://attacker.example/"}), 502, "cannot be used"),
    "a redirect that keeps the method": (_answer(_MARK, 307, headers={"Location": "https://attacker.example/"}), 502,
                                         "cannot be used"),
    "a redirect to another region": (_answer(_MARK, 308, headers={
        "Location": "https://sts.cn-hangzhou.aliyuncs.com/"}), 502, "cannot be used"),
    "a redirect with an identity": (_answer(_identity(), 302, headers={"Location": "https://attacker.example/"}), 502,
                                    "cannot be used"),
    "an error of the server": ({"kind": "error", "status": 500, "code": "InternalError", "message": _MARK}, 503,
                               "InternalError"),
    "a refusal with the token in it": ({"kind": "error", "status": 403, "code": "NoPermission", "message": _MARK}, 403,
                                       "NoPermission"),
    "a code that is a sentence": ({"kind": "error", "status": 403, "code": f"<b>{_MARK}</b>"}, 502,
                               "cannot be used"),
    "an identity with an error's status": (_answer(_identity(), 403), 502, "cannot be used"),
    "throttling": ({"kind": "throttle", "message": _MARK}, 429, "Throttling"),
    "a cut before the answer": ({"kind": "cut_before"}, 502, "sign a new request"),
    "a cut after the work": ({"kind": "cut_after"}, 502, "sign a new request"),
    "an answer that ends early": (_answer(_identity(), declared_length=4000), 502, "sign a new request"),
}


@pytest.mark.parametrize("name", _ODD)
def test_an_odd_answer_is_no_login_and_is_not_shown(method: AuthMethod, control: Control, name: str) -> None:
    fault, status, text = _ODD[name]
    key = method.session()
    control.fault(action="GetCallerIdentity", count=None, **fault)
    answer = method.login(key=key).refused(status, text)
    assert _MARK not in answer.error and len(answer.error) < 400, answer.error
    _tells_no_secret(answer)
    # Not a second try, not of anybody else.
    _only_sts_was_asked(control, 1)


def test_an_answer_without_a_principal_is_a_login_where_the_other_ids_say_whose(method: AuthMethod,
                                                                               control: Control) -> None:
    """As STS's documentation once showed it."""
    control.fault(action="GetCallerIdentity", **_answer(_identity(PrincipalId=None)))
    metadata = method.login().ok().body["auth"]["metadata"]
    assert metadata["principal_id"] == "300000000000000001:control"


@pytest.mark.parametrize(("alias", "changes"), [
    ("arn", {}), ("role_arn", {}), ("arn", {"PrincipalId": ""}), ("role_arn", {"RoleId": ""}),
    ("role_arn", {"IdentityType": None}), ("arn", {"UserId": "300000000000000001"})])
def test_an_answer_without_ids_is_a_login_where_nothing_needs_them(method: AuthMethod, control: Control, alias: str,
                                                                   changes: Json) -> None:
    """STS's sample of 2016 has account, ARN and user id alone."""
    method.configure(ram_alias=alias).ok()
    control.fault(action="GetCallerIdentity", **_answer(_identity(**{"PrincipalId": None, "RoleId": None, **changes})))
    auth = method.login().ok().body["auth"]
    assert (auth["metadata"]["principal_id"], auth["metadata"]["arn"]) == (
        "", "acs:ram::1234567890123456:assumed-role/vault-target/control")
    method.renew(auth["client_token"]).ok()


def test_the_answer_that_the_others_bend_is_a_login(method: AuthMethod, control: Control) -> None:
    for arn in ("acs:ram::1234567890123456:assumed-role/vault-target/control",
                "acs:sts::1234567890123456:assumed-role/Vault-Target/control"):
        control.fault(action="GetCallerIdentity", **_answer(_identity(Arn=arn)))
        assert method.login().ok().body["auth"]["metadata"]["arn"] == arn


def test_an_answer_that_does_not_come_is_given_up(method: AuthMethod, control: Control) -> None:
    """One that hangs, and one that drips a byte at a time, at the same time as each other."""
    keys = {"sts.cn-beijing.aliyuncs.com": method.session(), "sts.cn-shanghai.aliyuncs.com": method.session()}
    control.fault("hang", "GetCallerIdentity", host="sts.cn-beijing.aliyuncs.com", count=None)
    control.fault("slow_body", "GetCallerIdentity", host="sts.cn-shanghai.aliyuncs.com", count=None, interval=0.3)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(method.login, "dev", v1(key, host)) for host, key in keys.items()]
        # Meanwhile others log in.
        method.login().ok()
        for login in waiting:
            answer = login.result(60)
            assert answer.status in (502, 503), answer
            _tells_no_secret(answer)
    _only_sts_was_asked(control, 3)


def test_sts_that_is_down_is_a_503(method: AuthMethod, control: Control) -> None:
    control.post("hosts", host="sts.eu-west-1.aliyuncs.com", remove=True)
    method.login(signed=v1(method.session(), "sts.eu-west-1.aliyuncs.com")).refused(503, "STS could not be reached")
    assert [connection["host"] for connection in control.connections()] == ["sts.eu-west-1.aliyuncs.com"]


def test_refused_logins_do_not_fill_the_log(method: AuthMethod) -> None:
    """Point 10 of "nobody can starve it": whoever can reach the server can be refused as often as they like."""
    before = len(method.server.log.read_text("utf-8"))
    for number in range(50):
        method.login(signed=v1(method.session(), f"host-{number}.example.com")).refused(403, "list of STS hosts")
    lines = method.server.log.read_text("utf-8")[before:].splitlines()
    told = [line for line in lines if "example.com" in line]
    assert told, "nothing is logged at debug either: nothing was tried"
    loud = [line for line in told if json.loads(line)["@level"] in ("info", "warn", "error")]
    # The summary of a minute, where one ends just now.
    assert len(loud) <= 1, loud[:3]


def test_a_redirect_to_this_machine_is_not_followed(method: AuthMethod, control: Control) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for place in (f"https://127.0.0.1:{port}/", f"http://localhost:{port}/"):
            control.fault("http", "GetCallerIdentity", status=302, headers={"Location": place})
            method.login().refused(502)
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    _only_sts_was_asked(control, 2)
