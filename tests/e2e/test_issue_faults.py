"""Every call of an issue fails in turn, in every way: the caller is told, and nothing is left behind."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness.engine import Engine
from harness.waiting import until

#: Each call of an issue for a role with two documents and two existing policies.
_CALLS = [("CreateUser", 1), ("CreatePolicy", 1), ("CreatePolicy", 2),
          *(("AttachPolicyToUser", n) for n in range(1, 5)), ("CreateAccessKey", 1)]

#: A fault that stays, the statuses that a caller may get, and what the text must have.
_FAULTS: dict[str, tuple[dict[str, Any], set[int], list[str]]] = {
    "throttled": ({"kind": "throttle"}, {429}, ["Throttling", "request id"]),
    "broken": ({"kind": "error", "status": 500, "code": "InternalError"}, {502, 503}, ["InternalError", "request id"]),
    "refused": ({"kind": "error", "status": 403, "code": "NoPermission"}, {403}, ["NoPermission", "request id"]),
    "cut before": ({"kind": "cut_before"}, {502, 503}, []),
    "cut after": ({"kind": "cut_after"}, {502, 503}, []),
    "not json": ({"kind": "http", "status": 502, "body": "<html>Bad Gateway</html>"}, {502, 503}, []),
    "done but broken": ({"kind": "error", "status": 500, "code": "InternalError", "execute": True}, {502, 503},
                        ["InternalError"]),
}


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize(("action", "nth"), _CALLS)
def test_a_failing_call_is_told_and_leaves_nothing(engine: Engine, action: str, nth: int, fault: str) -> None:
    description, statuses, texts = _FAULTS[fault]
    engine.configure(max_retries=3).ok()
    engine.full_role()
    engine.cloud.control.fault(action=action, nth=nth, count=None, **description)
    answer = engine.creds("full")
    assert answer.status in statuses, f"{answer.status}: {answer.error}"
    for text in [action, *texts]:
        assert text in answer.error, answer.error
    left = engine.cloud.control.leftovers()
    assert left["clean"], left
    assert engine.leases("full") == []
    engine.cloud.control.clear_faults()
    engine.creds("full").ok()


@pytest.mark.parametrize("kind", ["throttle", "cut_before", "cut_after"])
@pytest.mark.parametrize("action", ["CreateUser", "CreatePolicy", "AttachPolicyToUser", "CreateAccessKey"])
def test_a_call_that_fails_once_is_repeated(engine: Engine, action: str, kind: str) -> None:
    engine.full_role()
    fault = engine.cloud.control.fault(kind, action)
    answer = engine.creds("full").ok()
    assert engine.cloud.control.firings(fault) == 1
    engine.revoke(answer.lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_service_that_never_answers_is_given_up(engine: Engine) -> None:
    engine.configure(max_retries=1).ok()
    engine.full_role()
    engine.cloud.control.fault("hang", "CreateAccessKey", count=None)
    answer = engine.creds("full")
    assert answer.status in (503, 504) and "CreateAccessKey" in answer.error, answer
    assert engine.cloud.control.leftovers()["clean"]


def test_a_cloud_that_is_down_is_a_503(engine: Engine) -> None:
    engine.full_role()
    engine.configure(ram_endpoint="ram.unknown-host.aliyuncs.com").ok()
    answer = engine.creds("full")
    assert answer.status in (502, 503) and "CreateUser" in answer.error, answer


def test_a_caller_who_goes_away_leaves_nothing(engine: Engine) -> None:
    control = engine.cloud.control
    for action in ("CreateUser", "AttachPolicyToUser", "CreateAccessKey"):
        role = engine.full_role(f"gone-{action.lower()}")
        fault = control.fault("delay", action, seconds=0.5, count=None)
        connection = http.client.HTTPConnection(urlsplit(engine.api.address).netloc, timeout=30)
        connection.request("GET", f"/v1/{engine.path}/creds/{role}", headers={"X-Vault-Token": engine.api.token})
        assert control.wait(20, action=action, count=1)
        connection.close()
        until(lambda: control.leftovers()["clean"] and control.summary()["in_flight"] == 0, f"{action} is undone")
        assert engine.leases(role) == []
        control.clear_faults(fault)
        control.clear_calls()


def test_new_things_that_are_seen_late_do_not_fail_an_issue(engine: Engine) -> None:
    engine.cloud.control.consistency(new_user={"calls": 2}, new_policy={"calls": 1}, new_attachment={"ms": 200},
                                     deletion={"ms": 300})
    answer = engine.creds(engine.full_role()).ok()
    engine.revoke(answer.lease_id).ok()
    until(lambda: engine.cloud.control.leftovers()["clean"], "the cloud has forgotten it")
