"""The official SDKs against the fake: proof that its signatures are the real ones.

Each runs in a child process: they read proxy and CA settings from the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakecloud import Control, FakeCloud

pytest.importorskip("aliyunsdkcore", reason="requirements-sdk.txt is not installed")
pytest.importorskip("alibabacloud_sts20150401", reason="requirements-sdk.txt is not installed")

_SCRIPTS = Path(__file__).parent / "sdk_scripts"


def _run(script: str, fake: FakeCloud, secret: str | None = None) -> Any:
    """Runs a script with the operator's key; it prints one JSON object."""
    environment = {
        **os.environ, "HTTPS_PROXY": fake.proxy, "https_proxy": fake.proxy, "NO_PROXY": "",
        "SSL_CERT_FILE": fake.ca_file, "REQUESTS_CA_BUNDLE": fake.ca_file,
        "ACCOUNT": fake.preset.account_id, "KEY_ID": fake.preset.access_key_id,
        "KEY_SECRET": secret or fake.preset.access_key_secret, "CA_FILE": fake.ca_file}
    done = subprocess.run([sys.executable, str(_SCRIPTS / script)], env=environment,
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("script, style", [("core_v1.py", "v1"), ("tea_v3.py", "v3")])
def test_official_sdk(fake: FakeCloud, control: Control, script: str, style: str) -> None:
    seen = _run(script, fake)
    assert seen["identity"]["Arn"] == f"acs:ram::{fake.preset.account_id}:user/vault-operator"
    assert seen["assumed"]["Credentials"]["AccessKeyId"].startswith("STS.")
    assert seen["session_identity"]["IdentityType"] == "AssumedRoleUser"
    assert seen["key"]["AccessKeyId"].startswith("LTAI")
    assert seen["new_key_identity"]["IdentityType"] == "RAMUser"
    assert seen["deleted"] == "EntityNotExist.User"
    calls = control.calls()
    assert {call["style"] for call in calls} == {style}
    assert {call["status"] for call in calls} == {200, 404}
    assert control.leftovers()["clean"]


@pytest.mark.parametrize("script", ["core_v1.py", "tea_v3.py"])
def test_wrong_secret_is_refused(fake: FakeCloud, control: Control, script: str) -> None:
    refused = _run(script, fake, "not-the-secret")["refused"]
    # The older core compares the server's string to sign with its own and, when they agree, knows
    # that only the secret can be wrong: a second proof that both build the same string.
    wanted = "InvalidAccessKeySecret" if script == "core_v1.py" else "SignatureDoesNotMatch"
    assert wanted in refused
    assert {call["code"] for call in control.calls()} == {"SignatureDoesNotMatch"}
