"""`creds` on a mount with no `config`, by OIDC token and by credentials URI; and what happens when they change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.cloud import Cloud
from harness.engine import Engine
from harness.keyless import NO_METADATA, Pod, issue_and_revoke, keyless, keys_of, signs, under_load
from harness.server import Server
from harness.waiting import until

#: Times that credentials are replaced under load.
ROTATIONS = 4


@pytest.fixture
def pod(cloud: Cloud, tmp_path: Path) -> Pod:
    """A pod's identity."""
    return Pod(cloud, tmp_path)


@pytest.fixture
def by_token(server: Server, cloud: Cloud, pod: Pod) -> Iterator[Engine]:
    """A mount of a plugin in that pod."""
    with keyless(server, cloud, *pod.variables) as engine:
        yield engine


@pytest.fixture
def by_uri(server: Server, cloud: Cloud) -> Iterator[Engine]:
    """A mount of a plugin with a credentials URI, which serves the instance's role."""
    cloud.control.post("credentials_uri", role_name="vault-ecs")
    uri = cloud.control.get("info")["credentials_uri"]
    with keyless(server, cloud, f"ALIBABA_CLOUD_CREDENTIALS_URI={uri}", NO_METADATA) as engine:
        yield engine


def _offered(cloud: Cloud) -> str:
    key: str = cloud.control.get("credentials_uri")["access_key_id"]
    return key


def _new_key(cloud: Cloud, old: set[str]) -> str | None:
    """A key that signs and is none of the old ones."""
    return next((key for key in keys_of(cloud) - old if signs(cloud, key)), None)


# === OIDC token ===

def test_a_pods_token_is_enough(by_token: Engine, pod: Pod) -> None:
    issue_and_revoke(by_token, 3)
    [exchange] = by_token.cloud.control.calls(action="AssumeRoleWithOIDC")
    assert exchange["access_key_id"] is None and exchange["params"]["RoleArn"] == pod.role_arn
    [key] = keys_of(by_token.cloud)
    assert key.startswith("STS.")


def test_a_replaced_token_is_exchanged_within_seconds(by_token: Engine, pod: Pod) -> None:
    role = by_token.sts_role()
    by_token.creds(role).ok()
    token = pod.replace_token()

    def exchanged() -> bool:
        by_token.creds(role).ok()
        calls = by_token.cloud.control.calls(action="AssumeRoleWithOIDC")
        return any(call["params"]["OIDCToken"] == token for call in calls)

    until(exchanged, "the new token is used", timeout=5)
    by_token.creds(role).ok()
    assert len(by_token.cloud.control.calls(action="AssumeRoleWithOIDC")) == 2


def test_sessions_of_a_token_end_under_load_without_a_failed_request(by_token: Engine, pod: Pod) -> None:
    control = by_token.cloud.control
    with under_load(by_token) as load:
        ended: set[str] = set()
        for number in range(ROTATIONS):
            key = until(lambda: _new_key(by_token.cloud, ended), "a new session signs")
            # A request whose credentials end twice may fail.
            load.wait_for_the_requests_of_now()
            if number % 2:
                pod.replace_token()
            control.session(access_key_id=key, seconds=0)
            ended.add(key)
        until(lambda: _new_key(by_token.cloud, ended), "the last session signs")
    assert load.done > ROTATIONS


def test_a_broken_token_file_stops_the_search_and_is_named(server: Server, cloud: Cloud, pod: Pod) -> None:
    cloud.control.post("credentials_uri", role_name="vault-ecs")
    uri = cloud.control.get("info")["credentials_uri"]
    with keyless(server, cloud, *pod.variables, f"ALIBABA_CLOUD_CREDENTIALS_URI={uri}") as engine:
        pod.file.write_text("not a token")
        engine.creds(engine.sts_role()).refused(400, "oidc credentials", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(pod.file))
        pod.file.unlink()
        engine.creds("sts").refused(400, "oidc credentials", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(pod.file))
        assert cloud.control.get("credentials_uri")["asked"] == 0
        pod.replace_token()
        until(lambda: engine.creds("sts").status == 200, "the mended file is used")


def test_a_token_that_the_cloud_refuses_is_a_403_with_its_reason(by_token: Engine, pod: Pod) -> None:
    pod.file.write_text(pod.token + "x")
    answer = by_token.creds(by_token.sts_role())
    answer.refused(403, "AuthenticationFail.OIDCToken.Invalid", pod.role_arn, "request id")
    assert pod.token not in answer.error


# === credentials URI ===

def test_a_credentials_uri_is_enough(by_uri: Engine) -> None:
    issue_and_revoke(by_uri, 3)
    assert keys_of(by_uri.cloud) == {_offered(by_uri.cloud)}


def test_another_answer_is_noticed_within_seconds(by_uri: Engine) -> None:
    role = by_uri.sts_role()
    by_uri.creds(role).ok()
    first = _offered(by_uri.cloud)
    by_uri.cloud.control.post("credentials_uri", rotate=True)

    def noticed() -> bool:
        by_uri.creds(role).ok()
        return keys_of(by_uri.cloud) - {first} != set()

    until(noticed, "the new credentials are used", timeout=8)
    # While nothing changes, the service is asked now and then and not at each request.
    asked = by_uri.cloud.control.get("credentials_uri")["asked"]
    for _ in range(10):
        by_uri.creds(role).ok()
    assert by_uri.cloud.control.get("credentials_uri")["asked"] <= asked + 2


def test_credentials_of_a_uri_are_replaced_under_load_without_a_failed_request(by_uri: Engine) -> None:
    control = by_uri.cloud.control
    with under_load(by_uri) as load:
        for _ in range(ROTATIONS):
            until(lambda: signs(by_uri.cloud, _offered(by_uri.cloud)), "the new ones sign")
            load.wait_for_the_requests_of_now()
            control.post("credentials_uri", invalidate=True)
        until(lambda: len(keys_of(by_uri.cloud)) > ROTATIONS, "the last ones sign")
    assert load.done > ROTATIONS


def test_credentials_of_a_uri_expire_under_load_without_a_failed_request(by_uri: Engine) -> None:
    by_uri.cloud.control.post("credentials_uri", lifetime=5)
    with under_load(by_uri):
        until(lambda: len(keys_of(by_uri.cloud)) >= 4, "three lifetimes pass")


def test_a_uri_that_is_down_does_not_end_what_it_gave(by_uri: Engine) -> None:
    role = by_uri.sts_role()
    by_uri.creds(role).ok()
    by_uri.cloud.control.post("credentials_uri", status=500)
    asked = by_uri.cloud.control.get("credentials_uri")["asked"]

    def asked_again() -> bool:
        by_uri.creds(role).ok()
        return bool(by_uri.cloud.control.get("credentials_uri")["asked"] > asked)

    until(asked_again, "the service is asked, and fails", timeout=8)
    by_uri.creds(role).ok()


def test_a_broken_uri_stops_the_search_and_is_named(server: Server, cloud: Cloud) -> None:
    cloud.control.post("credentials_uri", status=500)
    uri = cloud.control.get("info")["credentials_uri"]
    with keyless(server, cloud, f"ALIBABA_CLOUD_CREDENTIALS_URI={uri}", NO_METADATA) as engine:
        engine.creds(engine.sts_role()).refused(400, "ALIBABA_CLOUD_CREDENTIALS_URI", "http status 500")
    with keyless(server, cloud, "ALIBABA_CLOUD_CREDENTIALS_URI=http://8.8.8.8/", NO_METADATA) as engine:
        engine.creds(engine.sts_role()).refused(400, "ALIBABA_CLOUD_CREDENTIALS_URI", "use https")


# === none, and several ===

def test_without_any_source_the_answer_says_what_to_do(server: Server, cloud: Cloud) -> None:
    with keyless(server, cloud, NO_METADATA) as engine:
        engine.creds(engine.sts_role()).refused(400, "no credentials are configured", f"{engine.path}/config")


def test_the_order_is_environment_token_uri(server: Server, cloud: Cloud, pod: Pod) -> None:
    cloud.control.post("credentials_uri", role_name="vault-ecs")
    uri = f"ALIBABA_CLOUD_CREDENTIALS_URI={cloud.control.get('info')['credentials_uri']}"
    keys = [f"ALIBABA_CLOUD_ACCESS_KEY_ID={cloud.access_key}", f"ALIBABA_CLOUD_ACCESS_KEY_SECRET={cloud.secret_key}"]
    with keyless(server, cloud, uri, *pod.variables, *keys) as engine:
        engine.creds(engine.sts_role()).ok()
        assert keys_of(cloud) == {cloud.access_key}
    cloud.control.clear_calls()
    with keyless(server, cloud, uri, *pod.variables) as engine:
        engine.creds(engine.sts_role()).ok()
        assert cloud.control.calls(action="AssumeRoleWithOIDC")
        assert cloud.control.get("credentials_uri")["asked"] == 0
