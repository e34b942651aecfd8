"""The tick does not begin at the front again and again: what cannot go holds up nothing that can.

All of it is for point 3 of "nobody can starve it, trick it, or make it lose track".
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.api import Json
from harness.engine import Engine
from harness.storage import Storage

_COUNT = 60
_TICKS = 3
_PAST = 400 * 86400


@pytest.fixture
def made(engine: Engine) -> Json:
    """What the mount stores of a user of its own that has nothing."""
    storage = Storage(engine)
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    [row] = engine.cloud.control.leftovers()["users"]
    record: Json = storage.get(f"issued/{row['user_name']}")
    engine.revoke(lease_id).ok()
    return {**record, "comments": row["comments"]}


def _people(engine: Engine, made: Json) -> tuple[list[str], list[str]]:
    """Users of the mount: those that RAM will not delete, which come first by their names, and those that it will."""
    control = engine.cloud.control
    stuck = [f"vault-a-{number:02}" for number in range(_COUNT)]
    free = [f"vault-z-{number:02}" for number in range(_COUNT)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: control.user(name, comments=made["comments"]), [*stuck, *free]))
    # Half of them at once, and half again and again, as if something hung on them that no listing shows.
    control.fault("error", "DeleteUser", about="vault-a-[0-2]*", status=403, code="NoPermission", count=None)
    control.fault("error", "DeleteUser", about="vault-a-[3-5]*", status=409, code="DeleteConflict.User.Policy", count=None)
    return stuck, free


def _there(engine: Engine, names: list[str]) -> list[str]:
    there = {row["user_name"] for row in engine.cloud.control.state()["users"]}
    return [name for name in names if name in there]


def _tick(engine: Engine, free: list[str]) -> list[str]:
    """Some ticks of a process that begins anew; who could go and is still there."""
    engine.reload()
    for _ in range(_TICKS):
        engine.tick()
        if not (left := _there(engine, free)):
            break
    return left


def test_records_that_cannot_go_hold_up_no_others(engine: Engine, made: Json) -> None:
    """Point 3: records of leases that have ended, in the order of their names."""
    storage = Storage(engine)
    stuck, free = _people(engine, made)
    past = int(time.time()) - _PAST
    record = {**made, "access_keys": [], "policies": [], "attached": [], "deadline": past, "latest": past}
    del record["comments"]
    for name in (*stuck, *free):
        storage.put(f"issued/{name}", {**record, "user_name": name})
    left = _tick(engine, free)
    assert not left, f"{len(left)} of {_COUNT} are there after {_TICKS} ticks: {left[:3]} …"
    assert _there(engine, stuck) == stuck
    assert sorted(storage.list("issued")) == stuck, "what cannot go yet is not forgotten"
    _let_go(engine, stuck)


def test_wal_entries_that_cannot_be_rolled_back_hold_up_no_others(engine: Engine, made: Json) -> None:
    """Point 3: the same for the write-ahead log, whose entries are in the order of their ids."""
    storage = Storage(engine)
    kind = _kind_of_entries(engine, storage)
    stuck, free = _people(engine, made)
    for number, name in enumerate((*stuck, *free)):
        storage.put(f"wal/{number:08}-0000-4000-8000-000000000000", {
            "type": kind, "data": {"user_name": name, "access_keys": [], "policies": [], "attached": []},
            "created_at": int(time.time()) - _PAST})
    left = _tick(engine, free)
    assert not left, f"{len(left)} of {_COUNT} are there after {_TICKS} ticks: {left[:3]} …"
    assert _there(engine, stuck) == stuck
    assert len(storage.list("wal")) == _COUNT, "what cannot go yet is not forgotten"
    _let_go(engine, stuck)


def _kind_of_entries(engine: Engine, storage: Storage) -> str:
    """What an entry that the mount has written itself says it is."""
    control = engine.cloud.control
    for action in ("CreateAccessKey", "DeleteUser"):
        control.fault("error", action, status=403, code="NoPermission", count=None)
    engine.creds("remote").refused(403, "will be retried")
    [key] = storage.list("wal")
    control.clear_faults()
    kind: str = storage.get(f"wal/{key}")["type"]
    storage.age_log()
    engine.tick()
    assert storage.list("wal") == []
    return kind


def _let_go(engine: Engine, stuck: list[str]) -> None:
    """When RAM agrees, they go too."""
    engine.cloud.control.clear_faults()
    engine.reload()
    for _ in range(_TICKS):
        engine.tick()
    assert _there(engine, stuck) == []
    # They were not made by calls, so their removal would count as the loss of something that was there before.
    engine.cloud.control.baseline()
