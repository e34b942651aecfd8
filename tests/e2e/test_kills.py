"""Whatever dies in the middle of a request: no credential stays that no lease owns, and every lease can be revoked."""

from __future__ import annotations

import os

from harness.kills import Table, read_failures
from harness.server import Server
from harness.waiting import until


def test_the_plugin_is_killed_at_every_call(table: Table, own_server: Server) -> None:
    for batch in table.batches("plugin killed"):
        with table.held(batch) as requests:
            own_server.kill_plugin()
        # A server that sees the end of the plugin before that of the connection makes the request again by itself.
        read_failures(batch, requests, "200", "204")
        table.engine.wait_until_back()
    table.revoke_again()
    assert table.roll_back() > 0
    table.assert_good()


def _kill_server(server: Server, table: Table) -> None:
    """The cloud answers when the server is gone; the plugin does what it can until it ends too."""
    plugins = server.plugin_processes()
    server.kill()
    table.release()
    until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in plugins), "the plugin has ended")


def _kill_both(server: Server, _: Table) -> None:
    server.kill(*server.plugin_processes())


def test_the_server_is_killed_at_every_call(table: Table, own_server: Server) -> None:
    for event, kill in (("server killed", _kill_server), ("both killed", _kill_both)):
        for batch in table.batches(event):
            with table.held(batch) as requests:
                kill(own_server, table)
            own_server.start()
            read_failures(batch, requests)
            table.engine.wait_until_back()
    table.revoke_again()
    assert table.roll_back() > 0
    table.assert_good()


def _is_asked_for_credentials(server: Server) -> bool:
    requests = server.api.read("sys/in-flight-req").ok().body.values()
    return any("/creds/" in request["request_path"] for request in requests)


def test_the_caller_goes_away_at_every_call_and_the_cloud_answers_later(table: Table, own_server: Server) -> None:
    for batch in table.batches("caller gone"):
        with table.held(batch) as requests:
            for request in requests:
                request.leave()
            # Revocations it finishes, whoever has asked for them.
            until(lambda: not _is_asked_for_credentials(own_server), "the server has given up the requests")
            table.release()
    table.revoke_again()
    # No tick is needed, but where the cloud's answer came too late for the plugin to be sure.
    if not table.undone():
        table.roll_back()
    table.assert_good()
