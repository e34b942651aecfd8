"""The auth method's process and doors: many logins at once, a killed plugin, who may reach what without a token."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.cli import Cli
from harness.method import AuthMethod
from harness.places import PLUGIN
from harness.signing import v1, v3
from harness.waiting import until

_FILE = f"{PLUGIN}-auth"


def test_many_log_in_at_once(method: AuthMethod) -> None:
    method.bound()
    method.cloud.control.fault("delay", "GetCallerIdentity", seconds=0.3, count=None)
    keys = [method.session(session_name=f"vm-{n}") for n in range(40)]
    with ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(lambda key: method.login(signed=v3(key)), keys))
    for key, answer in zip(keys, answers, strict=True):
        assert answer.ok().body["auth"]["metadata"]["role_id"] == key.role_id
    assert {a.body["auth"]["metadata"]["principal_id"] for a in answers} == {
        f"{key.role_id}:vm-{n}" for n, key in enumerate(keys)}
    assert len(method.cloud.control.calls()) == len(keys)


def test_one_of_two_copies_logs_in(method: AuthMethod) -> None:
    method.bound()
    payload = v1(method.session()).payload("dev")
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: method.send(payload).status, range(8)))
    assert statuses == [200] + [403] * 7


def test_a_killed_plugin_is_back_for_the_next_login(method: AuthMethod) -> None:
    method.bound()
    token = method.login().ok().body["auth"]["client_token"]
    [pid] = method.server.plugin_processes(_FILE)
    os.kill(pid, signal.SIGKILL)
    until(lambda: any('"plugin process exited"' in line and f'"id":"{pid}"' in line
                      for line in method.server.log.read_text("utf-8").splitlines()), "the server has seen the end")
    # It logs the end a moment before it acts on it.
    until(lambda: method.api.list(f"{method.path}/roles").status == 200, "the plugin is back")
    method.login().ok()
    method.renew(token).ok()


def test_only_the_login_is_open_to_everybody(method: AuthMethod) -> None:
    method.bound()
    nobody = method.nobody
    for call, path in (("GET", "role/dev"), ("PUT", "role/dev"), ("DELETE", "role/dev"), ("LIST", "role"),
                       ("LIST", "roles"), ("GET", "config"), ("PUT", "config"), ("DELETE", "config"),
                       ("PUT", "login/x"), ("PUT", "loginx")):
        nobody.call(call, f"{method.path}/{path}", {} if call == "PUT" else None).refused(403)
    nobody.call("GET", f"{method.path}/login").refused(405)
    nobody.call("DELETE", f"{method.path}/login").refused(405)
    method.login().ok()


@pytest.mark.parametrize(("path", "texts"), [
    ("login", ["role (string)", "identity_request_url (string)", "identity_request_headers", "sts:GetCallerIdentity"]),
    ("role/any", ["arn (string)", "bound_arns (slice)", "bound_account_ids (slice)", "bound_role_ids (slice)",
                  "token_ttl (duration (sec))", "token_policies (slice)", "(DEPRECATED)"]),
    ("role", ["Lists all the roles"]), ("roles", ["Lists all the roles"]),
    ("config", ["sts_endpoints (slice)", "allow_vpc_endpoints (bool)", "server_id (string)", "ram_alias (string)",
                "ram_metadata (slice)"]),
])
def test_help_of_each_path_explains_its_fields(method: AuthMethod, path: str, texts: list[str]) -> None:
    text = Cli(method.server).run(f"path-help {method.path}/{path}").ok().text
    for expected in ["## DESCRIPTION", *texts]:
        assert expected in text, text
