"""`creds` on a mount with no `config` on an ECS instance: a server in a network namespace where the metadata service is at
its real address."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest
from harness.cloud import Cloud
from harness.engine import Engine
from harness.keyless import issue_and_revoke, keyless, keys_of, signs, under_load
from harness.namespace import Namespace
from harness.places import openbao, plugin_binary
from harness.secrecy import assert_no_secret_in
from harness.server import Server
from harness.waiting import until

_ADDRESS = "100.100.100.200"

Place = tuple[Server, Cloud]


@pytest.fixture(scope="module")
def inside() -> Iterator[None]:
    """The tests of this file, and the processes that they start, are inside the namespace."""
    namespace = Namespace(_ADDRESS)
    try:
        namespace.__enter__()
    except PermissionError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network namespace can be made here, which takes root: {error}")
    yield
    namespace.__exit__(None, None, None)


@pytest.fixture(scope="module")
def place(inside: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server and a cloud of the namespace's own."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud"), metadata=f"{_ADDRESS}:80")
    server = Server(openbao(), tmp_path_factory.mktemp("server"), plugin_binary(), cloud.environment)
    try:
        server.start()
        yield server, cloud
        assert_no_secret_in(server.log, cloud)
    finally:
        server.stop()
        cloud.close()


@pytest.fixture
def instance(place: Place) -> Iterator[Engine]:
    """A mount on an instance that has a RAM role."""
    server, cloud = place
    cloud.control.reset()
    cloud.control.post("metadata", role_name="vault-ecs", mode="optional", lifetime=6 * 3600, status=0)
    with keyless(server, cloud) as engine:
        yield engine


def _offered(cloud: Cloud) -> str:
    key: str = cloud.control.get("metadata")["access_key_id"]
    return key


def _asked(cloud: Cloud) -> list[str]:
    """The service's journal: method, last part of the path, whether with a token, status."""
    return [f"{r['method']} {r['path'].rpartition('/')[2] or 'roles'} {'token' if r['token'] else '-'} {r['status']}"
            for r in cloud.control.get("metadata")["requests"]]


def test_the_role_of_the_instance_is_enough_by_token(instance: Engine) -> None:
    before = len(_asked(instance.cloud))
    issue_and_revoke(instance, 2)
    assert keys_of(instance.cloud) == {_offered(instance.cloud)}
    asked = _asked(instance.cloud)[before:]
    assert asked[:3] == ["PUT token - 200", "GET roles token 200", "GET vault-ecs token 200"]
    assert not [question for question in asked if question.startswith("GET") and " - " in question]


def test_a_hardened_service_is_enough(instance: Engine) -> None:
    instance.cloud.control.post("metadata", mode="required")
    issue_and_revoke(instance)
    assert keys_of(instance.cloud) == {_offered(instance.cloud)}


def test_a_service_without_tokens_is_enough(instance: Engine) -> None:
    instance.cloud.control.post("metadata", mode="off")
    before = len(_asked(instance.cloud))
    issue_and_revoke(instance)
    assert keys_of(instance.cloud) == {_offered(instance.cloud)}
    assert _asked(instance.cloud)[before:][:3] == ["PUT token - 404", "GET roles - 200", "GET vault-ecs - 200"]


def test_a_service_without_tokens_is_not_asked_where_that_is_forbidden(instance: Engine) -> None:
    server, cloud = instance.server, instance.cloud
    cloud.control.post("metadata", mode="off")
    variables = ["ALIBABA_CLOUD_IMDSV1_DISABLED=true", "ALIBABA_CLOUD_ECS_METADATA=vault-ecs"]
    before = len(_asked(cloud))
    with keyless(server, cloud, *variables) as strict:
        strict.creds(strict.sts_role()).refused(400, "ecs metadata credentials", "ALIBABA_CLOUD_IMDSV1_DISABLED")
    assert not [question for question in _asked(cloud)[before:] if question.startswith("GET")]


def test_the_configuration_tells_whose_instance_it_is(instance: Engine) -> None:
    instance.configure(region="cn-hangzhou", credential_source="ecs").ok()
    data = instance.api.read(f"{instance.path}/config").ok().data
    assert data["credential_source_in_force"] == "ecs" and data["access_key"] == ""
    assert data["identity_arn"].startswith(f"acs:ram::{instance.cloud.account_id}:assumed-role/vault-ecs/i-")


def test_credentials_are_replaced_under_load_without_a_failed_request(instance: Engine) -> None:
    cloud = instance.cloud
    with under_load(instance) as load:
        for _ in range(4):
            until(lambda: signs(cloud, _offered(cloud)), "the new ones sign")
            load.wait_for_the_requests_of_now()
            cloud.control.post("metadata", invalidate=True)
        until(lambda: len(keys_of(cloud)) > 4, "the last ones sign")
    assert load.done > 4


def test_credentials_expire_under_load_without_a_failed_request(instance: Engine) -> None:
    instance.cloud.control.post("metadata", lifetime=5)
    with under_load(instance):
        until(lambda: len(keys_of(instance.cloud)) >= 4, "three lifetimes pass")


def test_another_role_of_the_instance_is_noticed_within_seconds(instance: Engine) -> None:
    cloud, role = instance.cloud, instance.sts_role()
    instance.creds(role).ok()
    cloud.control.role("vault-other", grants=["*"])
    cloud.control.post("metadata", role_name="vault-other")

    def noticed() -> bool:
        cloud.control.clear_calls()
        instance.creds(role).ok()
        return keys_of(cloud) == {_offered(cloud)}

    until(noticed, "the other role is used", timeout=8)


def test_a_service_that_is_down_does_not_end_what_it_gave(instance: Engine) -> None:
    role = instance.sts_role()
    instance.creds(role).ok()
    instance.cloud.control.post("metadata", status=503)
    before = len(_asked(instance.cloud))

    def asked_again() -> bool:
        instance.creds(role).ok()
        return len(_asked(instance.cloud)) > before

    until(asked_again, "the service is asked, and fails", timeout=8)
    instance.creds(role).ok()


def test_an_instance_without_a_role_has_no_credentials(instance: Engine) -> None:
    server, cloud = instance.server, instance.cloud
    cloud.control.post("metadata", role_name=None)
    with keyless(server, cloud) as other:
        other.creds(other.sts_role()).refused(400, "no credentials are configured")
        other.configure(credential_source="ecs").ok()
        other.creds("sts").refused(400, "the metadata service knows of no RAM role")


def test_off_an_instance_a_look_takes_a_second_at_most(tmp_path_factory: pytest.TempPathFactory, inside: None) -> None:
    """Elsewhere the address may belong to somebody who accepts and never answers."""
    # Another namespace: here the address is free.
    with Namespace(_ADDRESS), socket.create_server((_ADDRESS, 80)):
        cloud = Cloud(tmp_path_factory.mktemp("cloud"))
        server = Server(openbao(), tmp_path_factory.mktemp("server"), plugin_binary(), cloud.environment)
        try:
            server.start()
            with keyless(server, cloud) as engine:
                role = engine.sts_role()
                start = time.monotonic()
                engine.creds(role).refused(400, "no credentials are configured")
                # The server's own share of the request is in it.
                assert time.monotonic() - start < 1.5
        finally:
            server.stop()
            cloud.close()
