"""`wait_for_propagation` of a role: a key is given out when it works."""

from __future__ import annotations

import time

from conftest import MakeEngine
from harness.engine import REMOTE, Engine
from harness.storage import Storage


def _use(make_engine: MakeEngine, key: dict[str, str]) -> str:
    """What the cloud says to the first call with a key."""
    user = make_engine(configured=False)
    user.configure(access_key=key["access_key"], secret_key=key["secret_key"]).ok()
    return user.creds(user.sts_role()).refused(403).error


def test_a_key_is_given_out_when_it_works(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.cloud.control.consistency(new_key={"ms": 2500})
    lazy, careful = engine.remote_role("lazy"), engine.remote_role("careful", wait_for_propagation="30s")
    assert "InvalidAccessKeyId.NotFound" in _use(make_engine, engine.creds(lazy).ok().data)
    started = time.monotonic()
    answer = engine.creds(careful).ok()
    assert 2.5 <= time.monotonic() - started < 20
    assert "NoPermission" in _use(make_engine, answer.data), "it is known, though it may do nothing here"


def test_a_key_that_works_at_once_is_given_out_at_once(engine: Engine) -> None:
    role = engine.remote_role(wait_for_propagation=60)
    started = time.monotonic()
    key = engine.creds(role).ok().data["access_key"]
    assert time.monotonic() - started < 10
    # The other one asks for the account of the mount's own key.
    asked = engine.cloud.control.calls(action="GetCallerIdentity")
    assert [call["access_key_id"] for call in asked].count(key) == 1, asked


def test_a_key_that_does_not_work_in_time_is_undone(engine: Engine) -> None:
    engine.cloud.control.consistency(new_key={"ms": 60_000})
    role = engine.full_role(wait_for_propagation=2)
    started = time.monotonic()
    engine.creds(role).refused(503, "wait_for_propagation", "2s", "InvalidAccessKeyId.NotFound")
    assert time.monotonic() - started < 15
    assert engine.cloud.control.leftovers()["clean"]
    assert engine.leases(role) == [] and Storage(engine).list("wal") == []


def test_the_wait_is_kept_by_clients_that_do_not_know_it(engine: Engine) -> None:
    # All that Terraform knows.
    terraform = {"role_arn": "", "inline_policies": "[]", "remote_policies": REMOTE, "ttl": 0, "max_ttl": 0}
    engine.write_role("r", **terraform).ok()
    before = Storage(engine).text("role/r")
    engine.write_role("r", wait_for_propagation="45s").ok()
    assert engine.read_role("r")["wait_for_propagation"] == 45
    assert Storage(engine).get("role/r")["wait_for_propagation"] == 45 * 10**9
    engine.write_role("r", **terraform).ok()
    assert engine.read_role("r")["wait_for_propagation"] == 45
    engine.write_role("r", wait_for_propagation="").ok()
    assert Storage(engine).text("role/r") == before, "what is not set is not stored"


def test_a_wait_that_makes_no_sense_is_refused(engine: Engine) -> None:
    engine.remote_role("r", wait_for_propagation=60)
    for wait in (61, "2m", -1, "soon"):
        engine.write_role("r", wait_for_propagation=wait).refused(400, "wait_for_propagation")
    assert engine.read_role("r")["wait_for_propagation"] == 60
    engine.write_role("r", remote_policies="[]", role_arn=engine.cloud.arn("vault-target")).refused(
        400, "wait_for_propagation must be 0")
    engine.write_role("r", remote_policies="[]", role_arn=engine.cloud.arn("vault-target"), wait_for_propagation=0).ok()
    engine.creds("r").ok()
