"""The signer against the real server: what it prints, where it writes, what it says when something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.api import Api, Json
from harness.far import FarServer
from harness.method import AuthMethod
from harness.server import Server
from harness.signer import Signer, variables
from harness.signing import Key


@pytest.fixture
def key(method: AuthMethod) -> Key:
    """The workload's key; the role `dev` is bound to its RAM role."""
    method.bound(token_policies=["dev"], token_ttl="1h")
    return method.session(session_name="vm-1")


@pytest.fixture
def signer(server: Server, tmp_path: Path, key: Key) -> Signer:
    """The binary on a machine with that key in its environment."""
    return Signer(server, tmp_path, ALICLOUD_REGION="cn-hangzhou", **variables(key))


def _is_token_of(method: AuthMethod, token: str, key: Key) -> None:
    found = method.api.write("auth/token/lookup", token=token).ok().data
    assert found["meta"]["role_id"] == key.role_id and found["policies"] == ["default", "dev"]


def test_a_payload_is_a_login(method: AuthMethod, signer: Signer, key: Key) -> None:
    payload = signer.run("sign", "-role=dev").ok().json()
    assert set(payload) == {"role", "identity_request_url", "identity_request_headers"} and payload["role"] == "dev"
    assert method.cloud.control.connections() == [], "sign sends nothing"
    _is_token_of(method, method.send(payload).ok().body["auth"]["client_token"], key)
    [call] = method.cloud.control.calls()
    assert (call["host"], call["style"], call["method"]) == ("sts.cn-hangzhou.aliyuncs.com", "v1", "POST")
    method.send(payload).refused(403, "used before")


def test_a_payload_goes_to_a_file_of_its_owner(method: AuthMethod, signer: Signer) -> None:
    file = signer.home / "payload.json"
    shown = signer.run("sign", "-role=dev", f"-output={file}").ok()
    assert shown.out == "" and file.stat().st_mode & 0o777 == 0o600
    method.send(json.loads(file.read_text())).ok()


def test_flags_say_who_where_and_for_whom(method: AuthMethod, signer: Signer, key: Key) -> None:
    method.configure(server_id="vault.example.com/ü?&=").refused(400, "server_id")
    method.configure(server_id="vault.example.com/?&=").ok()
    other = method.session("vault-short")
    arguments = ["-role=dev", "-region=us-east-1", f"-access-key={key.id}", "-secret-key=-", "-security-token=-"]
    stdin = f"{key.secret}\n{key.token}\n"
    payload = signer.run("sign", *arguments, "-server-id=vault.example.com/?&=", stdin=stdin, **variables(other)).ok()
    method.send(payload.json()).ok()
    method.send(signer.run("sign", *arguments, stdin=stdin).ok().json()).refused(403, "VaultServerId")
    method.send(signer.run("sign", *arguments, "-server-id=other", stdin=stdin).ok().json()).refused(403, "not the id")
    assert [call["host"] for call in method.cloud.control.calls()] == ["sts.us-east-1.aliyuncs.com"]
    payload = signer.run("sign", "-role=dev", "-sts-endpoint=sts.aliyuncs.com", "-server-id=vault.example.com/?&=")
    method.send(payload.ok().json()).ok()


@pytest.mark.parametrize("old", [True, False])
def test_a_login_shows_the_token_as_a_table(method: AuthMethod, server: Server, tmp_path: Path, key: Key,
                                            old: bool) -> None:
    signer = Signer(server, tmp_path, ALIBABA_CLOUD_REGION_ID="cn-hangzhou", **variables(key, old))
    shown = signer.run("login", "-role=dev", f"-mount={method.mount}").ok()
    rows = {name: value.strip() for name, _, value in (line.partition(" ") for line in shown.out.splitlines())}
    _is_token_of(method, rows["token"], key)
    assert rows["token_duration"] == "1h" and rows["token_policies"] == '["default" "dev"]'
    assert rows["token_meta_role_name"] == "dev" and "The token is not stored" in shown.err
    assert key.secret not in shown.out + shown.err and (key.token or "") not in shown.out + shown.err


def test_a_login_shows_the_token_as_json_or_alone(method: AuthMethod, signer: Signer, key: Key) -> None:
    arguments = ["login", "-role=DEV", f"-mount=auth/{method.mount}/"]
    answer = signer.run(*arguments, "-format=json").ok().json()
    _is_token_of(method, answer["auth"]["client_token"], key)
    shown = signer.run(*arguments, "-token-only").ok()
    _is_token_of(method, shown.out.strip(), key)
    assert shown.out.count("\n") == 1 and shown.err == ""


def test_a_login_writes_the_token_to_a_file(method: AuthMethod, signer: Signer, key: Key) -> None:
    arguments = ["login", "-role=dev", f"-mount={method.mount}"]
    file = signer.home / "token"
    file.write_text("old")
    shown = signer.run(*arguments, f"-output={file}").ok()
    assert shown.out == "" and "it is valid for 1h" in shown.err
    assert file.stat().st_mode & 0o777 == 0o600
    _is_token_of(method, file.read_text(), key)
    signer.run(*arguments, f"-output={signer.home}/no/such/token").failed(1, "cannot write")


def test_a_login_feeds_the_token_helper_of_the_command_line(method: AuthMethod, signer: Signer, key: Key) -> None:
    arguments = ["login", "-role=dev", f"-mount={method.mount}", "-token-helper"]
    signer.run(*arguments).ok()
    _is_token_of(method, (signer.home / ".vault-token").read_text(), key)
    elsewhere = signer.home / "elsewhere"
    shown = signer.run(*arguments, BAO_TOKEN_PATH=str(elsewhere), BAO_TOKEN="x").ok()
    _is_token_of(method, elsewhere.read_text(), key)
    assert "takes precedence over the token" in shown.err


def test_a_role_is_assumed_through_the_proxy_first(method: AuthMethod, server: Server, tmp_path: Path) -> None:
    """STS is reached through HTTPS_PROXY; the server, being on this machine, is not."""
    method.bound()
    cloud = method.cloud
    signer = Signer(server, tmp_path, ALICLOUD_REGION="cn-hangzhou", ALICLOUD_ROLE_ARN=cloud.arn("vault-target"),
                    **cloud.environment, **variables(Key(cloud.access_key, cloud.secret_key)))
    token = signer.run("login", "-role=dev", f"-mount={method.mount}", "-token-only").ok().out.strip()
    found = method.api.write("auth/token/lookup", token=token).ok().data
    assert ":assumed-role/vault-target/" in found["meta"]["arn"]
    assert [call["action"] for call in cloud.control.calls()] == ["AssumeRole", "GetCallerIdentity"]


def test_a_pod_logs_in_with_its_identity_token(method: AuthMethod, server: Server, tmp_path: Path) -> None:
    cloud, token_file = method.cloud, tmp_path / "oidc-token"
    provider = cloud.control.post("oidc", provider_name="cluster")
    Api.secrets.add(provider["token"])
    token_file.write_text(provider["token"])
    cloud.control.role("pod", trust={"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [provider["arn"]]}}]})
    method.bound("pod", ram_role="pod")
    signer = Signer(server, tmp_path, ALIBABA_CLOUD_REGION_ID="eu-central-1", **cloud.environment,
                    ALIBABA_CLOUD_ROLE_ARN=cloud.arn("pod"), ALIBABA_CLOUD_OIDC_PROVIDER_ARN=provider["arn"],
                    ALIBABA_CLOUD_OIDC_TOKEN_FILE=str(token_file))
    token = signer.run("login", "-role=pod", f"-mount={method.mount}", "-token-only").ok().out.strip()
    assert ":assumed-role/pod/" in method.api.write("auth/token/lookup", token=token).ok().data["meta"]["arn"]
    calls = cloud.control.calls()
    assert [call["action"] for call in calls] == ["AssumeRoleWithOIDC", "GetCallerIdentity"]
    assert {call["host"] for call in calls} == {"sts.eu-central-1.aliyuncs.com"}


def test_a_login_goes_into_a_namespace(method: AuthMethod, signer: Signer, key: Key) -> None:
    api = method.api
    namespace = method.mount
    api.call("PUT", f"sys/namespaces/{namespace}", {}).ok()
    try:
        api.call("PUT", f"{namespace}/sys/auth/alicloud", {"type": "alicloud"}).ok()
        api.write(f"{namespace}/auth/alicloud/role/inside", arn=method.cloud.arn("vault-target")).ok()
        for arguments, variable in (([f"-namespace={namespace}"], None), ([], namespace)):
            shown = signer.run("login", "-role=inside", "-token-only", *arguments, BAO_NAMESPACE=variable).ok()
            found = api.as_token(shown.out.strip()).call(
                "GET", "auth/token/lookup-self", headers={"X-Vault-Namespace": namespace}).ok().data
            assert found["meta"]["role_id"] == key.role_id and found["namespace_path"] == f"{namespace}/"
        signer.run("login", "-role=inside", "-token-only").failed(1, "403")
        api.delete(f"{namespace}/sys/auth/alicloud").ok()
    finally:
        api.delete(f"sys/namespaces/{namespace}").ok()


@pytest.mark.parametrize("how", ["HTTPS_PROXY", "https_proxy", "BAO_PROXY_ADDR"])
def test_a_far_server_is_reached_through_the_proxy(method: AuthMethod, signer: Signer, server: Server,
                                                   how: str) -> None:
    arguments = ["login", "-role=dev", f"-mount={method.mount}", "-token-only"]
    with FarServer(server, signer.home / "far") as far:
        environment = {how: far.proxy, "BAO_ADDR": far.address}
        assert signer.run(*arguments, **environment, BAO_CACERT=str(far.ca_file)).ok().out.strip()
        assert set(far.asked) == {"CONNECT vault.example.com:8200 HTTP/1.1"}
        assert signer.run(*arguments, f"-ca-cert={far.ca_file}", **environment).ok()
        assert signer.run(*arguments, "-tls-skip-verify", **environment).ok()
        # A stranger's certificate gets no login.
        before = len(method.cloud.control.calls())
        signer.run(*arguments, **environment).failed(1, "vault.example.com")
        assert len(method.cloud.control.calls()) == before


def test_what_the_server_refuses_is_told(method: AuthMethod, signer: Signer, key: Key) -> None:
    arguments = ["login", f"-mount={method.mount}"]
    signer.run(*arguments, "-role=nobody").failed(1, "400", "entry for role nobody not found")
    method.bound("other", ram_role="vault-short")
    signer.run(*arguments, "-role=other").failed(1, "403", "does not match the role's arn")
    shown = signer.run(*arguments, "-role=dev", ALICLOUD_SECRET_KEY="wrong").failed(1, "403", "SignatureDoesNotMatch")
    assert key.secret not in shown.err and (key.token or "") not in shown.err
    signer.run("login", "-role=dev", "-mount=not-there").failed(1, "refused the login with HTTP status 403")
    signer.run(*arguments, "-role=dev", BAO_ADDR="http://127.0.0.1:9").failed(1, "cannot be reached")


_MISTAKES: dict[str, tuple[list[str], Json, int, str]] = {
    "no region": (["-role=dev"], {"ALICLOUD_REGION": None}, 1, "no region: give -region, or set ALICLOUD_REGION"),
    "a region that is none": (["-role=dev", "-region=cn_x/"], {}, 1, "-region"),
    "no credentials": (["-role=dev"], {"ALICLOUD_ACCESS_KEY": None, "ALICLOUD_SECRET_KEY": None,
                                       "ALICLOUD_ACCESS_KEY_STS_TOKEN": None}, 1, "no credentials found: give"),
    "half a pair": (["-role=dev"], {"ALICLOUD_SECRET_KEY": None, "ALICLOUD_ACCESS_KEY_STS_TOKEN": None}, 1,
                    "ALICLOUD_SECRET_KEY"),
    "no role": ([], {}, 2, "-role is required"),
    "an unknown flag": (["-role=dev", "-speed=9"], {}, 2, "there is no flag -speed"),
    "a word": (["dev"], {}, 2, "unexpected argument"),
    "a host that is none": (["-role=dev", "-sts-endpoint=https://x"], {}, 1, "-sts-endpoint"),
    "a key without its secret": (["-role=dev", "-access-key=LTAI"], {}, 2, "-secret-key"),
}


@pytest.mark.parametrize("command", ["sign", "login"])
@pytest.mark.parametrize("name", _MISTAKES)
def test_a_mistake_is_a_sentence_and_an_exit_code(method: AuthMethod, signer: Signer, command: str, name: str) -> None:
    arguments, environment, code, text = _MISTAKES[name]
    shown = signer.run(command, *arguments, **environment).failed(code, text)
    assert len(shown.err.splitlines()) <= 3, shown.err
    assert method.cloud.control.connections() == []
