"""The plugin is killed at every call of a rotation: the mount keeps a key that works, and the user no second one."""

from __future__ import annotations

from collections.abc import Callable

from harness.cloud import Cloud
from harness.engine import Engine
from harness.rotation import PERMISSIONS, RootUser, calls_since, killed_in_call
from harness.server import Server
from harness.storage import Storage


def test_the_plugin_is_killed_at_every_call_of_a_rotation(
        own_server: Server, cloud: Cloud, show: Callable[[str], None]) -> None:
    engine = Engine(own_server, cloud, "rotated")
    user = RootUser(engine, PERMISSIONS)
    since = cloud.control.summary()["last_call"]
    user.rotate().ok()
    calls = calls_since(engine, since)
    assert {"CreateAccessKey", "DeleteAccessKey", "GetCallerIdentity"} <= {action for action, _ in calls}, calls
    rows = [(action, nth, execute) for action, nth in calls for execute in (False, True)]
    table = []
    for number, (action, nth, execute) in enumerate(rows):
        answered = killed_in_call(engine, "config/rotate-root", action, nth, execute)
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
