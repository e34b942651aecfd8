"""`config`: written, read without its secret, changed in part, deleted; what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MakeEngine
from harness.engine import Engine


def test_a_mount_without_configuration_has_nothing_to_read(make_engine: MakeEngine) -> None:
    engine = make_engine(configured=False)
    engine.api.read(f"{engine.path}/config").refused(404)
    assert engine.api.delete(f"{engine.path}/config").status == 204


def test_the_secret_key_is_never_read_back(engine: Engine) -> None:
    answer = engine.api.read(f"{engine.path}/config").ok()
    assert answer.data["access_key"] == engine.cloud.access_key
    assert engine.cloud.secret_key not in str(answer.body) and "secret_key" not in answer.data


def test_writing_answers_204_and_deleting_twice_is_no_error(engine: Engine) -> None:
    assert engine.configure().status == 204
    for _ in range(2):
        assert engine.api.delete(f"{engine.path}/config").status == 204
    engine.api.read(f"{engine.path}/config").refused(404)


def test_the_pair_alone_leaves_the_other_fields(engine: Engine) -> None:
    engine.configure(region="cn-hangzhou", sts_endpoint="sts-vpc.cn-hangzhou.aliyuncs.com").ok()
    engine.configure().ok()
    data = engine.api.read(f"{engine.path}/config").ok().data
    assert data["region"] == "cn-hangzhou"
    assert data["sts_endpoint"] == "sts-vpc.cn-hangzhou.aliyuncs.com"
    assert data["access_key"] == engine.cloud.access_key


def test_a_blank_field_goes_back_to_its_default(engine: Engine) -> None:
    before = engine.api.read(f"{engine.path}/config").ok().data
    engine.configure(region="cn-hangzhou", max_custom_policies=15).ok()
    engine.configure(region="", max_custom_policies=0).ok()
    assert engine.api.read(f"{engine.path}/config").ok().data == before


@pytest.mark.parametrize(("fields", "named"), [
    ({"access_key": "LTAIx"}, "secret_key"),
    ({"secret_key": "x"}, "access_key"),
    ({"access_key": "", "secret_key": "x"}, "access_key"),
    ({"access_key": "LTAIx", "secret_key": ""}, "secret_key"),
    ({"region": "cn hangzhou"}, "region"),
    ({"region": "evil.example.com/"}, "region"),
    ({"ram_endpoint": "http://ram.aliyuncs.com"}, "ram_endpoint"),
    ({"sts_endpoint": "user@sts.aliyuncs.com"}, "sts_endpoint"),
    ({"sts_endpoint": "sts.aliyuncs.com/path"}, "sts_endpoint"),
    ({"max_custom_policies": -1}, "max_custom_policies"),
    ({"max_system_policies": "many"}, "max_system_policies"),
    ({"access_key": {"a": 1}, "secret_key": "x"}, "access_key"),
])
def test_a_wrong_value_is_a_400_that_names_the_field(engine: Engine, fields: dict[str, Any], named: str) -> None:
    before = engine.api.read(f"{engine.path}/config").ok().data
    engine.configure(**fields).refused(400, named)
    assert engine.api.read(f"{engine.path}/config").ok().data == before


def test_nothing_at_all_is_a_400_that_names_a_field(engine: Engine) -> None:
    engine.api.call("PUT", f"{engine.path}/config", {}).refused(400, "access_key")


def test_an_unknown_field_is_a_warning(engine: Engine) -> None:
    engine.configure(access_key=engine.cloud.access_key, secret_key=engine.cloud.secret_key, regoin="x").ok()
    # A write without an answer has no place for a warning; one with an answer must have it.
    answer = engine.write_role("r", role_arn=engine.cloud.arn("vault-target"), ttl="1m", role_anr="x").ok()
    assert any("role_anr" in warning for warning in answer.warnings), answer.warnings


def test_a_wrong_key_is_told_by_name(engine: Engine) -> None:
    engine.configure(access_key=engine.cloud.access_key, secret_key="wrong-wrong-wrong-wrong").ok()
    answer = engine.creds(engine.remote_role())
    assert 400 <= answer.status < 500
    assert "SignatureDoesNotMatch" in answer.error and "request id" in answer.error


def test_an_unknown_key_is_told_by_name(engine: Engine) -> None:
    engine.configure(access_key="LTAI5tNobody00000000000", secret_key="wrong-wrong-wrong-wrong").ok()
    answer = engine.creds(engine.remote_role())
    assert 400 <= answer.status < 500
    assert "InvalidAccessKeyId.NotFound" in answer.error and "request id" in answer.error


def test_the_region_decides_which_sts_host_is_called(engine: Engine) -> None:
    role = engine.sts_role()
    for region in ("cn-hangzhou", "eu-central-1"):
        engine.configure(region=region).ok()
        engine.creds(role).ok()
        [*_, call] = engine.cloud.control.calls(action="AssumeRole")
        assert call["host"] == f"sts.{region}.aliyuncs.com"


def test_default_ttls_count_for_roles_without_their_own(engine: Engine) -> None:
    engine.remote_role("plain")
    engine.remote_role("own", ttl="2h", max_ttl="3h")
    engine.sts_role("session")
    assert engine.configure(default_ttl="20m", max_ttl="40m").status == 204
    data = engine.api.read(f"{engine.path}/config").ok().data
    assert (data["default_ttl"], data["max_ttl"]) == (1200, 2400)
    plain = engine.creds("plain").ok()
    assert plain.body["lease_duration"] == 1200 and not plain.warnings
    assert engine.creds("own").ok().body["lease_duration"] == 7200
    assert 1195 <= engine.creds("session").ok().body["lease_duration"] <= 1200
    # A renewal follows them as they are then, whatever is asked for.
    engine.configure(default_ttl="10m").ok()
    assert engine.renew(plain.lease_id).ok().body["lease_duration"] == 600
    assert engine.renew(plain.lease_id, increment="5h").ok().body["lease_duration"] <= 2400
    engine.configure(default_ttl=0, max_ttl=0).ok()
    assert engine.creds("plain").ok().body["lease_duration"] > 2400
    engine.configure(default_ttl="2h", max_ttl="1h").refused(400, "default_ttl exceeds max_ttl")
