"""Proxy, TLS, journals and faults."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakecloud import Control, ControlError, FakeCloud

from helpers import RAM, RAM_VERSION, STS, STS_VERSION, Client, Refused, code_of


def _proxy(fake: FakeCloud) -> tuple[str, int]:
    parts = urlsplit(fake.proxy)
    return parts.hostname or "", parts.port or 0


@pytest.mark.parametrize("host, port, reason", [
    ("example.com", 443, "unknown host"),
    ("sts.oss-cn-hangzhou.aliyuncs.com", 443, "unknown host"),
    (STS, 8443, "port is not 443"),
])
def test_other_targets_are_refused(fake: FakeCloud, control: Control, host: str, port: int,
                                   reason: str) -> None:
    connection = http.client.HTTPSConnection(*_proxy(fake))
    connection.set_tunnel(host, port)
    with pytest.raises(OSError, match="502"):
        connection.connect()
    entry = control.connections()[-1]
    assert (entry["host"], entry["port"]) == (host, port)
    assert (entry["accepted"], entry["refusal"]) == (False, reason)


@pytest.mark.parametrize("host", [
    "sts.aliyuncs.com", "sts.us-east-1.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com",
    "sts-vpc.cn-shenzhen-finance-1.aliyuncs.com"])
def test_every_sts_host(client: Client, host: str) -> None:
    assert client.call(host, "GetCallerIdentity", STS_VERSION, {})["IdentityType"] == "RAMUser"


def test_added_host(client: Client, control: Control) -> None:
    host = "sts.ap-southeast-6.aliyuncs.com"
    with pytest.raises(OSError):
        client.call(host, "GetCallerIdentity", STS_VERSION, {})
    control.host(host)
    client.call(host, "GetCallerIdentity", STS_VERSION, {})
    control.post("hosts", host=host, remove=True)
    with pytest.raises(OSError):
        Client(client.fake, client.key_id, client.secret).call(host, "GetCallerIdentity",
                                                               STS_VERSION, {})


def test_plain_http_needs_ssl(fake: FakeCloud, control: Control) -> None:
    connection = http.client.HTTPConnection(*_proxy(fake))
    connection.request("GET", f"http://{STS}/?Action=GetCallerIdentity")
    response = connection.getresponse()
    assert response.status == 400
    assert json.loads(response.read())["Code"] == "InvalidProtocol.NeedSsl"
    assert control.connections()[-1]["refusal"] == "plain HTTP"


def _tunnel(fake: FakeCloud) -> socket.socket:
    sock = socket.create_connection(_proxy(fake), timeout=10)
    sock.sendall(f"CONNECT {STS}:443 HTTP/1.1\r\nHost: {STS}:443\r\n\r\n".encode())
    assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    return sock


@pytest.mark.parametrize("name", ["ram.aliyuncs.com", None])
def test_server_name_must_be_the_connect_host(fake: FakeCloud, control: Control,
                                              name: str | None) -> None:
    context = ssl.create_default_context(cafile=fake.ca_file)
    context.check_hostname = False
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(_tunnel(fake), server_hostname=name)
    assert control.wait(open=0)
    assert control.connections()[-1]["tls"].startswith("failed")


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_versions(fake: FakeCloud, version: str) -> None:
    context = ssl.create_default_context(cafile=fake.ca_file)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with context.wrap_socket(_tunnel(fake), server_hostname=STS) as tls:
        assert tls.version() == version.replace("_", ".")


def test_journals(client: Client, control: Control) -> None:
    for _ in range(3):
        client.ram("GetUser", UserName="alice")
    client.sts("GetCallerIdentity")
    calls, connections = control.calls(), control.connections()
    assert [call["action"] for call in calls] == ["GetUser"] * 3 + ["GetCallerIdentity"]
    assert calls[0]["params"] == {"UserName": "alice"} and calls[0]["status"] == 200
    assert calls[0]["ended"] >= calls[0]["started"]
    assert [(c["host"], c["calls"], c["tls"]) for c in connections] == [
        (RAM, 3, "TLSv1.3"), (STS, 1, "TLSv1.3")]
    assert control.calls(since=calls[2]["id"], action="GetCallerIdentity") == [calls[3]]
    client.close()
    assert control.wait(open=0)
    control.clear_calls()
    assert control.summary()["calls"] == 0


def test_bad_control_requests(control: Control) -> None:
    for body in ({"kind": "nonsense"}, {"kind": "delay", "acton": "x"}, {"kind": "delay",
                                                                        "nth": 0}):
        with pytest.raises(ControlError):
            control.post("faults", **body)
    for path in ("nothing", "users", "consistency/x"):
        with pytest.raises(ControlError):
            control.post(path, nothing=1)


# === faults ===

def test_throttle(client: Client, control: Control) -> None:
    fault = control.fault("throttle", "GetUser", nth=2, count=2, status=429, retry_after_ms=1500)
    client.ram("GetUser", UserName="alice")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            client.ram("GetUser", UserName="alice")
        assert (refused.value.status, refused.value.code) == (429, "Throttling.User")
        assert refused.value.headers["x-acs-retry-after"] == "1500"
    client.ram("GetUser", UserName="alice")
    assert control.firings(fault) == 2
    last = control.calls(action="GetUser")
    assert [call["fault"] is not None for call in last] == [False, True, True, False]
    assert [call["executed"] for call in last] == [True, False, False, True]


def test_a_fault_needs_a_good_signature(fake: FakeCloud, client: Client, control: Control) -> None:
    fault = control.fault("throttle")
    wrong = Client(fake, client.key_id, "wrong")
    assert code_of(wrong.ram, "ListUsers") == "SignatureDoesNotMatch"
    assert control.firings(fault) == 0
    control.fault("throttle", before_auth=True)
    assert code_of(wrong.ram, "ListUsers") == "Throttling.User"


def test_fault_matching(client: Client, control: Control) -> None:
    control.fault("throttle", "Get*", host="sts.*", count=None)
    control.fault("throttle", "GetUser", params={"UserName": "alice"}, count=None)
    assert code_of(client.sts, "GetCallerIdentity") == "Throttling.User"
    assert code_of(client.ram, "GetUser", UserName="alice") == "Throttling.User"
    client.ram("GetUser", UserName="vault-operator")
    control.clear_faults()
    client.sts("GetCallerIdentity")


@pytest.mark.parametrize("execute", [False, True])
def test_error(client: Client, control: Control, execute: bool) -> None:
    control.fault("error", "CreateUser", status=503, code="ServiceUnavailable", message="busy",
                  execute=execute)
    with pytest.raises(Refused) as refused:
        client.ram("CreateUser", UserName="dyn")
    assert (refused.value.status, refused.value.body["Message"]) == (503, "busy")
    assert len(control.leftovers()["users"]) == execute


def test_http_answers(client: Client, control: Control) -> None:
    control.fault("http", status=502, body="<html>Bad Gateway</html>")
    control.fault("http", status=200, content_type="", body="")
    control.fault("http", status=302, headers={"Location": "https://sts.aliyuncs.com/"})
    with pytest.raises(Refused) as refused:
        client.ram("ListUsers")
    assert refused.value.raw == b"<html>Bad Gateway</html>"
    with pytest.raises(json.JSONDecodeError):
        client.ram("ListUsers")
    with pytest.raises(Refused) as refused:
        client.ram("ListUsers")
    assert refused.value.headers["Location"] == "https://sts.aliyuncs.com/"
    client.ram("ListUsers")


def test_huge_and_short_bodies(client: Client, control: Control) -> None:
    control.fault("http", status=200, body_mib=3)
    headers = client.v3_headers(STS, "GetCallerIdentity", STS_VERSION)
    assert len(client.send(STS, "POST", "/", headers, b"")[2]) == 3 * 1024 * 1024
    control.fault("http", status=200, body="{}", declared_length=100)
    headers = client.v3_headers(STS, "GetCallerIdentity", STS_VERSION)
    with pytest.raises(http.client.IncompleteRead):
        client.send(STS, "POST", "/", headers, b"")


def test_delay(client: Client, control: Control) -> None:
    control.fault("delay", seconds=0.3)
    start = time.monotonic()
    client.ram("ListUsers")
    assert time.monotonic() - start >= 0.3


def test_slow_body(client: Client, control: Control) -> None:
    control.fault("slow_body", "GetUser", chunk=20, interval=0.01)
    start = time.monotonic()
    assert client.ram("GetUser", UserName="alice")["User"]["UserName"] == "alice"
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize("kind, executed", [("cut_before", 0), ("cut_after", 1)])
def test_cuts(client: Client, control: Control, kind: str, executed: int) -> None:
    fault = control.fault(kind, "CreateUser")
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
        client.ram("CreateUser", UserName="dyn")
    assert control.wait(action="CreateUser", count=1, ended=1)
    assert len(control.leftovers()["users"]) == executed
    assert control.firings(fault) == 1
    call = control.calls()[-1]
    assert (call["executed"], call["status"]) == (bool(executed), None)


def _in_thread(function: Any, *args: Any) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(function(*args))
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_hang_until_released(client: Client, control: Control) -> None:
    control.fault("hang", "ListUsers")
    thread, results = _in_thread(client.ram, "ListUsers")
    assert control.wait(action="ListUsers", in_flight=1, count=1)
    assert not results
    control.clear_faults()
    thread.join(10)
    assert isinstance(results[0], (ConnectionError, http.client.HTTPException, ssl.SSLError))
    assert control.wait(action="ListUsers", count=1, ended=1)


def test_hang_until_the_client_goes(client: Client, control: Control) -> None:
    control.fault("hang")
    connection = client.connect(STS)
    connection.request("POST", "/", headers=client.v3_headers(STS, "GetCallerIdentity",
                                                              STS_VERSION))
    assert control.wait(in_flight=1, count=1)
    connection.close()
    assert control.wait(action="GetCallerIdentity", count=1, ended=1)


@pytest.mark.parametrize("execute", [False, True])
def test_a_call_is_held_and_then_goes_on(client: Client, control: Control, execute: bool) -> None:
    control.fault("hold", "CreateUser", execute=execute)
    thread, results = _in_thread(lambda: client.ram("CreateUser", UserName="held"))
    assert control.wait(action="CreateUser", held=1, in_flight=1)
    assert bool(control.leftovers()["users"]) == execute and not results
    control.clear_faults()
    thread.join(10)
    assert results[0]["User"]["UserName"] == "held"
    assert len(control.leftovers()["users"]) == 1
    assert control.wait(action="CreateUser", held=0, in_flight=0)
    # The connection lives on, however long it is idle.
    assert not control.wait(1.5, open=0)
    client.ram("ListUsers")
    assert len(control.connections()) == 1


@pytest.mark.parametrize("execute", [False, True])
def test_a_held_call_ends_with_its_client(client: Client, control: Control, execute: bool) -> None:
    fault = control.fault("hold", "CreateUser", execute=execute)
    connection = client.connect(RAM)
    form = b"UserName=held"
    connection.request("POST", "/", form, client.v3_headers(RAM, "CreateUser", RAM_VERSION, form))
    assert control.wait(held=1)
    connection.close()
    assert control.wait(action="CreateUser", count=1, ended=1, held=0)
    assert bool(control.leftovers()["users"]) == execute
    control.clear_faults(fault)
    # What was dropped is not carried out later.
    assert bool(control.leftovers()["users"]) == execute


def test_a_fault_can_be_about_a_thing(client: Client, control: Control) -> None:
    """Whatever the parameter is called that names it."""
    control.fault("error", about="vault-*-one-*", count=None, status=403, code="NoPermission")
    client.ram("CreateUser", UserName="vault-x-two-1")
    for action, name in (("CreateUser", "UserName"), ("DeletePolicy", "PolicyName")):
        assert code_of(client.ram, action, **{name: "vault-x-one-1"}) == "NoPermission"
    # A user is meant by its id, too.
    user_id = control.user("vault-x-one-2")["user_id"]
    named = {"UserId": user_id}
    assert code_of(client.call, "ims.aliyuncs.com", "GetUser", "2019-08-15", named) == "NoPermission"


def test_reset_ends_a_delay(client: Client, control: Control) -> None:
    control.fault("delay", seconds=3600)
    thread, results = _in_thread(client.ram, "ListUsers")
    assert control.wait(in_flight=1, count=1)
    control.reset()
    thread.join(10)
    assert "Users" in results[0]


def test_concurrency_is_recorded(fake: FakeCloud, control: Control) -> None:
    """Three hundred clients at once, all hanging in the same fault."""
    control.fault("delay", seconds=3600, count=None)
    key = (fake.preset.access_key_id, fake.preset.access_key_secret)
    clients = [Client(fake, *key) for _ in range(300)]
    threads = [_in_thread(client.sts, "GetCallerIdentity") for client in clients]
    assert control.wait(60, action="GetCallerIdentity", in_flight=300)
    control.clear_faults()
    for thread, _ in threads:
        thread.join(30)
    assert all(results[0]["IdentityType"] == "RAMUser" for _, results in threads)
    summary = control.summary()
    assert summary["peak_in_flight"] == summary["peak_open_connections"] == 300
    for client in clients:
        client.close()
    assert control.wait(open=0)
