"""Credentials from the plugin's environment, for a mount without `config`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakecloud.ca import TestAuthority
from harness.cloud import Cloud
from harness.engine import Engine
from harness.places import openbao, plugin_binary
from harness.server import Server
from harness.waiting import until


@pytest.fixture
def ambient(server: Server, cloud: Cloud) -> Iterator[Engine]:
    """A mount without configuration, of a plugin with credentials in its environment."""
    server.register("alicloud-environment", env=[f"ALICLOUD_ACCESS_KEY={cloud.access_key}",
                                                 f"ALICLOUD_SECRET_KEY={cloud.secret_key}"])
    engine = Engine(server, cloud, "ambient", plugin="alicloud-environment")
    yield engine
    engine.unmount().ok()
    assert cloud.control.leftovers()["clean"]


def test_the_environment_is_enough(ambient: Engine) -> None:
    for role in (ambient.full_role(), ambient.sts_role()):
        lease_id = ambient.creds(role).ok().lease_id
        ambient.revoke(lease_id).ok()
    assert {call["access_key_id"] for call in ambient.cloud.control.calls()} == {ambient.cloud.access_key}


def test_a_written_pair_goes_before_the_environment(ambient: Engine) -> None:
    other = ambient.cloud.control.user("second-operator", grants=["*"], keys=1)["keys"][0]
    ambient.configure(access_key=other["access_key_id"], secret_key=other["access_key_secret"]).ok()
    ambient.creds(ambient.remote_role()).ok()
    assert {call["access_key_id"] for call in ambient.cloud.control.calls()} == {other["access_key_id"]}


def test_deleting_the_configuration_does_not_strand_leases(ambient: Engine) -> None:
    ambient.configure().ok()
    lease_id = ambient.creds(ambient.full_role()).ok().lease_id
    ambient.api.delete(f"{ambient.path}/config").ok()
    ambient.revoke(lease_id).ok()
    assert ambient.cloud.control.leftovers()["clean"]


def test_blank_keys_mean_the_environment(ambient: Engine) -> None:
    ambient.configure(access_key="", secret_key="", region="cn-hangzhou").ok()
    ambient.creds(ambient.sts_role()).ok()
    [call] = ambient.cloud.control.calls(action="AssumeRole")
    assert call["access_key_id"] == ambient.cloud.access_key and call["host"] == "sts.cn-hangzhou.aliyuncs.com"


def test_a_ca_bundle_that_was_replaced_needs_no_restart(cloud: Cloud, tmp_path: Path) -> None:
    bundle = TestAuthority(tmp_path / "other").ca_file
    server = Server(openbao(), tmp_path / "server", plugin_binary(), {**cloud.environment, "SSL_CERT_FILE": str(bundle)})
    try:
        server.start()
        server.register()
        engine = Engine(server, cloud, "bundle")
        engine.configure().ok()
        role = engine.sts_role()
        refused = engine.creds(role)
        assert refused.status >= 500 and "certificate" in refused.error, refused
        processes = server.plugin_processes()
        bundle.write_bytes(Path(cloud.ca_file).read_bytes())
        # The plugin looks at it every ten seconds.
        until(lambda: engine.creds(role).status == 200, "the new bundle is used", timeout=60, pause=0.5)
        assert server.plugin_processes() == processes
    finally:
        server.stop()
