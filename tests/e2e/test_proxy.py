"""Proxies of the environment: the plugin and `login` go through them, past them where `NO_PROXY` says so, and nowhere where
a variable names none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.cloud import Cloud
from harness.engine import Engine
from harness.far import FarServer
from harness.method import AuthMethod
from harness.places import openbao, plugin_binary
from harness.server import Server
from harness.signer import Signer, variables

#: Hosts of these do not exist, so that the direct way to them ends at once.
_NOWHERE = "invalid"

_NO_PROXIES = ["'http://127.0.0.1:9'", "htp://127.0.0.1:9", "http://user:pa55#word@127.0.0.1:9"]

_RULE = "HTTPS_PROXY is not the address of a proxy"


@contextmanager
def _server(cloud: Cloud, folder: Path, **variables: str) -> Iterator[Server]:
    """A server whose environment, and so its plugins', has these variables."""
    server = Server(openbao(), folder, plugin_binary(), {**cloud.environment, **variables})
    try:
        server.start()
        for kind in ("secret", "auth"):
            server.register(kind=kind)
        yield server
    finally:
        server.stop()


def _asked(cloud: Cloud) -> set[str]:
    """The hosts that the proxy was asked for."""
    return {connection["host"] for connection in cloud.control.connections()}


def test_the_engine_goes_through_the_proxy_but_for_what_no_proxy_names(cloud: Cloud, tmp_path: Path) -> None:
    with _server(cloud, tmp_path / "server", NO_PROXY=f"a.test,.direct.{_NOWHERE}") as server:
        engine = Engine(server, cloud, "no-proxy")
        pair = {"access_key": cloud.access_key, "secret_key": cloud.secret_key, "max_retries": 0}
        engine.configure(**pair).ok()
        engine.revoke(engine.creds(engine.remote_role()).ok().lease_id).ok()
        assert "ram.aliyuncs.com" in _asked(cloud)
        role = engine.sts_role()
        for host, way in (("sts.direct", ": the name cannot be resolved"), ("sts.other", " through the proxy ")):
            engine.configure(**pair, sts_endpoint=f"{host}.{_NOWHERE}").ok()
            engine.creds(role).refused(503, f"cannot connect to {host}.{_NOWHERE}{way}")
        asked = _asked(cloud)
        assert f"sts.other.{_NOWHERE}" in asked and f"sts.direct.{_NOWHERE}" not in asked


@pytest.mark.parametrize("value", _NO_PROXIES)
def test_calls_fail_where_the_variable_names_no_proxy(cloud: Cloud, tmp_path: Path, value: str) -> None:
    with _server(cloud, tmp_path / "server", HTTPS_PROXY=value) as server:
        engine = Engine(server, cloud, "broken-proxy")
        engine.configure().ok()
        for role in (engine.sts_role(), engine.remote_role()):
            refused = engine.creds(role).refused(503, _RULE)
            assert "pa55" not in refused.error and "127.0.0.1" not in refused.error
        # Who logs in is a stranger, and told nothing of proxies; the log is.
        method = AuthMethod(server, cloud, "broken-proxy")
        method.bound()
        method.login().refused(503, "STS could not be reached")
        # The server itself logs its environment.
        told = [line for line in server.log.read_text("utf-8").splitlines() if _RULE in line]
        assert sum('"event":"proxy_unusable"' in line for line in told) == 2, "each of the two plugins says so once"
        assert not any("pa55" in line for line in told)
        assert _asked(cloud) == set()


def test_a_login_goes_past_the_proxy_where_no_proxy_says_so(method: AuthMethod, server: Server, tmp_path: Path) -> None:
    signer = Signer(server, tmp_path, ALICLOUD_REGION="cn-hangzhou", **variables(method.session()))
    address = f"vault.{_NOWHERE}:8200"
    with FarServer(server, tmp_path / "far") as far:
        environment = {"HTTPS_PROXY": far.proxy, "BAO_ADDR": f"https://{address}", "BAO_CACERT": str(far.ca_file)}
        signer.run("login", "-role=dev", **environment, NO_PROXY=_NOWHERE).failed(
            1, f"https://{address} cannot be reached: the name cannot be resolved")
        assert far.asked == []
        signer.run("login", "-role=dev", **environment, NO_PROXY="example.com").failed(1, "through the proxy")
        assert far.asked == [f"CONNECT {address} HTTP/1.1"]


@pytest.mark.parametrize("value", _NO_PROXIES)
def test_a_login_fails_where_the_variable_names_no_proxy(method: AuthMethod, server: Server, tmp_path: Path,
                                                         value: str) -> None:
    signer = Signer(server, tmp_path, ALICLOUD_REGION="cn-hangzhou", **variables(method.session()))
    shown = signer.run("login", "-role=dev", BAO_ADDR=f"https://vault.{_NOWHERE}:8200", HTTPS_PROXY=value)
    shown.failed(1, f"https://vault.{_NOWHERE}:8200 cannot be reached", _RULE)
    assert "pa55" not in shown.err and "127.0.0.1" not in shown.err
