"""A revocation that ended after any number of its calls is finished by the next, whatever hangs on the user by then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

import pytest
from harness.by_hand import hang_everything
from harness.engine import Engine


def _issued(engine: Engine, role: str) -> tuple[str, str]:
    """A lease of a role of its own, and its user."""
    answer = engine.creds(engine.full_role(role)).ok()
    [key] = [key for key in engine.cloud.control.state()["keys"] if key["access_key_id"] == answer.data["access_key"]]
    return answer.lease_id, key["user_name"]


def _mark(role: str) -> str:
    return f"vault-*-{role}-*"


def _left(engine: Engine, role: str) -> list[str]:
    state = engine.cloud.control.state()
    names = [*(user["user_name"] for user in state["users"]), *(policy["policy_name"] for policy in state["policies"])]
    return [name for name in names if fnmatchcase(name, _mark(role))]


def _calls(engine: Engine, hung_before: bool) -> int:
    """How many calls a revocation makes that nothing disturbs."""
    control = engine.cloud.control
    lease_id, user = _issued(engine, "seen")
    if hung_before:
        hang_everything(control, user)
    start = control.summary()["last_call"]
    engine.revoke(lease_id).ok()
    return sum(any(fnmatchcase(value, _mark("seen")) for value in call["params"].values())
               for call in control.calls(start))


@pytest.mark.parametrize(("before", "between"), [(False, False), (True, False), (False, True)],
                         ids=["as-made", "hung-before", "hung-between"])
def test_a_revocation_is_finished_from_each_half_way_state(engine: Engine, show: Callable[[str], None], before: bool,
                                                           between: bool) -> None:
    control = engine.cloud.control

    def revoke_twice(calls: int) -> str:
        """Lets so many calls through, then no more until the second try."""
        role = f"after{calls:03}"
        lease_id, user = _issued(engine, role)
        if before:
            hang_everything(control, user)
        fault = control.fault("error", about=_mark(role), nth=calls + 1, count=None, status=403, code="NoPermission")
        answer = engine.revoke(lease_id)
        if answer.status < 400:
            # Not every call is needed.
            return f"{answer.status} all the same, and {_left(engine, role) or 'nothing left'}"
        assert "NoPermission" in answer.error, answer
        if between and user in _left(engine, role):
            hang_everything(control, user)
        control.clear_faults(fault)
        half_way = len(_left(engine, role))
        answer = engine.revoke(lease_id)
        left = _left(engine, role)
        return f"{half_way} left, then {answer.status} and {left or 'nothing left'}"

    total = _calls(engine, before)
    # Much of the time goes into pauses after conflicts.
    with ThreadPoolExecutor(16) as pool:
        results = dict(enumerate(pool.map(revoke_twice, range(total))))
    show("\n".join(f"stopped after {calls:2} of {total} calls: {result}" for calls, result in results.items()))
    assert all(result.endswith(" and nothing left") and " 204" in f" {result}" for result in results.values()), results
    assert sum("then 204" in result for result in results.values()) >= total / 2, "few were stopped at all"
    left = control.leftovers()
    assert not (left["users"] or left["policies"] or left["keys"] or left["attachments"]), left
    # What was hung on users by hand went with them; the fake misses it.
    control.reset()
