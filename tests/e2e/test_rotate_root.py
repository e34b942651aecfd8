"""The key in `config` is replaced, by request; `test_wal.py` has a rotation by schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.cloud import Cloud
from harness.engine import Engine
from harness.places import openbao, plugin_binary
from harness.rotation import PERMISSIONS, RootUser
from harness.server import Server
from harness.storage import Storage
from harness.waiting import until

_LEASES = ["ram:CreateUser", "ram:DeleteUser", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser",
           "ram:ListPoliciesForUser", "ram:ListGroupsForUser", "ram:DeleteLoginProfile"]


def test_leases_go_on_over_rotations_and_the_settings_stay(engine: Engine) -> None:
    user = RootUser(engine, [*PERMISSIONS, *_LEASES], region="cn-hangzhou", max_retries=3)
    lease = engine.creds(engine.remote_role()).ok().lease_id
    # Twice, at once: a key that RAM does not know yet everywhere must not be in the way.
    for _ in range(2):
        before = user.configured()
        answer = user.rotate().ok()
        assert answer.data == {"access_key": user.configured()} and answer.data["access_key"] != before
        assert not answer.warnings
        user.assert_whole()
    config = engine.api.read(f"{engine.path}/config").ok().data
    assert (config["region"], config["max_retries"]) == ("cn-hangzhou", 3)
    assert config["last_vault_rotation"].endswith("Z") and config["next_vault_rotation"] == ""
    engine.revoke(lease).ok()
    engine.revoke(engine.creds("remote").ok().lease_id).ok()
    # The first pair comes back from a file that still has it.
    engine.configure(access_key=user.first, secret_key=user.first_secret).refused(400, user.first, "replaced by a rotation")
    user.assert_whole()
    user.adopt()


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_each_permission_is_needed_and_named(engine: Engine, missing: str) -> None:
    user = RootUser(engine, [action for action in PERMISSIONS if action != missing])
    answer = user.rotate()
    if missing in ("ram:CreateAccessKey", "ram:ListAccessKeys"):
        answer.refused(403, missing, "NoPermission")
    elif missing == "ram:DeleteAccessKey":
        assert missing in answer.ok().warnings[0] and user.first in answer.warnings[0]
        assert {key["access_key_id"]: key["status"] for key in user.keys()} == {
            user.first: "Inactive", answer.data["access_key"]: "Active"}
        engine.cloud.control.grant(PERMISSIONS, user_name=user.name)
        # The next rotation finishes it.
        user.rotate().ok()
    else:
        # Deactivation is not needed for a deletion.
        answer.ok()
    user.assert_whole()
    user.adopt()


def test_others_get_credentials_while_a_rotation_hangs(engine: Engine) -> None:
    control, user = engine.cloud.control, RootUser(engine, [*PERMISSIONS, *_LEASES])
    role, start = engine.remote_role(), control.summary()["last_call"]
    control.fault("hold", "CreateAccessKey", about=user.name, execute=True)
    with engine.in_background(user.rotate) as rotating:
        assert control.wait(30, since=start, held=1)
        engine.revoke(engine.creds(role).ok().lease_id).ok()
        engine.write_role("other", remote_policies=["name:AliyunOSSReadOnlyAccess,type:System"]).ok()
        control.clear_faults()
        rotating.result().ok()
    user.assert_whole()
    user.adopt()


def test_a_schedule_is_in_utc_wherever_the_server_is(tmp_path: Path, cloud: Cloud) -> None:
    server = Server(openbao(), tmp_path / "server", plugin_binary(), {**cloud.environment, "TZ": "Asia/Shanghai"})
    try:
        server.start()
        server.register()
        engine = Engine(server, cloud, "utc")
        user = RootUser(engine, PERMISSIONS, rotation_schedule="0 2 * * *", rotation_window="1h")
        config = f"{engine.path}/config"
        planned = engine.api.read(config).ok().data["next_vault_rotation"]
        assert planned.endswith("T02:00:00Z")
        engine.reload()
        engine.wait_until_back()
        assert engine.api.read(config).ok().data["next_vault_rotation"] == planned
        user.adopt()
    finally:
        server.stop()


def test_a_second_key_is_never_touched(engine: Engine) -> None:
    user = RootUser(engine, PERMISSIONS)
    second = engine.cloud.control.key(user_name=user.name)["access_key_id"]
    user.rotate().refused(400, user.first, second, "days old", "Delete the one that is not needed")
    assert {key["access_key_id"] for key in user.keys()} == {user.first, second}
    user.adopt()


def test_a_key_that_takes_seconds_to_work_is_waited_for(engine: Engine) -> None:
    user = RootUser(engine, PERMISSIONS)
    engine.cloud.control.consistency(new_key={"ms": 1500})
    user.rotate().ok()
    engine.cloud.control.consistency()
    user.assert_whole()
    user.adopt()


@pytest.mark.parametrize("offset", [-840, 0, 840])
def test_a_key_whose_answer_was_lost_goes_at_once_whatever_the_clocks_say(engine: Engine, offset: int) -> None:
    user = RootUser(engine, PERMISSIONS)
    control = engine.cloud.control
    control.clock(offset)
    control.fault("cut_after", "CreateAccessKey", count=1)
    user.rotate().refused(502, "the key that was created all the same is deleted: try again")
    user.assert_whole()
    user.rotate().ok()
    user.assert_whole()
    user.adopt()


def test_what_is_left_in_another_account_waits_for_a_key_of_it_and_stops_nothing(engine: Engine) -> None:
    other, control = "6543210987654321", engine.cloud.control
    user = RootUser(engine, PERMISSIONS)
    # The new key is made, and can be neither found again nor deleted.
    control.fault("cut_after", "CreateAccessKey", count=1)
    control.fault("error", "ListAccessKeys", nth=2, status=403, code="NoPermission", count=None)
    user.rotate().refused(502, "deleted in some minutes")
    control.clear_faults()
    assert len(user.keys()) == 2
    control.post("accounts", account_id=other)
    made = control.user(user.name, account_id=other, grants=PERMISSIONS, keys=1)["keys"][0]
    engine.configure(access_key=made["access_key_id"], secret_key=made["access_key_secret"]).ok()
    user.rotate().ok()
    storage = Storage(engine)
    assert len(storage.list("wal")) == 1
    # With the key of before it is settled, and that key is not forgotten before.
    engine.configure(previous_access_key=user.first, previous_secret_key=user.first_secret).ok()
    storage.age_rotations()
    engine.reload()
    until(lambda: not storage.list("wal"), "the tick has settled it", 90, 0.5)
    here = [key["access_key_id"] for key in user.keys() if key["account_id"] == engine.cloud.account_id]
    assert here == [user.first]
    user.adopt()
