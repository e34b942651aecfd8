"""OpenBao's declarative plugins: the image that a release has, from a registry on loopback to an upgrade under load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.cloud import Cloud
from harness.declaring import DeclaringServer, image_of
from harness.engine import Engine
from harness.load import build_of, load_on, next_version
from harness.method import AuthMethod
from harness.places import plugin_binary, version_of
from harness.registry import Registry
from harness.server import Server
from harness.waiting import until

_MOUNT = "alicloud"


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry without an image."""
    registry = Registry("aliyun/vault-plugin-alicloud")
    yield registry
    registry.close()


@pytest.fixture
def declaring(tmp_path: Path, cloud: Cloud) -> Iterator[DeclaringServer]:
    """A server that declares nothing yet, and is not started."""
    server = DeclaringServer(tmp_path / "server", cloud, plugin_binary())
    yield server
    server.stop()


def _mount(server: Server, version: str) -> None:
    config = {"plugin_version": version}
    for path in (f"sys/mounts/{_MOUNT}", f"sys/auth/{_MOUNT}"):
        server.api.call("PUT", path, {"type": "alicloud", "config": config}).ok()


def _tune(server: Server, version: str) -> None:
    for path in (f"sys/mounts/{_MOUNT}/tune", f"sys/mounts/auth/{_MOUNT}/tune"):
        server.api.call("PUT", path, {"plugin_version": version}).ok()
    mounts = {"mounts": [f"{_MOUNT}/", f"auth/{_MOUNT}/"]}
    server.api.call("PUT", "sys/plugins/reload/backend", mounts).ok()


def _running(server: Server) -> set[str]:
    return {server.api.read(path).ok().data[f"{_MOUNT}/"]["running_plugin_version"] for path in ("sys/mounts", "sys/auth")}


def test_a_declared_image_serves_and_the_next_version_replaces_it_under_load(
        declaring: DeclaringServer, registry: Registry, cloud: Cloud, tmp_path: Path) -> None:
    old = version_of(plugin_binary())
    new = next_version(old)
    first = image_of(tmp_path / "first", plugin_binary())
    registry.add(first)
    declaring.declare(registry, first, old)
    declaring.start()
    assert declaring.catalog() == {("secret", old), ("auth", old)}
    _mount(declaring, old)
    engine = Engine(declaring, cloud, _MOUNT, plugin=None)
    method = AuthMethod(declaring, cloud, _MOUNT, plugin=None)
    engine.configure().ok()
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    engine.sts_role()
    token = method.login(method.bound(token_ttl="1h")).ok().body["auth"]["client_token"]

    second = image_of(tmp_path / "second", build_of(new, old, tmp_path))
    registry.add(second)
    with load_on(engine, method, lease_id, token) as load:
        declaring.declare(registry, second, new)
        declaring.reload_configuration()
        until(lambda: {("secret", new), ("auth", new)} <= declaring.catalog(), "the next version is registered")
        assert _running(declaring) == {old}, "a mount keeps its version until it is tuned"
        with load.reloads():
            _tune(declaring, new)
        assert _running(declaring) == {new}
        made = dict(load.made)
        until(lambda: all(load.made[kind] > made[kind] + 1 for kind in made), "requests go on")

    declaring.restart()
    until(lambda: engine.api.read(f"{engine.path}/role/full").status == 200, "the mount is back")
    assert _running(declaring) == {new}
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()
    method.renew(token).ok()
    engine.unmount().ok()
    assert cloud.control.leftovers()["clean"]
