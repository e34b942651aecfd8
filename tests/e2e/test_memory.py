"""Secrets that have done their work are no longer in the plugin's memory.

What is freed is wiped. The buffers of a connection are not free while it lives: they keep the end of the last messages
until longer ones come. So the tests end the connections to the cloud, as the plugin does within 100 seconds after their
last use, and exchange longer messages with the server. That one connection has no end before the plugin's.
"""

from __future__ import annotations

import threading

from harness.cloud import Cloud
from harness.engine import Engine, allow
from harness.memory import assert_wiped, need_memory, pieces, remains
from harness.method import AuthMethod
from harness.places import PLUGIN
from harness.server import Server
from harness.signing import v1, v3

#: Longer than all messages with secrets.
_LONG = [allow(*(f"rds:Describe{n:04}" for n in range(250))) for _ in range(4)]


def _end_connections(cloud: Cloud) -> None:
    """From now on the cloud closes each connection after its answer."""
    cloud.control.fault("slow_body", chunk=1 << 20, interval=0, count=None)


def test_issued_and_configured_keys_are_wiped(engine: Engine, server: Server, cloud: Cloud) -> None:
    [pid] = server.plugin_processes()
    need_memory(pid)
    roles = [engine.inline_role(), engine.remote_role(), engine.full_role(), engine.sts_role()]
    issued = [engine.creds(role).ok() for role in roles for _ in range(3)]
    secrets = {answer.data[name] for answer in issued for name in ("secret_key", "security_token")
               if name in answer.data}
    assert len(secrets) == 15 and all(map(pieces, secrets))
    engine.renew(issued[0].lease_id).ok()
    _end_connections(cloud)
    engine.revoke_all().ok()
    engine.creds("sts").ok()

    def exchange() -> None:
        engine.inline_role("long", _LONG)
        engine.read_role("long")

    assert_wiped(pid, {cloud.secret_key, *secrets}, exchange)


def test_a_key_in_use_is_in_memory(engine: Engine, server: Server, cloud: Cloud) -> None:
    """That the search finds what is there."""
    [pid] = server.plugin_processes()
    need_memory(pid)
    role = engine.remote_role()
    cloud.control.fault("delay", "CreateAccessKey", seconds=3600)
    asking = threading.Thread(target=lambda: engine.creds(role).ok())
    asking.start()
    assert cloud.control.wait(20, action="CreateAccessKey", count=1)
    assert set(remains(pid, {cloud.secret_key})) == {cloud.secret_key}
    cloud.control.clear_faults()
    asking.join(60)
    assert not asking.is_alive()


def test_what_logged_in_is_wiped(method: AuthMethod, server: Server, cloud: Cloud) -> None:
    method.bound()
    [pid] = server.plugin_processes(f"{PLUGIN}-auth")
    need_memory(pid)
    secrets: set[str] = set()
    for _ in range(3):
        key = method.session()
        signed = v1(key)
        payload = signed.payload("dev")
        method.send(payload).ok()
        secrets |= {key.token or "", payload["identity_request_url"]}
        key = method.session()
        signed = v3(key)
        payload = signed.payload("dev")
        method.send(payload).ok()
        secrets |= {key.token or "", payload["identity_request_headers"],
                    signed.headers["Authorization"].rpartition("=")[2]}
    assert len(secrets) == 15 and all(map(pieces, secrets))
    _end_connections(cloud)
    method.login().ok()

    def exchange() -> None:
        method.write_role("long", arn=cloud.arn("vault-target"),
                          token_policies=[f"a-policy-{n:04}" for n in range(600)]).ok()
        method.read_role("long")

    assert_wiped(pid, secrets, exchange)
