"""No credential outlives its lease, not even one that was never stored, or was forced away."""

from __future__ import annotations

import pytest
from harness.engine import Engine
from harness.kills import Row, Table, read_answer
from harness.server import Server
from harness.storage import Storage
from harness.waiting import until


def test_a_user_whose_lease_was_forced_away_is_removed_by_the_tick(engine: Engine) -> None:
    control, storage = engine.cloud.control, Storage(engine)
    engine.creds(engine.full_role("lost")).ok()
    kept = engine.creds(engine.full_role("kept")).ok().lease_id
    users = {role: user for user in storage.list("issued") for role in ("lost", "kept") if f"-{role}-" in user}
    assert set(users) == {"lost", "kept"}, "each lease has its record"
    control.fault("error", about=f"{users['lost']}*", count=None, status=403, code="NoPermission")
    engine.api.call("PUT", f"sys/leases/revoke-force/{engine.path}/creds/lost").ok()
    assert engine.leases("lost") == []
    control.clear_faults()
    assert users["lost"] in [user["user_name"] for user in control.leftovers()["users"]]
    storage.age_record(users["lost"])
    engine.reload()
    until(lambda: storage.list("issued") == [users["kept"]], "the tick has removed it", timeout=100, pause=0.5)
    left = control.leftovers()
    assert [user["user_name"] for user in left["users"]] == [users["kept"]]
    assert len(left["policies"]) == 2 and len(left["keys"]) == 1 and len(left["attachments"]) == 4
    engine.revoke(kept).ok()
    assert storage.list("issued") == []


def _known_by(table: Table, row: Row) -> str:
    """Who still knows what was made for a row."""
    storage = table.storage
    known = {"lease": bool(table.engine.leases(row.role)),
             "record": any(f"-{row.role}-" in user for user in storage.list("issued")),
             "wal": any(f"-{row.role}-" in storage.text(f"wal/{key}") for key in storage.list("wal"))}
    return ", ".join(name for name, knows in known.items() if knows) or "nobody"


@pytest.mark.long
def test_the_machine_dies_between_the_last_call_and_the_lease(table: Table, own_server: Server) -> None:
    for finished in (1, 8, 16):
        batch, plugins = table.last_calls(f"{finished:2} finished", "both"), own_server.plugin_processes()
        with table.held(batch) as requests:
            entries = len(table.storage.list("wal"))
            table.release()
            # For so many at the least, the plugin is done; what the server makes of that is cut off.
            until(lambda: len(table.storage.list("wal")) <= entries - finished, "requests are finished", pause=0.001)
            own_server.kill(*plugins)
        own_server.start()
        table.engine.wait_until_back()
        for row, request in zip(batch, requests, strict=True):
            read_answer(row, request)
            row.held = f"{row.held}; then known by: {_known_by(table, row)}"
    table.roll_back()
    table.assert_good()
