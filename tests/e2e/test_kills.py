"""Whatever dies in the middle of a request: no credential stays that no lease owns, and every lease can be revoked."""

from __future__ import annotations

import pytest
from harness.kills import Table, kill_plugin_at_every_call, kill_server_at_every_call, leave_at_every_call
from harness.server import Server


@pytest.mark.long
def test_the_plugin_is_killed_at_every_call(table: Table, own_server: Server) -> None:
    kill_plugin_at_every_call(table, own_server)
    table.revoke_again()
    assert table.roll_back() > 0
    table.assert_good()


@pytest.mark.long
def test_the_server_is_killed_at_every_call(table: Table, own_server: Server) -> None:
    kill_server_at_every_call(table, own_server)
    table.revoke_again()
    assert table.roll_back() > 0
    table.assert_good()


@pytest.mark.long
def test_the_caller_goes_away_at_every_call_and_the_cloud_answers_later(table: Table, own_server: Server) -> None:
    leave_at_every_call(table, own_server)
    table.revoke_again()
    # No tick is needed, but where the cloud's answer came too late for the plugin to be sure.
    if not table.undone():
        table.roll_back()
    table.assert_good()
