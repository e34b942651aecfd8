"""The mount's own record of its leases: what the server loses is found again, and removed in the end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import MakeEngine
from harness.engine import Engine
from harness.storage import Storage
from harness.waiting import until


#: Renewals whose caller goes away.
_ABANDONED = 48


def _users(engine: Engine) -> list[str]:
    return sorted(row["user_name"] for row in engine.cloud.control.leftovers()["users"])


def _records(engine: Engine) -> list[str]:
    return sorted(Storage(engine).list("issued"))


def _lose_lease(engine: Engine, lease_id: str) -> None:
    """The lease goes without the plugin being asked: its revocation fails and is forced."""
    fault = engine.cloud.control.fault("error", "*", status=403, code="NoPermission", count=None)
    engine.api.call("PUT", f"sys/leases/revoke-force/{lease_id}").ok()
    engine.cloud.control.clear_faults(fault)
    assert engine.leases(lease_id.split("/")[-2]) == []


def test_a_record_comes_and_goes_with_its_lease(engine: Engine) -> None:
    leases = [engine.creds(role).ok().lease_id for role in (engine.full_role(), engine.remote_role(), engine.sts_role())]
    assert _records(engine) == _users(engine) and len(_records(engine)) == 2
    storage = Storage(engine)
    for user in _records(engine):
        text = storage.text(f"issued/{user}")
        assert len(text) < 1024 and not any(secret in text for secret in engine.api.secrets)
    for lease_id in leases:
        engine.revoke(lease_id).ok()
    assert _records(engine) == []


def test_a_renewal_moves_the_record_on(engine: Engine) -> None:
    lease_id = engine.creds(engine.remote_role(ttl="1h", max_ttl="10h")).ok().lease_id
    [user] = _records(engine)
    key = f"issued/{user}"
    before = Storage(engine).get(key)
    granted = engine.renew(lease_id, increment=7200).ok().body["lease_duration"]
    after = Storage(engine).get(key)
    assert granted == 7200
    assert abs(after["deadline"] - before["deadline"] - 3600) <= 5
    assert abs(after["latest"] - before["latest"]) <= 5


def test_a_renewal_that_the_server_did_not_take_shortens_no_record(engine: Engine) -> None:
    """Point 4 of "nobody can starve it": a caller asks for one second more and hangs up, so that the plugin hears of the
    renewal and the server drops it. The lease lives on as before, and so must its record."""
    role = engine.remote_role(ttl="2h", max_ttl="24h")
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda _: engine.creds(role).ok().lease_id, range(_ABANDONED)))
    storage = Storage(engine)
    before = {user: record["deadline"] for user, record in storage.entries("issued").items()}
    assert len(before) == _ABANDONED
    for number, lease_id in enumerate(leases):
        pending = engine.api.send("PUT", "sys/leases/renew", {"lease_id": lease_id, "increment": 1})
        # As long as that, and the plugin is asked before the server notices. None can be seen from outside.
        time.sleep(number % 8 / 2000)
        pending.leave()
    # Whatever the plugin still does with them, it does before it is told that it ends.
    until(lambda: not _is_being_renewed(engine), "the server has given up the renewals")
    engine.reload()
    after = {user: record["deadline"] for user, record in storage.entries("issued").items()}
    alive = [lease for lease in leases
             if engine.api.write("sys/leases/lookup", lease_id=lease).ok().data["last_renewal"] is None]
    assert alive, "the server has taken every renewal: nothing was tried"
    fallen = {user: before[user] - deadline for user, deadline in after.items() if deadline < before[user]}
    assert not fallen, f"{len(fallen)} records fell by up to {max(fallen.values())} s, {len(alive)} leases are as before"


@pytest.mark.parametrize("increment", [60, 0, 7200, 36000])
def test_no_renewal_moves_an_end_back(engine: Engine, increment: int) -> None:
    """Point 4: a record says when a lease has surely ended, so it may be late and never early."""
    lease_id = engine.creds(engine.remote_role(ttl="2h", max_ttl="24h")).ok().lease_id
    [user] = _records(engine)
    storage, ends = Storage(engine), []
    for asked in (36000, increment, 60, increment):
        ends.append(storage.get(f"issued/{user}")["deadline"])
        engine.renew(lease_id, increment=asked).ok()
    ends.append(storage.get(f"issued/{user}")["deadline"])
    assert ends == sorted(ends)


def _is_being_renewed(engine: Engine) -> bool:
    requests = engine.api.read("sys/in-flight-req").ok().body.values()
    return any("leases/renew" in request["request_path"] for request in requests)


def test_what_outlived_a_lost_lease_is_removed_by_the_tick(make_engine: MakeEngine) -> None:
    engine = make_engine()
    lost = engine.creds(engine.full_role()).ok().lease_id
    [user] = _users(engine)
    kept = engine.creds(engine.remote_role()).ok()
    _lose_lease(engine, lost)
    assert user in _users(engine) and user in _records(engine)
    Storage(engine).age_record(user)
    engine.reload()
    # The server ticks once a minute.
    until(lambda: user not in _users(engine), "the tick has removed the user", timeout=90, pause=0.5)
    until(lambda: user not in _records(engine), "its record is gone")
    left = engine.cloud.control.leftovers()
    assert [key["access_key_id"] for key in left["keys"]] == [kept.data["access_key"]] and not left["policies"]
    assert engine.log_has("removed the user of an expired lease that was never revoked")


def test_orphans_are_shown_and_removed(engine: Engine) -> None:
    orphans = f"{engine.path}/orphans"
    leases = [engine.creds(role).ok().lease_id for role in (engine.full_role(), engine.remote_role())]
    engine.api.list(orphans).refused(404)
    # As after storage was set back to an older state.
    first, second = _users(engine)
    storage = Storage(engine)
    record = storage.get(f"issued/{first}")
    storage.delete(f"issued/{first}")
    assert engine.api.list(orphans).ok().data["keys"] == [first]
    engine.api.delete(f"{orphans}/{second}").refused(409, "belongs to a lease")
    engine.api.delete(f"{orphans}/alice").refused(400, "owner tag")
    engine.api.delete(f"{orphans}/vault-of-nobody").ok()
    engine.api.delete(f"{orphans}/{first}").ok()
    left = engine.cloud.control.leftovers()
    assert _users(engine) == [second] and not set(record["policies"]) & {row["policy_name"] for row in left["policies"]}
    engine.api.list(orphans).refused(404)
    for lease_id in leases:
        engine.revoke(lease_id).ok()


def test_a_user_with_another_name_goes_with_its_lease(engine: Engine) -> None:
    """Point 9 of "nobody can starve it": a role that grants `ram:UpdateUser` lets its users rename themselves."""
    control = engine.cloud.control
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    [user] = _users(engine)
    control.post("renames", user_name=user, new_name="mallory")
    # It belongs to its lease.
    engine.api.list(f"{engine.path}/orphans").refused(404)
    engine.api.delete(f"{engine.path}/orphans/mallory").refused(409, "belongs to a lease")
    engine.revoke(lease_id).ok()
    assert control.leftovers()["clean"], control.leftovers()
    assert engine.log_has("the user of a lease has another name")


def test_an_orphan_with_another_name_goes_with_all_its_policies(engine: Engine) -> None:
    """Nobody but the policies' own names tells what the user was called when they were made for it."""
    control, orphans = engine.cloud.control, f"{engine.path}/orphans"
    engine.creds(engine.full_role()).ok()
    [user] = _users(engine)
    kept = engine.creds("full").ok().lease_id
    [other] = [name for name in _users(engine) if name != user]
    of_other = Storage(engine).get(f"issued/{other}")["policies"]
    control.post("renames", user_name=user, new_name="mallory")
    # What another lease needs must not go with it.
    control.post("attachments", user_name="mallory", policy_name=of_other[0])
    Storage(engine).delete(f"issued/{user}")
    assert engine.api.list(orphans).ok().data["keys"] == ["mallory"]
    engine.api.delete(f"{orphans}/mallory").ok()
    left = control.leftovers()
    assert _users(engine) == [other] and sorted(row["policy_name"] for row in left["policies"]) == sorted(of_other)
    engine.revoke(kept).ok()
    left = control.leftovers()
    assert not left["users"] and not left["policies"] and not left["keys"], left
    # What was attached by hand is gone with its user.
    control.baseline()


def test_users_of_another_mount_are_no_orphans_of_this_one(make_engine: MakeEngine) -> None:
    one, other = make_engine(), make_engine()
    lease_id = one.creds(one.remote_role()).ok().lease_id
    [user] = _users(one)
    Storage(one).delete(f"issued/{user}")
    other.api.list(f"{other.path}/orphans").refused(404)
    other.api.delete(f"{other.path}/orphans/{user}").refused(400, "owner tag of this mount")
    one.revoke(lease_id).ok()


def test_a_user_that_is_being_made_is_no_orphan(engine: Engine) -> None:
    control = engine.cloud.control
    engine.remote_role()
    control.fault("delay", "CreateAccessKey", seconds=2)
    with engine.in_background(lambda: engine.creds("remote")) as issuing:
        assert control.wait(20, action="CreateAccessKey", count=1)
        [user] = _users(engine)
        engine.api.list(f"{engine.path}/orphans").refused(404)
        engine.api.delete(f"{engine.path}/orphans/{user}").refused(409)
        issuing.result(30).ok()


@pytest.mark.parametrize("when", ["moved", "reloaded"])
def test_the_mark_stays_with_the_mount(make_engine: MakeEngine, when: str) -> None:
    engine = make_engine()
    # Moving a mount revokes its leases.
    _lose_lease(engine, engine.creds(engine.remote_role()).ok().lease_id)
    [user] = _users(engine)
    Storage(engine).delete(f"issued/{user}")
    if when == "moved":
        engine.move(f"{engine.path}-elsewhere")
    else:
        engine.reload()
    assert engine.api.list(f"{engine.path}/orphans").ok().data["keys"] == [user]
    engine.api.delete(f"{engine.path}/orphans/{user}").ok()
