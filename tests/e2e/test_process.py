"""The plugin's process: killed, reloaded, restarted with its server, shared by mounts, fed too much."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
from conftest import MakeEngine
from harness.cloud import Cloud
from harness.engine import INLINE, Engine
from harness.places import PLUGIN
from harness.server import Server
from harness.waiting import until


@pytest.fixture
def alone(server: Server, cloud: Cloud) -> Iterator[tuple[Engine, str]]:
    """A mount whose plugin has a process of its own, and that plugin's file."""
    file = "vault-plugin-alicloud-alone"
    server.register("alicloud-alone", file=file)
    engine = Engine(server, cloud, "alone", plugin="alicloud-alone")
    engine.configure().ok()
    yield engine, file
    engine.unmount().ok()
    assert cloud.control.leftovers()["clean"]
    until(lambda: not server.plugin_processes(file), "the process has ended with its last mount")


def test_a_killed_plugin_is_back_for_the_next_request(alone: tuple[Engine, str], server: Server) -> None:
    engine, file = alone
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    pid = server.kill_plugin(file)
    engine.wait_until_back()
    assert engine.creds("full").ok().data["access_key"]
    assert server.plugin_processes(file) not in ([], [pid])
    engine.revoke(lease_id).ok()


def test_a_plugin_killed_during_an_issue_fails_that_request_alone(alone: tuple[Engine, str], server: Server) -> None:
    engine, file = alone
    control = engine.cloud.control
    engine.full_role()
    control.fault("delay", "CreateAccessKey", seconds=3600)
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(engine.creds("full").status))
    asking.start()
    assert control.wait(20, action="CreateAccessKey", count=1)
    server.kill_plugin(file)
    asking.join(60)
    engine.wait_until_back()
    # Or the server made it again by itself, with the plugin that it has started since.
    assert len(answers) == 1 and (answers[0] >= 500 or answers[0] == 200)
    control.clear_faults()
    engine.creds("full").ok()
    # The half-made user is in the write-ahead log now; `test_wal.py` shows how it goes away.
    control.reset()
    engine.api.call("PUT", f"sys/leases/revoke-force/{engine.path}").ok()


def test_a_reload_keeps_everything(alone: tuple[Engine, str], server: Server) -> None:
    engine, file = alone
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    [pid] = server.plugin_processes(file)
    engine.api.write("sys/plugins/reload/backend", plugin="alicloud-alone").ok()
    until(lambda: pid not in server.plugin_processes(file), "the old process is gone")
    engine.creds("full").ok()
    engine.revoke(lease_id).ok()


def test_one_process_serves_all_mounts_and_keeps_them_apart(make_engine: MakeEngine, server: Server) -> None:
    one, two = make_engine(), make_engine(configured=False)
    assert len(server.plugin_processes()) == 1
    one.full_role("r")
    two.api.read(f"{two.path}/role/r").refused(404)
    two.api.read(f"{two.path}/config").refused(404)
    two.write_role("r", inline_policies=INLINE[:1]).ok()
    two.configure().ok()
    one.creds("r").ok()
    lease_id = two.creds("r").ok().lease_id
    assert len(one.cloud.control.leftovers()["policies"]) == 3
    one.unmount().ok()
    assert len(one.cloud.control.leftovers()["policies"]) == 1
    two.revoke(lease_id).ok()


@pytest.mark.parametrize("how", ["restart", "seal"])
def test_a_restart_and_a_seal_of_the_server_are_survived(engine: Engine, server: Server, how: str) -> None:
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    before = server.plugin_processes()
    if how == "restart":
        server.restart()
    else:
        server.seal()
        until(lambda: not server.plugin_processes(), "sealing has ended the plugin")
        server.unseal()
    until(lambda: engine.api.read(f"{engine.path}/role/full").status == 200, "the mount is back")
    assert not set(before) & set(server.plugin_processes())
    engine.creds("full").ok()
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()


def test_no_plugin_outlives_its_server(server: Server, engine: Engine) -> None:
    engine.api.read(f"{engine.path}/config").ok()
    processes = server.plugin_processes()
    assert processes
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in processes), "the plugin has ended")
    server.restart()
    until(lambda: engine.api.read(f"{engine.path}/config").status == 200, "the mount is back")


def test_a_huge_request_does_not_hurt_the_plugin(engine: Engine, server: Server) -> None:
    engine.remote_role("r")
    [pid] = server.plugin_processes()
    # Shorter than what the server itself refuses.
    engine.write_role("big", inline_policies="[" + " " * (20 << 20) + "]").refused(400, "too large", "1024 KiB")
    assert server.plugin_processes() == [pid]
    engine.creds("r").ok()


def test_a_plugin_is_registered_with_its_version(server: Server) -> None:
    catalog = server.api.read("sys/plugins/catalog").ok().data["detailed"]
    [ours] = [plugin for plugin in catalog if plugin["name"] == "alicloud" and plugin["type"] == "secret"]
    shown = subprocess.run([server.plugins / PLUGIN, "--version"], capture_output=True, text=True, check=True)
    assert ours["version"] and ours["version"] in shown.stdout


def test_a_mount_without_configuration_does_what_needs_none(make_engine: MakeEngine) -> None:
    engine = make_engine(configured=False)
    engine.full_role("r")
    assert engine.api.list(f"{engine.path}/roles").ok().data["keys"] == ["r"]
    answer = engine.creds("r")
    assert 400 <= answer.status < 500 and "config" in answer.error, answer


def test_requests_that_make_no_sense_are_clear_errors(engine: Engine) -> None:
    api, path = engine.api, engine.path
    api.read(f"{path}/nothing/here").refused(404, "unsupported path")
    api.delete(f"{path}/creds/r").refused(405, "unsupported operation")
    api.list(f"{path}/creds").refused(404, "unsupported path")
    api.read(f"{path}/role/not%20a%20name").refused(404, "unsupported path")
    for body in ("[]", '"text"', "{", '{"ttl": 1} x'):
        assert 400 <= api.call("PUT", f"{path}/role/r", body).status < 500
