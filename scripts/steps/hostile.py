"""Tenants who mean ill, in full size: each scene on a server of its own, with what others notice of it as a table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.cloud import Cloud
from harness.engine import Engine
from harness.flood import Scene, body_flood, creds_flood, large_login, large_role, login_flood
from harness.method import AuthMethod
from harness.places import PLUGIN, openbao
from harness.server import Server

_LOGINS, _CREDS, _BODIES = 700, 300, 200

#: For how long others are watched, in seconds.
_SECONDS = 30

#: What the slowest but one of a hundred requests may take, in seconds.
_P99 = 1.0

_AUTH_PLUGIN = f"{PLUGIN}-auth"


def hostile(binary: Path) -> list[str]:
    """All scenes, printed; what is not as it should be."""
    scenes: list[Callable[[Server, Cloud], Scene]] = [
        _forged_logins, lambda server, cloud: _hanging_creds(server, cloud, "AssumeRole"),
        lambda server, cloud: _hanging_creds(server, cloud, "CreateUser"), _large_logins, _large_roles]
    offenders = []
    for scene in scenes:
        with tempfile.TemporaryDirectory(prefix="alicloud-hostile-") as folder:
            cloud = Cloud(Path(folder) / "cloud")
            server = Server(openbao(), Path(folder) / "server", binary, cloud.environment, log_level="info")
            try:
                server.start()
                server.register()
                server.register(kind="auth", file=_AUTH_PLUGIN)
                seen = scene(server, cloud)
            finally:
                server.stop()
                cloud.close()
        print(f"\n{seen}", flush=True)
        offenders += [f"{seen.title}: {offender}" for offender in seen.offenders(_P99)]
    return offenders


def _forged_logins(server: Server, cloud: Cloud) -> Scene:
    return login_flood(AuthMethod(server, cloud, "alicloud"), _LOGINS, _SECONDS)


def _hanging_creds(server: Server, cloud: Cloud, action: str) -> Scene:
    engine = Engine(server, cloud, "alicloud")
    engine.configure().ok()
    return creds_flood(engine, action, _CREDS, _SECONDS)


def _large_logins(server: Server, cloud: Cloud) -> Scene:
    method = AuthMethod(server, cloud, "alicloud")
    method.bound()
    # What a process needs once is no growth.
    for _ in range(20):
        method.login().ok()
    [process] = server.plugin_processes(_AUTH_PLUGIN)
    return body_flood(server, process, f"{method.path}/login", large_login(), _BODIES)


def _large_roles(server: Server, cloud: Cloud) -> Scene:
    engine = Engine(server, cloud, "alicloud")
    for _ in range(20):
        engine.remote_role("r")
    [process] = server.plugin_processes()
    return body_flood(server, process, f"{engine.path}/role/r", large_role(), _BODIES)
