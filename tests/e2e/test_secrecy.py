"""Secrets show up in no log and in no error."""

from __future__ import annotations

import pytest
from harness.engine import Engine
from harness.secrecy import assert_no_secret_in, secrets_in_play


@pytest.mark.parametrize("kind", ["none", "throttle", "error", "cut_before", "http"])
def test_the_trace_log_has_no_secret(engine: Engine, kind: str) -> None:
    engine.configure(max_retries=3).ok()
    for role in (engine.full_role(), engine.sts_role(), engine.api_key_role()):
        engine.creds(role).ok()
        if kind != "none":
            for action in ("AssumeRole", "CreateAccessKey", "CreateServiceCredential"):
                engine.cloud.control.fault(kind, action, count=None)
            answer = engine.creds(role)
            assert answer.status >= 400
            for secret in secrets_in_play(engine.cloud):
                assert secret not in answer.error
            engine.cloud.control.clear_faults()
    assert len(secrets_in_play(engine.cloud)) > 10
    assert_no_secret_in(engine.server.log, engine.cloud)


def test_a_refusal_does_not_repeat_the_secret_that_it_refuses(engine: Engine) -> None:
    secret = "do-not-show-this-secret"
    for fields in ({"secret_key": secret}, {"access_key": [1], "secret_key": secret},
                   {"access_key": "a", "secret_key": {"x": secret}}, {"region": secret + " "}):
        answer = engine.api.call("PUT", f"{engine.path}/config", fields)
        if answer.status >= 400 and "region" not in fields:
            assert secret not in answer.error, answer.error
    engine.configure(access_key="LTAI5tNobody00000000000", secret_key=secret).ok()
    assert secret not in engine.creds(engine.remote_role()).error
    assert secret not in engine.server.log.read_text("utf-8")
