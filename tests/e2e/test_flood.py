"""More requests than the plugin works on: the rest waits or is turned away at once, and memory stays within bounds."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from harness.engine import Engine
from harness.processes import resident_kib

#: What the documentation says: so many at work, so many waiting.
_PLACES, _SEATS = 128, 512
_TOO_MANY = 60


def test_a_flood_is_turned_away_and_revocations_go_on(engine: Engine) -> None:
    control = engine.cloud.control
    sts = engine.sts_role()
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    [plugin] = engine.server.plugin_processes()
    before = resident_kib(plugin)
    control.fault("hang", "AssumeRole", count=None)
    total = _PLACES + _SEATS + _TOO_MANY
    with ThreadPoolExecutor(total) as pool:
        waiting = {pool.submit(engine.creds, sts) for _ in range(total)}
        turned_away = 0
        while turned_away < _TOO_MANY:
            done, waiting = wait(waiting, timeout=15, return_when=FIRST_COMPLETED)
            assert done, "nobody is turned away"
            for request in done:
                request.result().refused(503, "too many requests for credentials at once", "nothing was done")
            turned_away += len(done)
        grown = resident_kib(plugin) - before
        # A revocation has a place of its own.
        engine.revoke(lease_id).ok()
        control.clear_faults()
        statuses = Counter(request.result().status for request in waiting)
    # Whoever was let in is answered, some by the breaking of the calls that hung.
    assert set(statuses) <= {200, 502, 503}, statuses
    assert grown < 64 * 1024, f"{grown} KiB more for {total} requests"
    engine.creds(sts).ok()
