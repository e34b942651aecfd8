"""Many requests: no name clash, no connection per request, few round trips."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.engine import Engine

Row = dict[str, Any]


@pytest.mark.long
def test_200_concurrent_requests_do_not_clash_and_are_revoked_together(engine: Engine) -> None:
    engine.inline_role("r", remote_policies=["name:AliyunOSSReadOnlyAccess,type:System"])
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: engine.creds("r"), range(200)))
    failed = [answer for answer in answers if answer.status != 200]
    assert not failed, failed[:3]
    assert len({answer.data["access_key"] for answer in answers}) == 200
    assert len(engine.cloud.control.leftovers()["users"]) == 200
    assert not [call for call in engine.cloud.control.calls() if call["code"]], "no call should have failed"
    engine.revoke_all().ok()
    assert engine.cloud.control.leftovers()["clean"]
    assert engine.leases("r") == []


def test_the_steady_state_opens_no_connection(engine: Engine) -> None:
    roles = [engine.full_role(), engine.sts_role()]
    for role in roles:
        engine.revoke(engine.creds(role).ok().lease_id).ok()
    before = engine.cloud.control.summary()
    for number in range(50):
        engine.revoke(engine.creds(roles[number % 2]).ok().lease_id).ok()
    after = engine.cloud.control.summary()
    assert after["last_call"] - before["last_call"] > 300
    assert after["last_connection"] == before["last_connection"]


def _round_trips(calls: list[Row]) -> int:
    """How often something had to wait for an answer before it could begin: the length of the longest chain."""
    longest = 0
    depth: list[tuple[float, int]] = []
    for call in sorted(calls, key=lambda call: call["started"]):
        mine = 1 + max((d for ended, d in depth if ended <= call["started"]), default=0)
        depth.append((call["ended"], mine))
        longest = max(longest, mine)
    return longest


def test_a_role_with_four_policies_takes_two_round_trips(engine: Engine) -> None:
    engine.full_role("r")
    engine.revoke(engine.creds("r").ok().lease_id).ok()
    engine.cloud.control.clear_calls()
    # Slow enough that calls of one round overlap whatever the machine does.
    engine.cloud.control.fault("delay", "*", seconds=0.3, count=None)
    lease_id = engine.creds("r").ok().lease_id
    calls = engine.cloud.control.calls()
    assert len(calls) == 8 and _round_trips(calls) == 2, [(c["action"], c["started"], c["ended"]) for c in calls]
    engine.cloud.control.clear_calls()
    engine.revoke(lease_id).ok()
    calls = engine.cloud.control.calls()
    assert _round_trips(calls) <= 3, [(c["action"], c["started"], c["ended"]) for c in calls]


def test_a_throttled_account_is_served_slowly_but_served(engine: Engine) -> None:
    engine.cloud.control.rates(CreateUser=20)
    engine.remote_role("r")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: engine.creds("r"), range(40)))
    assert {answer.status for answer in answers} == {200}
    engine.cloud.control.rates()
