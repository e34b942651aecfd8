"""Each call of the engine is signed with V3, and the fake refuses one that is changed, late, or sent again."""

from __future__ import annotations

import http.client
import json
import ssl
from urllib.parse import urlsplit

import pytest
from harness.api import Json
from harness.cloud import Cloud
from harness.engine import Engine
from harness.secrecy import secrets_in_play


def _send(cloud: Cloud, call: Json, target: str | None = None, **headers: str) -> str | None:
    """Sends a recorded call again, with other headers (hyphens as underscores); the code of its refusal."""
    proxy = urlsplit(cloud.proxy)
    context = ssl.create_default_context(cafile=cloud.ca_file)
    connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context, timeout=20)
    connection.set_tunnel(call["host"], 443)
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name.lower(): value for name, value in call["headers"]} | changed
    try:
        connection.request(call["method"], target or call["target"], b"", sent)
        code: str | None = json.loads(connection.getresponse().read()).get("Code")
        return code
    finally:
        connection.close()


def test_every_call_is_signed_with_v3_and_has_no_secret_in_its_url(engine: Engine) -> None:
    made = engine.cloud.control.user("operator", grants=["ram:*", "sts:*"], keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()
    engine.revoke(engine.creds(engine.full_role()).ok().lease_id).ok()
    engine.creds(engine.sts_role()).ok()
    engine.api.list(f"{engine.path}/orphans")
    engine.api.write(f"{engine.path}/config/rotate-root").ok()
    # With a session's key, whose token is a secret as well.
    session = engine.creds("sts").ok().data
    engine.configure(access_key=session["access_key"], secret_key=session["secret_key"],
                     security_token=session["security_token"])
    calls = engine.cloud.control.calls()
    assert {"CreateUser", "CreatePolicy", "DeleteUser", "AssumeRole", "GetCallerIdentity", "ListUsers",
            "UpdateAccessKey"} <= {call["action"] for call in calls}
    secrets = secrets_in_play(engine.cloud)
    for call in calls:
        headers = {name.lower(): value for name, value in call["headers"]}
        assert (call["style"], call["method"]) == ("v3", "POST"), call["action"]
        assert headers["content-length"] == "0" and "content-type" not in headers
        assert not [secret for secret in secrets if secret in call["target"]], call["action"]
    # The rotation replaced the operator's key.
    engine.cloud.control.baseline()


@pytest.mark.parametrize("action", ["CreateUser", "AssumeRole"])
def test_a_call_is_good_once(engine: Engine, action: str) -> None:
    engine.creds(engine.inline_role() if action == "CreateUser" else engine.sts_role()).ok()
    [call] = engine.cloud.control.calls(action=action)
    headers = {name.lower(): value for name, value in call["headers"]}
    start, _, digest = headers["authorization"].rpartition("=")
    forged = f"{start}={digest[:-1]}{'1' if digest[-1] == '0' else '0'}"
    cloud = engine.cloud
    assert _send(cloud, call) == "SignatureNonceUsed"
    assert _send(cloud, call, authorization=forged) == "SignatureDoesNotMatch"
    assert _send(cloud, call, x_acs_signature_nonce="0" * 32) == "SignatureDoesNotMatch"
    other = {"CreateUser": "GetUser", "AssumeRole": "GetCallerIdentity"}[action]
    assert _send(cloud, call, x_acs_action=other) == "SignatureDoesNotMatch"
    assert _send(cloud, call, target=f"{call['target']}&Extra=1") == "SignatureDoesNotMatch"
    cloud.control.clock(16 * 60)
    assert _send(cloud, call) == "InvalidTimeStamp.Expired"
    cloud.control.clock(0)
