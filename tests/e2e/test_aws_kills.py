"""As `test_kills.py` and `test_revoke_halfway.py`, of the AWS engine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.aws import FILE, AwsEngine
from harness.kills import Table, kill_plugin_at_every_call, kill_server_at_every_call, leave_at_every_call
from harness.server import Server


@pytest.mark.long
def test_the_plugin_is_killed_at_every_call(aws_table: Table, own_aws_server: Server) -> None:
    kill_plugin_at_every_call(aws_table, own_aws_server, FILE)
    aws_table.revoke_again()
    assert aws_table.roll_back() > 0
    aws_table.assert_good()


@pytest.mark.long
def test_the_server_is_killed_at_every_call(aws_table: Table, own_aws_server: Server) -> None:
    kill_server_at_every_call(aws_table, own_aws_server, FILE)
    aws_table.revoke_again()
    assert aws_table.roll_back() > 0
    aws_table.assert_good()


def test_the_caller_goes_away_at_every_call(aws_table: Table, own_aws_server: Server) -> None:
    leave_at_every_call(aws_table, own_aws_server)
    aws_table.revoke_again()
    if not aws_table.undone():
        aws_table.roll_back()
    aws_table.assert_good()


@pytest.mark.parametrize("hung", [False, True], ids=["as-made", "hung"])
def test_a_revocation_is_finished_from_each_half_way_state(aws_engine: AwsEngine, show: Callable[[str], None],
                                                           hung: bool) -> None:
    control = aws_engine.cloud.control

    def issued(role: str) -> str:
        answer = aws_engine.creds(aws_engine.role(role)).ok()
        if hung:
            user = aws_engine.user_of(answer)
            control.change("keys", user_name=user)
            control.change("memberships", user_name=user, group_name="admins")
        return answer.lease_id

    def revoke_twice(calls: int) -> str:
        role = f"after{calls:03}"
        lease_id = issued(role)
        fault = control.fault("error", about=f"vault-*-{role}-*", nth=calls + 1, count=None, status=403, code="AccessDenied")
        first = aws_engine.revoke(lease_id)
        control.clear_faults(fault)
        again = first if first.status < 300 else aws_engine.revoke(lease_id)
        left = [user for user in control.state()["users"] if f"-{role}-" in user["user_name"]]
        return f"{first.status}, then {again.status} and {left or 'nothing left'}"

    start = control.summary()["last_call"]
    lease_id = issued("seen")
    middle = control.summary()["last_call"]
    aws_engine.revoke(lease_id).ok()
    total = sum(call["id"] > middle for call in control.calls(start))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(revoke_twice, range(total)))
    show("\n".join(f"stopped after {calls:2} of {total} calls: {result}" for calls, result in enumerate(results)))
    assert all(result.endswith("then 204 and nothing left") for result in results), results
    assert sum(result.startswith("400") for result in results) >= total / 2, "few were stopped at all"
    assert control.leftovers()["clean"]
