"""A mount whose `config` moves to another account: nothing of the old one is forgotten.

All of it is for point 5 of "nobody can starve it, trick it, or make it lose track".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.api import Json
from harness.engine import Engine
from harness.signing import Key
from harness.storage import Storage

_OTHER = "6543210987654321"


@pytest.fixture
def other_key(engine: Engine) -> Key:
    """The key of an operator of another account. The account is there, with nothing of the first in it."""
    control = engine.cloud.control
    control.post("accounts", account_id=_OTHER)
    control.policy("app-readonly", actions=["oss:Get*"], account_id=_OTHER)
    return Key.of(control.user("vault-operator", account_id=_OTHER, grants=["*"], keys=1)["keys"][0])


def _move(engine: Engine, key: Key, **more: Any) -> list[str]:
    """The mount's config names the other account; the warnings."""
    return engine.configure(access_key=key.id, secret_key=key.secret, **more).ok().warnings


def _back(engine: Engine) -> None:
    engine.configure(access_key=engine.cloud.access_key, secret_key=engine.cloud.secret_key).ok()


def _users(engine: Engine, account: str) -> list[str]:
    return sorted(row["user_name"] for row in engine.cloud.control.leftovers()["users"]
                  if row["account_id"] == account)


def test_a_lease_of_another_account_is_not_revoked_in_this_one(engine: Engine, other_key: Key) -> None:
    """Point 5: "user not found" in the new account is not "done"; the text names both accounts."""
    here = engine.cloud.account_id
    lease_id = engine.creds(engine.full_role()).ok().lease_id
    [user] = _users(engine, here)
    _move(engine, other_key)
    refused = engine.revoke(lease_id)
    assert refused.status >= 400, "the lease is gone, and its user and key live on"
    assert here in refused.error and _OTHER in refused.error, refused.error
    assert _users(engine, here) == [user] and Storage(engine).list("issued") == [user]
    _back(engine)
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_lease_of_the_new_account_is_revoked_in_it(engine: Engine, other_key: Key) -> None:
    """Point 5: each lease goes by its own account."""
    old = engine.creds(engine.remote_role()).ok().lease_id
    _move(engine, other_key)
    new = engine.creds("remote").ok().lease_id
    assert len(_users(engine, _OTHER)) == 1
    engine.revoke(new).ok()
    assert _users(engine, _OTHER) == []
    _back(engine)
    engine.revoke(old).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_the_previous_credentials_revoke_what_is_left(engine: Engine, other_key: Key) -> None:
    """Point 5: `config` can keep the old account's key for revoking only."""
    leases = [engine.creds(role).ok().lease_id for role in (engine.full_role(), engine.remote_role())]
    _move(engine, other_key, previous_access_key=engine.cloud.access_key, previous_secret_key=engine.cloud.secret_key)
    shown = engine.api.read(f"{engine.path}/config").ok().data
    assert shown["previous_access_key"] == engine.cloud.access_key and engine.cloud.secret_key not in str(shown)
    # What is new is made in the new account.
    engine.revoke(engine.creds("remote").ok().lease_id).ok()
    assert len(_users(engine, engine.cloud.account_id)) == 2 and _users(engine, _OTHER) == []
    for lease_id in leases:
        engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_change_of_the_account_is_answered_with_the_number_of_leases(engine: Engine, other_key: Key) -> None:
    """Point 5: the warning says how many leases are left behind, and of which account."""
    leases = [engine.creds(engine.remote_role()).ok().lease_id for _ in range(3)]
    warnings = _move(engine, other_key)
    assert any("3" in text and "lease" in text and engine.cloud.account_id in text for text in warnings), warnings
    # Another key of the same account is no change, and is not warned about.
    _back(engine)
    second = Key.of(engine.cloud.control.user("second-operator", grants=["*"], keys=1)["keys"][0])
    assert not any("lease" in text for text in engine.configure(access_key=second.id,
                                                                secret_key=second.secret).ok().warnings)
    for lease_id in leases:
        engine.revoke(lease_id).ok()
    assert not any("lease" in text for text in _move(engine, other_key)), "there is nothing left to warn about"


def test_the_tick_leaves_the_records_of_another_account(engine: Engine, other_key: Key) -> None:
    """Point 5: what has outlived its lease is removed when the credentials are right again, not written off."""
    here = engine.cloud.account_id
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    [user] = _users(engine, here)
    fault = engine.cloud.control.fault("error", "*", status=403, code="NoPermission", count=None)
    engine.api.call("PUT", f"sys/leases/revoke-force/{lease_id}").ok()
    engine.cloud.control.clear_faults(fault)
    _move(engine, other_key)
    storage = Storage(engine)
    storage.age_record(user)
    engine.reload()
    engine.tick()
    assert storage.list("issued") == [user] and _users(engine, here) == [user]
    _back(engine)
    engine.reload()
    engine.tick()
    assert storage.list("issued") == [] and _users(engine, here) == []


def test_the_tick_leaves_the_wal_entries_of_another_account(engine: Engine, other_key: Key) -> None:
    """Point 5: the same for what a request has left half-made."""
    here, control = engine.cloud.account_id, engine.cloud.control
    for action in ("CreateAccessKey", "DeleteUser"):
        control.fault("error", action, status=403, code="NoPermission", count=None)
    engine.creds(engine.remote_role()).refused(403, "will be retried")
    control.clear_faults()
    [user] = _users(engine, here)
    _move(engine, other_key)
    storage = Storage(engine)
    assert storage.age_log() == 1
    engine.reload()
    engine.tick()
    assert len(storage.list("wal")) == 1 and _users(engine, here) == [user]
    _back(engine)
    engine.reload()
    engine.tick()
    assert storage.list("wal") == [] and _users(engine, here) == []


def test_leases_without_an_account_are_bound_to_the_one_they_are_first_seen_with(engine: Engine,
                                                                                 other_key: Key) -> None:
    """Point 5: those of the Go plugin, and of earlier versions, say none."""
    here = engine.cloud.account_id
    lease_id = engine.creds(engine.remote_role()).ok().lease_id
    [user] = _users(engine, here)
    storage = Storage(engine)
    storage.put(f"issued/{user}", _without_account(storage.get(f"issued/{user}")))
    entry = f"sys/raw/sys/expire/id/{lease_id}"
    lease = json.loads(engine.api.read(entry).ok().data["value"])
    lease["secret"]["internal_data"] = _without_account(lease["secret"]["internal_data"])
    engine.api.write(entry, value=json.dumps(lease)).ok()
    # This version sees the mount, and with it the lease, while it has its first account.
    engine.reload()
    engine.creds("remote").ok()
    _move(engine, other_key)
    refused = engine.revoke(lease_id)
    assert refused.status >= 400, "the lease is gone, and its user and key live on"
    assert here in refused.error and _OTHER in refused.error, refused.error
    assert user in _users(engine, here)
    _back(engine)
    engine.revoke(lease_id).ok()
    assert user not in _users(engine, here)


def _without_account(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if "account" not in name}
