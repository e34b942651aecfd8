"""The plugin is killed at every call of a rotation: the mount keeps a key that works, and the user no second one."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable

from harness.cloud import Cloud
from harness.engine import Engine
from harness.rotation import PERMISSIONS, RootUser
from harness.server import Server
from harness.storage import Storage


def test_the_plugin_is_killed_at_every_call_of_a_rotation(
        own_server: Server, cloud: Cloud, show: Callable[[str], None]) -> None:
    engine = Engine(own_server, cloud, "rotated")
    user = RootUser(engine, PERMISSIONS)
    control = cloud.control
    since = control.summary()["last_call"]
    user.rotate().ok()
    seen: Counter[str] = Counter()
    calls = []
    for call in control.calls(since):
        seen[call["action"]] += 1
        calls.append((call["action"], seen[call["action"]]))
    assert {"CreateAccessKey", "DeleteAccessKey", "GetCallerIdentity"} <= set(seen), calls
    rows = [(action, nth, execute) for action, nth in calls for execute in (False, True)]
    table = []
    for number, (action, nth, execute) in enumerate(rows):
        start = control.summary()["last_call"]
        control.fault("hold", action, nth=nth, execute=execute)
        request = engine.api.send("POST", f"{engine.path}/config/rotate-root")
        assert control.wait(30, since=start, held=1), (action, nth)
        own_server.kill_plugin()
        control.clear_faults()
        try:
            answered = request.answer().status
        except (OSError, http.client.HTTPException):
            answered = 0
        engine.wait_until_back()
        held = len(user.keys())
        # Before anything is settled: the key in config works.
        user.configured()
        Storage(engine).age_rotations()
        if number % 4 == 0:
            engine.tick()
        else:
            user.rotate().ok()
        user.assert_whole()
        assert not Storage(engine).list("wal"), (action, nth, execute)
        table.append(f"{action} {nth} {'after' if execute else 'before'}: answered {answered}, keys then: {held}, in the end: 1")
    show("\n".join([*table, f"{len(table)} rotations were stopped: 0 keys lost, 0 keys too many"]))
    assert len(table) == len(rows) >= 14
    engine.unmount().ok()
