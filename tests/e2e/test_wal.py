"""What a request could not undo is undone later, by the server's tick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import MakeEngine
from harness.cloud import Cloud
from harness.engine import Engine
from harness.rotation import PERMISSIONS, RootUser
from harness.storage import Storage
from harness.waiting import until

#: Older than any minimum age.
_AGED = 3600


def _strand(engine: Engine) -> None:
    """An issue that fails at the key and whose undoing fails as well."""
    control = engine.cloud.control
    engine.full_role()
    for action in ("CreateAccessKey", "DetachPolicyFromUser", "DeletePolicy", "DeleteUser"):
        control.fault("error", action, status=403, code="NoPermission", count=None)
    engine.creds("full").refused(403, "CreateAccessKey", "will be retried")
    control.clear_faults()
    left = control.leftovers()
    assert len(left["users"]) == 1 and len(left["policies"]) == 2


def _age(engine: Engine) -> None:
    storage = Storage(engine)
    [key] = storage.list("wal")
    entry = storage.get(f"wal/{key}")
    assert set(entry) == {"type", "data", "created_at"}
    storage.put(f"wal/{key}", {**entry, "created_at": entry["created_at"] - _AGED})


@pytest.fixture
def stranded(make_engine: MakeEngine) -> Iterator[Engine]:
    """A mount with a half-made user in its write-ahead log."""
    engine = make_engine()
    _strand(engine)
    yield engine


def test_the_tick_removes_a_half_made_user_and_rotates_a_key_that_is_due(
        stranded: Engine, make_engine: MakeEngine) -> None:
    _age(stranded)
    root = RootUser(make_engine(configured=False), PERMISSIONS, rotation_period=10)
    # The server ticks once a minute.
    until(lambda: root.configured() != root.first, "the tick has rotated", timeout=90, pause=0.5)
    root.assert_whole()
    until(lambda: not Storage(stranded).list("wal"), "the entry is gone")
    left = stranded.cloud.control.leftovers()
    assert not left["users"] and not left["policies"], left
    root.adopt()


def test_a_user_without_the_owner_tag_is_left_alone_and_told_of(make_engine: MakeEngine) -> None:
    """Point 9 of "nobody can starve it": an operator learns which user may still have keys that work, and what to do."""
    engine = make_engine()
    control = engine.cloud.control
    _strand(engine)
    [user] = (row["user_name"] for row in control.leftovers()["users"])
    # Somebody else's, of the same name.
    control.delete("users", user_name=user)
    control.user(user, comments="made by hand")
    Storage(engine).age_log()
    engine.tick()
    assert user in [row["user_name"] for row in control.state()["users"]]
    assert not control.leftovers()["policies"] and Storage(engine).list("wal") == []
    [line] = (line for line in engine.server.log.read_text("utf-8").splitlines() if "owner tag" in line and user in line)
    assert '"@level":"warn"' in line and "delete it and its access keys in RAM" in line, line
    control.delete("users", user_name=user)


def test_unmounting_rolls_back_at_once(stranded: Engine) -> None:
    _age(stranded)
    stranded.unmount().ok()
    assert stranded.cloud.control.leftovers()["clean"]


def test_nothing_stays_in_the_log_after_good_and_bad_issues(engine: Engine, cloud: Cloud) -> None:
    engine.creds(engine.full_role()).ok()
    cloud.control.fault("error", "CreateAccessKey", status=403, code="NoPermission")
    engine.creds("full").refused(403)
    assert Storage(engine).list("wal") == []
