"""STS roles: how long credentials are asked for, and what the caller is told when that cannot be."""

from __future__ import annotations

import pytest
from harness.engine import Engine


def _asked(engine: Engine) -> list[int]:
    return [int(call["params"]["DurationSeconds"]) for call in engine.cloud.control.calls(action="AssumeRole")]


@pytest.mark.parametrize(("ttl", "asked"), [("15m", 900), ("2h", 7200), ("12h", 43200)])
def test_the_ttl_of_the_role_is_asked_for(engine: Engine, ttl: str, asked: int) -> None:
    answer = engine.creds(engine.sts_role(ttl=ttl)).ok()
    assert _asked(engine) == [asked]
    assert asked - 5 <= answer.body["lease_duration"] <= asked and not answer.warnings


def test_a_ttl_below_what_sts_can_do_cuts_the_lease_and_says_so(engine: Engine) -> None:
    written = engine.write_role("short", role_arn=engine.cloud.arn("vault-target"), ttl="5m").ok()
    assert any("15m" in warning and "5m" in warning for warning in written.warnings), written.warnings
    answer = engine.creds("short").ok()
    assert _asked(engine) == [900] and answer.body["lease_duration"] == 300
    assert any("15m" in warning and "5m" in warning for warning in answer.warnings), answer.warnings


def test_a_ttl_above_what_sts_can_do_is_cut_and_says_so(engine: Engine) -> None:
    written = engine.write_role("long", role_arn=engine.cloud.arn("vault-target"), ttl="24h").ok()
    assert any("12h" in warning and "24h" in warning for warning in written.warnings), written.warnings
    answer = engine.creds("long").ok()
    assert _asked(engine) == [43200] and 43190 < answer.body["lease_duration"] <= 43200


def test_a_ram_role_that_allows_less_gives_less_and_says_so(engine: Engine) -> None:
    answer = engine.creds(engine.sts_role(ram_role="vault-short", ttl="2h")).ok()
    assert _asked(engine) == [7200, 3600] and 3590 < answer.body["lease_duration"] <= 3600
    assert any("1h" in warning and "2h" in warning for warning in answer.warnings), answer.warnings


def test_a_mount_that_allows_less_than_a_quarter_of_an_hour_cuts_the_lease(engine: Engine) -> None:
    engine.api.write(f"sys/mounts/{engine.path}/tune", max_lease_ttl="5m", default_lease_ttl="5m").ok()
    answer = engine.creds(engine.sts_role()).ok()
    assert _asked(engine) == [900] and answer.body["lease_duration"] <= 300
    assert any("15m" in warning for warning in answer.warnings), answer.warnings


def test_the_lease_never_outlives_the_credentials(engine: Engine) -> None:
    engine.api.write(f"sys/mounts/{engine.path}/tune", default_lease_ttl="10h").ok()
    assert engine.creds(engine.sts_role()).ok().body["lease_duration"] <= 36000
    for ttl in ("15m", "1h"):
        answer = engine.creds(engine.sts_role(ttl=ttl)).ok()
        assert answer.body["lease_duration"] <= (900 if ttl == "15m" else 3600)


def test_a_role_that_does_not_trust_us_is_a_clear_403(engine: Engine) -> None:
    answer = engine.creds(engine.sts_role(ram_role="untrusting"))
    answer.refused(403, "NoPermission", "AssumeRole", "request id")


def test_a_ram_role_that_is_not_there_is_a_clear_4xx(engine: Engine) -> None:
    answer = engine.creds(engine.sts_role(ram_role="nowhere"))
    assert 400 <= answer.status < 500 and "EntityNotExist.Role" in answer.error and "request id" in answer.error


@pytest.mark.parametrize(("fault", "status", "text"), [
    ({"kind": "throttle"}, 429, "Throttling"),
    ({"kind": "error", "status": 500, "code": "InternalError"}, 503, "InternalError"),
    ({"kind": "error", "status": 403, "code": "NoPermission"}, 403, "NoPermission"),
    ({"kind": "cut_before"}, 502, "AssumeRole"),
    ({"kind": "http", "status": 200, "body": "<html>"}, 502, "AssumeRole"),
])
def test_a_failing_service_is_a_clear_error(engine: Engine, fault: dict[str, object], status: int,
                                            text: str) -> None:
    engine.cloud.control.post("faults", action="AssumeRole", count=None, **fault)
    engine.creds(engine.sts_role()).refused(status, text)
