"""The command line, the seed file, the metadata service and the credentials URI."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakecloud import Control, FakeCloud

from helpers import Client, code_of

_PACKAGE = Path(__file__).resolve().parents[1]


def _start(directory: Path, *more: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen([sys.executable, str(_PACKAGE), "--dir", str(directory), *more],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    info: dict[str, Any] = json.loads(process.stdout.readline())
    return process, info


def _client(info: dict[str, Any]) -> Client:
    fake: Any = SimpleNamespace(proxy=info["proxy"], ca_file=info["ca_file"],
                                preset=SimpleNamespace(account_id=info["account_id"]))
    return Client(fake, info["access_key_id"], info["access_key_secret"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process, info = _start(tmp_path)
    try:
        assert info["pid"] == process.pid and info["ca_file"] == str(tmp_path / "ca.pem")
        assert _client(info).sts("GetCallerIdentity")["AccountId"] == info["account_id"]
        assert Control(info["control"]).get("info") == info
    finally:
        process.send_signal(number)
    assert process.wait(20) == 0


def test_exits_with_stdin(tmp_path: Path) -> None:
    process, _ = _start(tmp_path, "--exit-with-stdin")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_seed_file(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({
        "account_id": "9999999999999999", "access_key_id": "LTAIseeded",
        "access_key_secret": "seeded-secret", "quotas": {"users": 10},
        "groups": [{"group_name": "team"}], "policies": [{"policy_name": "p", "actions": ["*"]}],
        "users": [{"user_name": "bob", "keys": 1, "groups": ["team"],
                   "policies": [{"policy_name": "p"}]}],
        "faults": [{"kind": "throttle", "action": "ListUsers"}]}), "utf-8")
    process, info = _start(tmp_path, "--seed-file", str(seed), "--exit-with-stdin")
    try:
        assert info["access_key_id"] == "LTAIseeded"
        control = Control(info["control"])
        for _ in range(2):
            assert _client(info).ram("GetUser", UserName="bob")["User"]["UserName"] == "bob"
            assert len(control.faults()) == 1 and control.leftovers()["clean"]
            control.reset()
    finally:
        process.terminate()
    assert process.wait(20) == 0


def _ask(fake: FakeCloud, method: str, path: str, **headers: str) -> tuple[int, str]:
    assert fake.metadata is not None
    connection = http.client.HTTPConnection(urlsplit(fake.metadata.url).netloc, timeout=10)
    connection.request(method, path,
                       headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response.status, response.read().decode()


_ROLES = "/latest/meta-data/ram/security-credentials/"
_TTL = {"X_aliyun_ecs_metadata_token_ttl_seconds": "60"}


def test_metadata() -> None:
    with FakeCloud(metadata=("127.0.0.1", 0)) as fake:
        control = fake.control
        assert _ask(fake, "GET", _ROLES) == (200, "vault-ecs")
        status, token = _ask(fake, "PUT", "/latest/api/token", **_TTL)
        assert status == 200
        with_token = {"X_aliyun_ecs_metadata_token": token}
        status, text = _ask(fake, "GET", _ROLES + "vault-ecs", **with_token)
        found = json.loads(text)
        assert found["Code"] == "Success"
        instance = Client(fake, found["AccessKeyId"], found["AccessKeySecret"],
                          found["SecurityToken"])
        assert "/vault-ecs/i-" in instance.sts("GetCallerIdentity")["Arn"]
        assert instance.ram("ListUsers")["Users"]["User"]

        control.post("metadata", mode="required")
        assert _ask(fake, "GET", _ROLES)[0] == 403
        assert _ask(fake, "GET", _ROLES, **with_token)[0] == 200
        assert _ask(fake, "PUT", "/latest/api/token")[0] == 400
        control.post("metadata", mode="off")
        assert _ask(fake, "PUT", "/latest/api/token", **_TTL)[0] == 404
        control.post("metadata", rotate=True)
        assert json.loads(_ask(fake, "GET", _ROLES + "vault-ecs")[1]
                          )["AccessKeyId"] != found["AccessKeyId"]
        control.post("metadata", role_name=None)
        assert _ask(fake, "GET", _ROLES)[0] == 404
        control.post("metadata", status=500)
        assert _ask(fake, "GET", _ROLES)[0] == 500


def _at_uri(fake: FakeCloud) -> tuple[int, dict[str, str]]:
    url = urlsplit(fake.credentials_uri.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    connection.request("GET", url.path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_credentials_uri() -> None:
    with FakeCloud() as fake:
        control = fake.control
        assert control.get("info")["credentials_uri"] == fake.credentials_uri.url
        assert _at_uri(fake)[0] == 404
        control.post("credentials_uri", role_name="vault-ecs")
        found = _at_uri(fake)[1]
        assert found["Code"] == "Success" and _at_uri(fake)[1] == found
        assert control.get("credentials_uri") == {"asked": 3, "access_key_id": found["AccessKeyId"]}
        first = Client(fake, found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"])
        assert first.sts("GetCallerIdentity")["Arn"].endswith("/vault-ecs/credentials-uri")

        control.post("credentials_uri", rotate=True)
        second = _at_uri(fake)[1]
        assert second["AccessKeyId"] != found["AccessKeyId"]
        first.sts("GetCallerIdentity")
        control.post("credentials_uri", invalidate=True)
        gone = Client(fake, second["AccessKeyId"], second["AccessKeySecret"], second["SecurityToken"])
        assert code_of(gone.sts, "GetCallerIdentity") == "InvalidSecurityToken.Expired"
        assert _at_uri(fake)[1]["AccessKeyId"] != second["AccessKeyId"]

        # Its end is never shown as past: new ones are there before.
        control.post("credentials_uri", lifetime=1)
        assert _at_uri(fake)[1]["AccessKeyId"] != _at_uri(fake)[1]["AccessKeyId"]
        control.post("credentials_uri", status=500)
        assert _at_uri(fake)[0] == 500
        control.reset()
        assert _at_uri(fake)[0] == 404
