"""Who answers for what the engine has made in the cloud: a lease, or an entry that the plugin will see to by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .api import Json
from .engine import Engine
from .storage import Storage
from .waiting import until

#: Older than any minimum age.
_AGED = 3600

#: Where the plugin stores a record for each lease of a user: `issued/<user name>`.
_RECORDS = "issued"


@dataclass
class Ownership:
    """What the server and the cloud hold of one mount, at one moment in which nothing is asked of it."""

    #: What the engine keeps in each lease of a RAM user, by lease id.
    leases: dict[str, Json]
    #: How many leases there are of STS credentials.
    sessions: int
    #: Write-ahead entries, by key.
    logged: dict[str, Json]
    #: Records, by user name.
    records: dict[str, Json]
    #: What the cloud holds: as `leftovers` shows it.
    cloud: Json

    @staticmethod
    def of(engine: Engine) -> Ownership:
        """Looks at both."""
        storage = Storage(engine)
        internal = dict(_leases(engine))
        users = {lease_id: data for lease_id, data in internal.items() if data["role_type"] == "ram"}
        return Ownership(users, len(internal) - len(users), storage.entries("wal"), storage.entries(_RECORDS),
                         engine.cloud.control.leftovers())

    @property
    def users(self) -> set[str]:
        """The users in the cloud."""
        return {user["user_name"] for user in self.cloud["users"]}

    @property
    def leased(self) -> set[str]:
        """The users that leases stand for."""
        return {internal["username"] for internal in self.leases.values()}

    @property
    def to_be_cleaned(self) -> set[str]:
        """Users and policies that entries name whose cleaning up the plugin will see to."""
        return {text for entry in self.logged.values() for text in _texts(entry["data"])} | set(self.records)

    # === what must hold ===

    def broken_leases(self) -> list[str]:
        """Leases without their credential: what each lacks."""
        keys = {key["access_key_id"]: key["user_name"] for key in self.cloud["keys"]}
        attached = {(row["name"], row["policy_name"]) for row in self.cloud["attachments"]}
        found = []
        for lease_id, internal in self.leases.items():
            user = internal["username"]
            policies = [policy["name"] for kind in ("inline_policies", "remote_policies")
                        for policy in internal[kind] or []]
            lacking = [f"the policy {name}" for name in policies if (user, name) not in attached]
            if keys.get(internal["access_key_id"]) != user:
                lacking.append("its key")
            if user not in self.users:
                lacking = [f"its user {user}"]
            if lacking:
                found.append(f"{lease_id} lacks {', '.join(lacking)}")
        return found

    def doomed_leases(self) -> list[str]:
        """Leases whose credential a write-ahead entry names: it would be removed under them."""
        logged = {text for entry in self.logged.values() for text in _texts(entry["data"])}
        return [lease_id for lease_id, internal in self.leases.items() if internal["username"] in logged]

    def unclaimed(self) -> list[str]:
        """Credentials and what goes with them that nobody answers for: no lease, no entry."""
        claimed = self.leased | self.to_be_cleaned
        lost = [f"user {name}" for name in sorted(self.users - claimed)]
        for policy in self.cloud["policies"]:
            name = policy["policy_name"]
            # A policy's name begins with that of the user that it was made for.
            if name not in claimed and not any(name.startswith(f"{user}-") for user in claimed | self.users):
                lost.append(f"policy {name}")
        return lost

    def unleased(self) -> list[str]:
        """What no lease owns, whether or not an entry names it."""
        policies = {policy["policy_name"] for policy in self.cloud["policies"]}
        owned = {policy["name"] for internal in self.leases.values() for policy in internal["inline_policies"]}
        return [*(f"user {name}" for name in sorted(self.users - self.leased)),
                *(f"policy {name}" for name in sorted(policies - owned))]


def expire(engine: Engine) -> None:
    """Makes every entry old that no lease stands behind, and starts the plugin anew: the next tick looks at all."""
    storage, old, now = Storage(engine), int(time.time()) - _AGED, Ownership.of(engine)
    for key, entry in now.logged.items():
        storage.put(f"wal/{key}", {**entry, "created_at": old})
    for name, record in now.records.items():
        if name not in now.leased:
            storage.put(f"{_RECORDS}/{name}", {**record, "deadline": old, "latest": old})
    engine.api.write("sys/plugins/reload/backend", mounts=[f"{engine.path}/"]).ok()


def settle(engine: Engine, timeout: float = 200) -> Ownership:
    """Lets the plugin clean up what no lease owns, by the server's ticks, one a minute; how it is then."""
    expire(engine)

    def settled() -> Ownership | None:
        now = Ownership.of(engine)
        return None if now.unleased() or now.logged or set(now.records) - now.leased else now
    try:
        return until(settled, "only leases own what is in the cloud", timeout=timeout, pause=1)
    except TimeoutError:
        return Ownership.of(engine)


def _leases(engine: Engine) -> Iterator[tuple[str, Json]]:
    """All leases that the server lists, with what the engine keeps in each."""
    prefix = f"{engine.path}/creds"
    found = engine.api.list(f"sys/leases/lookup/{prefix}")
    for role in found.data["keys"] if found.status == 200 else []:
        for key in engine.leases(role.rstrip("/")):
            lease_id = f"{prefix}/{role}{key}"
            stored = engine.api.read(f"sys/raw/sys/expire/id/{lease_id}")
            if stored.status == 404:
                continue  # it has ended while we looked
            yield lease_id, json.loads(stored.ok().data["value"])["secret"]["internal_data"]


def _texts(value: Any) -> Iterator[str]:
    """Every text in an entry, whatever its shape."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
