"""What `config` says about credentials: which source, whose role, tried before it is stored, and told when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MakeEngine
from harness.api import Json
from harness.cloud import Cloud
from harness.engine import Engine, allow
from harness.keyless import NO_METADATA, Pod, issue_and_revoke, keyless, keys_of
from harness.server import Server
from harness.storage import Storage
from harness.waiting import until

_OTHER_ACCOUNT = "6543210987654321"
_FAR = f"acs:ram::{_OTHER_ACCOUNT}:role/vault-far"
_EXTERNAL_ID = "agreed:vault/1"


@pytest.fixture
def pod(cloud: Cloud, tmp_path: Path) -> Pod:
    """A pod's identity."""
    return Pod(cloud, tmp_path)


@pytest.fixture
def far(cloud: Cloud) -> str:
    """A role of another account that asks for an external id, and one there that it may assume; the first's ARN."""
    cloud.control.post("accounts", account_id=_OTHER_ACCOUNT)
    near = {"RAM": [f"acs:ram::{cloud.account_id}:root"]}
    agreed = {"StringEquals": {"sts:ExternalId": _EXTERNAL_ID}}
    cloud.control.role("vault-far", account_id=_OTHER_ACCOUNT, grants=["*"], trust={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": near, "Condition": agreed}]})
    cloud.control.role("far-target", account_id=_OTHER_ACCOUNT, trust={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [_FAR]}}]})
    return _FAR


def _config(engine: Engine) -> Json:
    return engine.api.read(f"{engine.path}/config").ok().data


def _stored(engine: Engine) -> Json:
    stored: Json = Storage(engine).get("config")
    return stored


# === another account ===

def test_every_call_is_made_as_the_role_of_another_account(engine: Engine, far: str) -> None:
    engine.configure(role_arn=far, external_id=_EXTERNAL_ID, role_session_name="vault@here").ok()
    engine.inline_role("far", documents=[allow("rds:Describe*")],
                       remote_policies=["name:AliyunOSSReadOnlyAccess,type:System"])
    engine.write_role("far-sts", role_arn=f"acs:ram::{_OTHER_ACCOUNT}:role/far-target").ok()
    lease_id = engine.creds("far").ok().lease_id
    users = engine.cloud.control.leftovers()["users"]
    assert [user["account_id"] for user in users] == [_OTHER_ACCOUNT]
    answer = engine.creds("far-sts").ok()
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]
    calls = engine.cloud.control.calls()
    first = next(call for call in calls if call["action"] == "AssumeRole")
    # Before it, at most the question whose key is configured.
    others = [call for call in calls[calls.index(first) + 1:] if call["access_key_id"] != engine.cloud.access_key]
    assert {call["action"] for call in calls if call not in others} <= {"AssumeRole", "GetCallerIdentity"}
    assert (first["action"], first["access_key_id"]) == ("AssumeRole", engine.cloud.access_key)
    assert first["params"]["ExternalId"] == _EXTERNAL_ID and first["params"]["RoleSessionName"] == "vault@here"
    [session] = {call["access_key_id"] for call in others}
    assert session.startswith("STS.") and session != answer.data["access_key"]
    assert _config(engine)["identity_arn"] == f"acs:ram::{_OTHER_ACCOUNT}:assumed-role/vault-far/vault@here"


def test_a_wrong_external_id_is_told_by_the_clouds_reason(engine: Engine, far: str) -> None:
    engine.configure(role_arn=far, external_id="not-agreed").ok()
    engine.creds(engine.sts_role()).refused(403, "NoPermission", far, "request id")


def test_the_instances_role_can_act_in_another_account(server: Server, cloud: Cloud, far: str) -> None:
    cloud.control.post("credentials_uri", role_name="vault-ecs")
    uri = cloud.control.get("info")["credentials_uri"]
    with keyless(server, cloud, f"ALIBABA_CLOUD_CREDENTIALS_URI={uri}", NO_METADATA) as engine:
        engine.configure(role_arn=far, external_id=_EXTERNAL_ID).ok()
        engine.write_role("far-sts", role_arn=f"acs:ram::{_OTHER_ACCOUNT}:role/far-target").ok()
        engine.creds("far-sts").ok()
        data = _config(engine)
        assert (data["credential_source_in_force"], data["account_id"]) == ("uri", _OTHER_ACCOUNT)
        # What was assumed before the settings changed is not used after.
        engine.configure(role_arn="", external_id="").ok()
        cloud.control.clear_calls()
        engine.creds(engine.sts_role()).ok()
        assert keys_of(cloud) == {cloud.control.get("credentials_uri")["access_key_id"]}


# === OIDC of the configuration ===

def test_a_token_of_the_configuration_is_enough(server: Server, cloud: Cloud, pod: Pod) -> None:
    with keyless(server, cloud, NO_METADATA) as engine:
        engine.configure(oidc_provider_arn=pod.provider_arn, oidc_token_file=str(pod.file), role_arn=pod.role_arn).ok()
        issue_and_revoke(engine)
        [exchange] = cloud.control.calls(action="AssumeRoleWithOIDC")
        assert exchange["params"]["RoleArn"] == pod.role_arn
        data = _config(engine)
        assert data["credential_source_in_force"] == "oidc"
        assert data["identity_arn"].endswith(":assumed-role/vault-pod/vault-plugin-alicloud")
        # Once for the mount, whatever it serves.
        assert len(cloud.control.calls(action="AssumeRoleWithOIDC")) == 1
        assert len(cloud.control.calls(action="AssumeRole")) == 1


def test_a_pods_role_assumes_another_one(server: Server, cloud: Cloud, pod: Pod, far: str) -> None:
    with keyless(server, cloud, *pod.variables) as engine:
        engine.configure(role_arn=far, external_id=_EXTERNAL_ID).ok()
        assert _config(engine)["account_id"] == _OTHER_ACCOUNT
        assert [call["params"]["RoleArn"] for call in cloud.control.calls() if "RoleArn" in call["params"]] == [
            pod.role_arn, far]


# === one source, chosen ===

def test_a_chosen_source_is_used_whatever_else_there_is(server: Server, cloud: Cloud, pod: Pod) -> None:
    cloud.control.post("credentials_uri", role_name="vault-ecs")
    uri = cloud.control.get("info")["credentials_uri"]
    other = cloud.control.user("second-operator", grants=["*"], keys=1)["keys"][0]
    keys = [f"ALICLOUD_ACCESS_KEY={cloud.access_key}", f"ALICLOUD_SECRET_KEY={cloud.secret_key}"]
    with keyless(server, cloud, *keys, *pod.variables, f"ALIBABA_CLOUD_CREDENTIALS_URI={uri}") as engine:
        engine.configure(access_key=other["access_key_id"], secret_key=other["access_key_secret"]).ok()
        for source, identity in (("config", ":user/second-operator"), ("environment", ":user/vault-operator"),
                                 ("oidc", "/vault-pod/vault-plugin-alicloud"), ("uri", "/vault-ecs/credentials-uri"),
                                 ("", ":user/second-operator")):
            engine.configure(credential_source=source).ok()
            data = _config(engine)
            assert data["credential_source"] == source
            assert data["credential_source_in_force"] == source or source == ""
            assert data["identity_arn"].endswith(identity), data


@pytest.mark.parametrize(("source", "text"), [
    ("environment", "ALICLOUD_ACCESS_KEY"),
    ("oidc", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
    ("uri", "ALIBABA_CLOUD_CREDENTIALS_URI"),
    ("ecs", "metadata"),
])
def test_a_chosen_source_that_is_not_there_is_named(server: Server, cloud: Cloud, source: str, text: str) -> None:
    with keyless(server, cloud, NO_METADATA) as engine:
        engine.configure(credential_source=source).ok()
        engine.creds(engine.sts_role()).refused(400, "chosen, but not configured", text)
        answer = engine.api.read(f"{engine.path}/config").ok()
        assert answer.data["credential_source_in_force"] == "" and answer.data["identity_arn"] == ""
        assert any("chosen, but not configured" in warning for warning in answer.warnings), answer.warnings


def test_a_written_token_goes_before_keys_of_the_environment(server: Server, cloud: Cloud, pod: Pod) -> None:
    keys = [f"ALICLOUD_ACCESS_KEY={cloud.access_key}", f"ALICLOUD_SECRET_KEY={cloud.secret_key}"]
    with keyless(server, cloud, *keys, NO_METADATA) as engine:
        engine.configure(oidc_provider_arn=pod.provider_arn, oidc_token_file=str(pod.file), role_arn=pod.role_arn).ok()
        answer = engine.api.read(f"{engine.path}/config").ok()
        assert answer.data["credential_source_in_force"] == "oidc" and not answer.warnings


def test_what_may_be_meant_otherwise_is_a_warning(server: Server, cloud: Cloud) -> None:
    with keyless(server, cloud, "ALICLOUD_ACCESS_KEY_ID=x", "ALIYUN_ACCESS_KEY_SECRET=very-secret", NO_METADATA) as engine:
        written = engine.configure(region="cn-hangzhou-b").ok().warnings
        read = engine.api.read(f"{engine.path}/config").ok().warnings
        for warnings in (written, read):
            assert any("write cn-hangzhou" in warning for warning in warnings), warnings
            assert any("ALICLOUD_ACCESS_KEY_ID, ALIYUN_ACCESS_KEY_SECRET in the environment" in warning
                       for warning in warnings), warnings
        refusal = engine.creds(engine.sts_role()).refused(400, "ALICLOUD_ACCESS_KEY_ID, ALIYUN_ACCESS_KEY_SECRET")
        assert "very-secret" not in str(refusal.body)


# === verify ===

def test_settings_that_work_are_stored_and_answered_with_the_identity(make_engine: MakeEngine) -> None:
    engine = make_engine(configured=False)
    answer = engine.configure(access_key=engine.cloud.access_key, secret_key=engine.cloud.secret_key, verify=True).ok()
    assert answer.status == 200 and answer.data == {
        "credential_source_in_force": "config", "identity_type": "RAMUser", "account_id": engine.cloud.account_id,
        "identity_arn": f"acs:ram::{engine.cloud.account_id}:user/vault-operator"}
    assert _stored(engine) == {"access_key": engine.cloud.access_key, "secret_key": engine.cloud.secret_key}


@pytest.mark.parametrize(("fields", "status", "texts"), [
    ({"access_key": "LTAI5tNobody00000000000", "secret_key": "x" * 30}, 403, ["InvalidAccessKeyId.NotFound"]),
    ({"role_arn": "acs:ram::1234567890123456:role/untrusting"}, 403, ["NoPermission", "role/untrusting"]),
    ({"role_arn": "acs:ram::1234567890123456:role/not-there"}, 400, ["EntityNotExist.Role"]),
    ({"credential_source": "uri"}, 400, ["ALIBABA_CLOUD_CREDENTIALS_URI"]),
    ({"sts_endpoint": "sts.nowhere.example"}, 503, ["GetCallerIdentity"]),
])
def test_settings_that_do_not_work_are_not_stored(engine: Engine, fields: Json, status: int, texts: list[str]) -> None:
    before = Storage(engine).text("config")
    engine.configure(**fields, verify=True, max_retries=0).refused(status, *texts)
    assert Storage(engine).text("config") == before
    # Without the flag it is the operator's word that counts.
    engine.configure(**fields).ok()


def test_what_is_there_can_be_tried_alone(engine: Engine) -> None:
    before = Storage(engine).text("config")
    assert engine.configure(verify=True).ok().data["identity_arn"].endswith(":user/vault-operator")
    assert Storage(engine).text("config") == before
    engine.cloud.control.key(access_key_id=engine.cloud.access_key, status="Inactive")
    engine.configure(verify=True).refused(403, "InvalidAccessKeyId.Inactive")


def test_a_trial_makes_no_configuration(server: Server, cloud: Cloud) -> None:
    keys = [f"ALICLOUD_ACCESS_KEY={cloud.access_key}", f"ALICLOUD_SECRET_KEY={cloud.secret_key}"]
    with keyless(server, cloud, *keys) as engine:
        assert engine.configure(verify=True).ok().data["credential_source_in_force"] == "environment"
        engine.api.read(f"{engine.path}/config").refused(404)


# === reading and writing ===

def _everything(cloud: Cloud) -> Json:
    return {"access_key": cloud.access_key, "secret_key": cloud.secret_key, "region": "cn-hangzhou",
            "ram_endpoint": "ram.vpc-proxy.aliyuncs.com", "sts_endpoint": "sts-vpc.cn-hangzhou.aliyuncs.com",
            "max_custom_policies": 15, "max_system_policies": 25, "credential_source": "config",
            "oidc_provider_arn": f"acs:ram::{cloud.account_id}:oidc-provider/p", "oidc_token_file": "/run/token",
            "role_arn": cloud.arn("vault-target"), "role_session_name": "vault-here", "external_id": "a=b",
            "max_retries": 0}


def test_the_pair_alone_leaves_every_other_field(engine: Engine) -> None:
    everything = _everything(engine.cloud)
    engine.configure(**everything).ok()
    other = engine.cloud.control.user("second-operator", grants=["*"], keys=1)["keys"][0]
    # As Terraform does it at each apply.
    for _ in range(2):
        engine.configure(access_key=other["access_key_id"], secret_key=other["access_key_secret"]).ok()
    data = _config(engine)
    wanted = {**everything, "access_key": other["access_key_id"]}
    del wanted["secret_key"]
    assert {name: data[name] for name in wanted} == wanted


def test_each_field_can_be_written_alone_and_reset(engine: Engine) -> None:
    before = _config(engine)
    for name, value in _everything(engine.cloud).items():
        if name in ("access_key", "secret_key"):
            continue
        fields: Json = {name: value}
        if name.startswith("oidc_"):
            fields = {field: value for field, value in _everything(engine.cloud).items() if field.startswith("oidc_")}
        if name in ("external_id", "role_session_name"):
            fields["role_arn"] = engine.cloud.arn("vault-target")
        engine.configure(**fields).ok()
        assert _config(engine)[name] == value
        blank: Any = {int: 0 if name != "max_retries" else -1, str: ""}
        engine.configure(**{field: blank[type(value)] for field, value in fields.items()}).ok()
        assert _config(engine) == before, name


def test_the_go_plugin_can_read_what_is_stored(engine: Engine) -> None:
    engine.configure(**_everything(engine.cloud)).ok()
    text = Storage(engine).text("config")
    assert text.startswith(f'{{"access_key":"{engine.cloud.access_key}","secret_key":"{engine.cloud.secret_key}",')
    # It knows these two, as strings, and skips the rest.
    assert all(isinstance(_stored(engine)[name], str) for name in ("access_key", "secret_key"))


@pytest.mark.parametrize(("fields", "named"), [
    ({"credential_source": "guess"}, "credential_source"),
    ({"oidc_provider_arn": "acs:ram::1234567890123456:role/r", "oidc_token_file": "/t"}, "oidc_provider_arn"),
    ({"oidc_provider_arn": "acs:ram::1234567890123456:oidc-provider/p"}, "oidc_token_file"),
    ({"oidc_provider_arn": "acs:ram::1234567890123456:oidc-provider/p", "oidc_token_file": "t"}, "oidc_token_file"),
    ({"role_arn": "acs:ram::1234567890123456:user/u"}, "role_arn"),
    ({"role_arn": "acs:ram::1234567890123456:role/r", "role_session_name": "a b"}, "role_session_name"),
    ({"role_arn": "acs:ram::1234567890123456:role/r", "external_id": "a"}, "external_id"),
    ({"external_id": "agreed"}, "external_id"),
    ({"access_key": "", "secret_key": "", "credential_source": "config"}, "credential_source"),
    ({"max_retries": 21}, "max_retries"),
    ({"max_retries": "many"}, "max_retries"),
    ({"verify": "perhaps"}, "verify"),
])
def test_a_wrong_value_is_a_400_that_names_the_field(engine: Engine, fields: Json, named: str) -> None:
    before = Storage(engine).text("config")
    engine.configure(**fields).refused(400, named)
    assert Storage(engine).text("config") == before


def test_a_read_never_waits_long_for_the_cloud(engine: Engine) -> None:
    engine.cloud.control.fault("hang", "GetCallerIdentity", count=None)
    answer = engine.api.call("GET", f"{engine.path}/config", timeout=8).ok()
    assert answer.data["access_key"] == engine.cloud.access_key and answer.data["identity_arn"] == ""
    assert any("did not answer in time" in warning for warning in answer.warnings), answer.warnings


def test_a_read_shows_a_key_that_does_not_work(engine: Engine) -> None:
    engine.configure(access_key="LTAI5tNobody00000000000", secret_key="hush-hush-hush-hush-hush").ok()
    answer = engine.api.read(f"{engine.path}/config").ok()
    assert answer.data["credential_source_in_force"] == "config"
    assert any("InvalidAccessKeyId.NotFound" in warning for warning in answer.warnings), answer.warnings
    assert "hush" not in str(answer.body)


# === retries ===

@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (2, 3)])
def test_max_retries_counts_the_repetitions(engine: Engine, retries: int, tries: int) -> None:
    engine.configure(max_retries=retries).ok()
    role = engine.sts_role()
    engine.cloud.control.fault("throttle", "AssumeRole", count=None, status=429)
    engine.creds(role).refused(429, "Throttling")
    assert len(engine.cloud.control.calls(action="AssumeRole")) == tries


# === the write of another node ===

def test_settings_that_change_in_storage_count_at_the_next_request(engine: Engine, far: str) -> None:
    role = engine.sts_role()
    engine.configure(role_arn=engine.cloud.arn("vault-target")).ok()
    engine.cloud.control.grant(["*"], role_name="vault-target")
    engine.creds(role).ok()
    storage = Storage(engine)
    # As if another node had written it: this one is told nothing.
    storage.put("config", {**storage.get("config"), "role_arn": far, "external_id": _EXTERNAL_ID})

    def acts_far_away() -> bool:
        return bool(_config(engine)["account_id"] == _OTHER_ACCOUNT)

    until(acts_far_away, "the server's own cache of storage has let go of the old entry", timeout=10)
