"""Static roles: keys of RAM users that exist, which the engine replaces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from conftest import MakeEngine
from harness.cloud import Cloud
from harness.engine import Engine
from harness.rotation import RootUser, calls_since, killed_in_call
from harness.server import Server
from harness.static_roles import PERMISSIONS, StaticRole
from harness.storage import Storage
from harness.waiting import until


def test_a_role_gives_out_a_key_in_the_types_that_others_read(engine: Engine) -> None:
    role = StaticRole(engine)
    written = role.write(rotation_period="24h").ok().data
    assert written == role.read().ok().data
    assert (written["id"], written["username"], written["credential_type"]) == (role.user_id, role.user, "access_key")
    creds = role.creds()
    assert set(creds) == {"access_key", "secret_key", "expiration", "last_vault_rotation", "rotation_period", "ttl"}
    # As the Vault Secrets Operator takes them.
    assert creds["rotation_period"] == 86400 and isinstance(creds["ttl"], int) and 86300 < creds["ttl"] <= 86400
    rotated, expires = (datetime.fromisoformat(creds[name]) for name in ("last_vault_rotation", "expiration"))
    assert expires - rotated == timedelta(days=1) and abs(datetime.now(UTC) - rotated) < timedelta(minutes=5)
    answer = role.rotate().ok()
    assert answer.data == {"access_key": role.creds()["access_key"]} != {"access_key": creds["access_key"]}
    assert not answer.warnings
    role.assert_whole()
    assert engine.api.list(f"{engine.path}/static-roles").ok().data["keys"] == ["app"]
    role.delete().ok()
    assert role.keys() == [] and role.read().status == 404
    assert engine.api.read(f"{engine.path}/static-creds/app").status == 404


@pytest.mark.long
def test_what_is_due_is_rotated_after_a_restart_and_nothing_else_is(engine: Engine) -> None:
    due, later, ended = (StaticRole(engine, name) for name in ("due", "later", "ended"))
    due.write(rotation_period="24h").ok()
    later.write(rotation_schedule="0 0 29 2 *").ok()
    ended.write(rotation_period="24h", seamless_rotation=True, rotation_grace_period=60).ok()
    older = ended.creds()["access_key"]
    ended.rotate().ok()
    assert len(ended.keys()) == 2
    before = {role.name: role.creds() for role in (due, later, ended)}
    storage = Storage(engine)
    entry = storage.get("static-role/due")
    planned = entry["next_vault_rotation"] - 2 * 86400
    storage.put("static-role/due", {**entry, "next_vault_rotation": planned})
    engine.reload()
    assert due.creds()["ttl"] == 0 and due.creds()["access_key"] == before["due"]["access_key"]
    # The server ticks once a minute.
    until(lambda: due.creds()["access_key"] != before["due"]["access_key"], "the tick has rotated", timeout=90, pause=0.5)
    until(lambda: len(ended.keys()) == 1, "the grace period has ended", timeout=150, pause=0.5)
    for role in (due, later, ended):
        role.assert_whole()
    assert later.creds()["access_key"] == before["later"]["access_key"]
    assert ended.creds()["access_key"] == before["ended"]["access_key"] != older
    # Late, and without drift.
    assert storage.get("static-role/due")["next_vault_rotation"] == planned + 2 * 86400
    assert due.creds()["last_vault_rotation"] > before["due"]["last_vault_rotation"]
    metrics = engine.api.read(f"{engine.path}/metrics?format=json").ok().data
    assert metrics["vault_plugin_alicloud_static_roles"]["samples"][0]["value"] == 3
    for role in (due, later, ended):
        role.delete().ok()


def test_keys_with_another_owner_are_refused_by_name_and_never_touched(engine: Engine, cloud: Cloud) -> None:
    role = StaticRole(engine, keys=1)
    own = role.made[0]
    role.write(rotation_period="1h").refused(400, own["access_key_id"], "days old", "import_access_key")
    assert role.key_ids() == [own["access_key_id"]] and role.read().status == 404
    imported = {"import_access_key": own["access_key_id"], "import_secret_key": own["access_key_secret"]}
    role.write(rotation_period="1h", **{**imported, "import_secret_key": "wrong"}).refused(400, "does not work")
    role.write(rotation_period="1h", **imported).ok()
    assert role.creds()["secret_key"] == own["access_key_secret"]
    # The same user, however it is spelt, and the mount's own.
    other = StaticRole(engine, "other")
    for username in (role.user, role.user.upper()):
        other.write(username=username, rotation_period="1h").refused(400, '"app"', "has a static role already")
    root = RootUser(engine, PERMISSIONS)
    other.write(username=root.name, rotation_period="1h").refused(400, "is the user of config")
    engine.configure().ok()
    # Another user of the same name.
    cloud.control.delete("users", user_name=role.user)
    cloud.control.user(role.user, keys=1)
    role.rotate().refused(409, role.user_id, "is not the one that the static role was written for")
    role.delete().ok()
    assert len(role.keys()) == 1


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_each_permission_is_needed_and_named(make_engine: MakeEngine, missing: str) -> None:
    engine = make_engine(configured=False)
    RootUser(engine, [action for action in PERMISSIONS if action != missing])
    role = StaticRole(engine)
    if missing in ("ram:UpdateAccessKey", "ram:DeleteAccessKey"):
        role.write(rotation_period="1h").ok()
        answer = role.rotate().ok()
        if missing == "ram:DeleteAccessKey":
            assert missing in answer.warnings[0]
            assert sorted(key["status"] for key in role.keys()) == ["Active", "Inactive"]
            role.delete().refused(403, missing)
    else:
        role.write(rotation_period="1h").refused(403, missing, "NoPermission")
        assert role.keys() == [] and role.read().status == 404
    engine.configure().ok()
    role.delete().ok()
    assert role.keys() == []


def test_an_application_reads_its_own_credentials_and_no_more(engine: Engine) -> None:
    role = StaticRole(engine)
    role.write(rotation_period="1h").ok()
    policy = f'path "{engine.path}/static-creds/app" {{ capabilities = ["read"] }}'
    engine.api.write(f"sys/policies/acl/{engine.path}", policy=policy).ok()
    made = engine.api.call("PUT", "auth/token/create", {"policies": [engine.path]}).ok()
    api = engine.api.as_token(made.body["auth"]["client_token"])
    assert api.read(f"{engine.path}/static-creds/app").ok().data == role.creds()
    for method, path in (("GET", "static-roles/app"), ("POST", "rotate-role/app"), ("DELETE", "static-roles/app"),
                         ("GET", "static-creds/App")):
        api.call(method, f"{engine.path}/{path}").refused(403, "permission denied")
    role.delete().ok()


def test_a_role_and_a_static_role_of_the_same_name_are_two(engine: Engine) -> None:
    static = StaticRole(engine, "twin")
    static.write(rotation_period="24h").ok()
    engine.remote_role("twin", ttl="1h")
    lease_id = engine.creds("twin").ok().lease_id
    static.rotate().ok()
    static.assert_whole()
    assert engine.read_role("twin")["ttl"] == 3600
    engine.api.delete(f"{engine.path}/role/twin").ok()
    static.assert_whole()
    engine.remote_role("twin")
    static.delete().ok()
    assert static.keys() == [] and engine.read_role("twin")
    engine.revoke(lease_id).ok()
    engine.revoke(engine.creds("twin").ok().lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_key_that_takes_seconds_to_work_is_waited_for(engine: Engine) -> None:
    engine.cloud.control.consistency(new_key={"ms": 1500})
    role = StaticRole(engine)
    role.write(rotation_period="1h").ok()
    role.rotate().ok()
    engine.cloud.control.consistency()
    role.assert_whole()
    role.delete().ok()


@pytest.mark.parametrize("seamless", [False, True])
def test_the_plugin_is_killed_at_every_call_of_a_rotation(
        own_server: Server, cloud: Cloud, show: Callable[[str], None], seamless: bool) -> None:
    engine = Engine(own_server, cloud, f"static-{seamless}".lower())
    engine.configure().ok()
    role = StaticRole(engine)
    settings = {"rotation_period": "24h", "seamless_rotation": seamless, "rotation_grace_period": "1h"}
    role.write(**settings).ok()

    def back_to_one_key() -> None:
        role.write(seamless_rotation=False).ok()
        role.rotate().ok()
        role.assert_whole()
        role.write(**settings).ok()

    since = cloud.control.summary()["last_call"]
    role.rotate().ok()
    calls = calls_since(engine, since)
    back_to_one_key()
    seen = {action for action, _ in calls}
    assert {"CreateAccessKey", "GetCallerIdentity", "GetUser"} <= seen and seamless != ("DeleteAccessKey" in seen), calls
    rows = [(action, nth, execute) for action, nth in calls for execute in (False, True)]
    table = []
    for action, nth, execute in rows:
        answered = killed_in_call(engine, "rotate-role/app", action, nth, execute)
        held = len(role.keys())
        # Before anything is settled: what is given out works.
        given = role.creds()["access_key"]
        Storage(engine).age_rotations()
        engine.tick()
        assert not Storage(engine).list("wal"), (action, nth, execute)
        shown = role.read().ok().data
        known = {given, shown["previous_access_key"]} - {""}
        assert set(role.key_ids()) <= known and given == role.creds()["access_key"], (action, nth, execute, role.keys())
        back_to_one_key()
        table.append(f"{action} {nth} {'after' if execute else 'before'}: answered {answered}, keys then: {held}, "
                     f"known after recovery: {len(known)}")
    show("\n".join([*table, f"{len(table)} rotations were stopped: 0 keys lost, 0 keys too many"]))
    assert len(table) == len(rows) >= 10
    role.delete().ok()
    assert role.keys() == []
    engine.unmount().ok()
