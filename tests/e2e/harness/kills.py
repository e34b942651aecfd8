"""Requests that are stopped at one of their calls to the cloud, and what became of each in the end.

Which calls there are is seen, not known: an undisturbed request of each kind of role shows them. A row is one request
that is stopped at one call, either before the cloud carries it out, or after, with the answer withheld. Each row has
a role of its own, whose name is in the names of all that is made for it.
"""

from __future__ import annotations

import http.client
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from fakecloud import Control

from .api import Json, Pending
from .engine import Engine
from .places import PLUGIN
from .server import Server
from .storage import Storage
from .waiting import until

#: Every kind of role, and how one is written.
KINDS: dict[str, Callable[..., str]] = {"inline": Engine.inline_role, "remote": Engine.remote_role,
                                        "both": partial(Engine.full_role, allowed_ips="127.0.0.1"),
                                        "sts": Engine.sts_role, "member": Engine.member_role,
                                        "api key": Engine.api_key_role}

_ONE = {"users": "user", "policies": "policy", "keys": "key", "attachments": "attachment", "memberships": "membership",
        "service_credentials": "API key"}

#: Requests that are stopped at the same time: fewer than the calls that the plugin has on the wire at once, and few
#: enough for the last to be stopped long before the first is given up.
_AT_ONCE = 24

#: The server ticks once a minute.
_TICK = 100


@dataclass
class Row:
    """One request that is stopped at one call."""

    #: What happens while it is stopped.
    event: str
    #: issue or revoke.
    operation: str
    kind: str
    action: str
    nth: int
    #: before or after.
    moment: str
    role: str
    lease_id: str = ""
    answer: str = ""
    held: str = ""
    repeated: str = ""
    result: str = ""
    good: bool = True

    @property
    def mark(self) -> str:
        """A pattern for the names of what is made for it."""
        return f"vault-*-{self.role}-*"

    def judge(self, good: bool, result: str) -> None:
        """Notes a result. What was wrong once stays wrong."""
        if self.good:
            self.good, self.result = good, result


class Table:
    """Rows on one mount of a server, and leases beside them that must not be touched."""

    def __init__(self, engine: Engine, kinds: dict[str, Callable[..., str]] = KINDS) -> None:
        self.engine = engine
        self.kinds = kinds
        self.control: Control = engine.cloud.control
        self.storage = Storage(engine)
        self.rows: list[Row] = []
        self._numbers = itertools.count(1)
        self._calls: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for kind in kinds:
            self._discover(kind)
        self._bystanders = {engine.creds(kinds[kind](engine, _role("stays", kind))).ok().lease_id: _role("stays", kind)
                            for kind in kinds}
        self._untouched = self._holdings(self._bystanders.values())

    def _discover(self, kind: str) -> None:
        """The calls of an issue and of a revocation that nothing disturbs."""
        role = self.kinds[kind](self.engine, _role("seen", kind))
        start = self.control.summary()["last_call"]
        lease_id = self.engine.creds(role).ok().lease_id
        middle = self.control.summary()["last_call"]
        self.engine.revoke(lease_id).ok()
        # Whose account a key belongs to is asked once for each process, so not at each request.
        changes = [call for call in self.control.calls(start) if call["action"] != "GetCallerIdentity"]
        self._calls["issue", kind] = _numbered(call["action"] for call in changes if call["id"] <= middle)
        self._calls["revoke", kind] = _numbered(call["action"] for call in changes if call["id"] > middle)
        assert self._calls["issue", kind], f"issuing for a role of kind {kind} made no call"

    # === rows ===

    def batches(self, event: str) -> Iterator[list[Row]]:
        """A row for each call before and after, some at a time, each batch made ready when its turn comes."""
        rows = [Row(event, operation, kind, action, nth, moment, f"row{next(self._numbers):03}")
                for kind in self.kinds for operation in ("issue", "revoke")
                for action, nth in self._calls[operation, kind] for moment in ("before", "after")]
        # Of equal size, not some full and a rest.
        count = -(-len(rows) // _AT_ONCE)
        return (self._prepared(rows[start::count]) for start in range(count))

    def last_calls(self, event: str, kind: str) -> list[Row]:
        """Rows that are all stopped at the answer to the last call of issuing."""
        action, nth = self._calls["issue", kind][-1]
        # Their attachments begin ten in a second, and a call that is held for ten seconds is given up.
        return self._prepared([Row(event, "issue", kind, action, nth, "after", f"row{next(self._numbers):03}")
                               for _ in range(18)])

    def _prepared(self, batch: list[Row]) -> list[Row]:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._prepare, batch))
        self.rows += batch
        return batch

    def _prepare(self, row: Row) -> None:
        self.kinds[row.kind](self.engine, row.role)
        if row.operation == "revoke":
            row.lease_id = self.engine.creds(row.role).ok().lease_id

    def _send(self, row: Row) -> Pending:
        if row.operation == "issue":
            return self.engine.api.send("GET", f"{self.engine.path}/creds/{row.role}")
        return self.engine.api.send("PUT", "sys/leases/revoke", {"lease_id": row.lease_id, "sync": True})

    def _fault(self, row: Row) -> int:
        return self.control.fault("hold", row.action, about=row.mark, nth=row.nth, execute=row.moment == "after")

    @contextmanager
    def held(self, batch: list[Row]) -> Iterator[list[Pending]]:
        """Has every request of the batch stopped at its call. What happens to them is the caller's to do; it ends with
        no call under way any more."""
        since = self.control.summary()["last_call"]
        faults = {self._fault(row): row for row in batch}
        requests = [self._send(row) for row in batch]
        met = self.control.wait(30, since=since, held=len(batch), in_flight=len(batch))
        assert met, ("never stopped", [faults[fault["id"]] for fault in self.control.faults() if not fault["firings"]])
        for row in batch:
            row.held = _counted(self._holdings([row.role]))
        yield requests
        assert self.control.wait(30, since=since, in_flight=0), "calls are still under way"
        self.release()

    def release(self) -> None:
        """Lets everything go on that is stopped."""
        self.control.clear_faults()

    # === the end ===

    def revoke_again(self) -> None:
        """Revokes what could not be revoked. That must take everything, without help of the tick."""
        again = [row for row in self.rows if row.operation == "revoke"]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._revoke_again, again))
        self._judge(again)

    def _revoke_again(self, row: Row) -> None:
        if not self.engine.leases(row.role):
            row.repeated = "no lease"
            return
        answer = self.engine.revoke(row.lease_id)
        row.repeated = str(answer.status)
        if answer.status >= 300:
            row.judge(False, f"cannot be revoked: …{answer.error[-120:]!r}")

    def undone(self) -> bool:
        """Waits for the plugin to undo by itself what it was stopped at; False when something stays."""
        issued = [row for row in self.rows if row.operation == "issue"]
        try:
            until(lambda: not any(self._holdings(row.role for row in issued).values()), "everything is undone")
        except TimeoutError:
            return False
        self._judge(issued)
        return True

    def roll_back(self) -> int:
        """Ages what the plugin has on record and no lease owns, and waits for the tick. How many entries there were."""
        lost = self._lost()
        for user in lost:
            self.storage.age_record(user)
        entries = self.storage.age_log() + len(lost)
        # Its first tick looks at all records.
        self.engine.reload()
        try:
            until(lambda: not self.storage.list("wal") and not self._lost(), "the tick has rolled back", _TICK, 0.5)
        finally:
            self._judge(row for row in self.rows if row.operation == "issue")
        return entries

    def _lost(self) -> list[str]:
        """The users on record that belong to no lease."""
        roles = [*self._bystanders.values(), *(row.role for row in self.rows)]
        return [user for user in self.storage.list("issued")
                if not any(self.engine.leases(role) for role in roles if f"-{role}-" in user)]

    def _judge(self, rows: Iterable[Row]) -> None:
        for row in rows:
            holdings, leases = self._holdings([row.role]), self.engine.leases(row.role)
            nothing = not any(holdings.values())
            text = "nothing left" if nothing and not leases else f"{_counted(holdings)}; leases: {len(leases)}"
            if row.kind == "sts":
                # Credentials of STS cannot be taken back: there is never anything but a lease.
                row.judge(nothing, text + ("; a session ends by itself" if row.moment == "after" else ""))
            else:
                row.judge(nothing if not leases else len(leases) == len(holdings["users"]), text)
            if row.answer == "200" and not leases:
                row.judge(False, f"was answered, but has no lease; {text}")

    def assert_good(self) -> None:
        """Every row ended well, and the leases beside them are as they were, and end."""
        assert self.rows and all(row.result for row in self.rows), "rows were not looked at"
        bad = [row for row in self.rows if not row.good]
        assert not bad, f"{len(bad)} of {len(self.rows)} rows are wrong, the first of them {bad[0]}"
        assert self._holdings(self._bystanders.values()) == self._untouched, "a live lease has lost something"
        self.engine.revoke_all().ok()
        left = self.control.leftovers()
        assert left["clean"], left

    def _holdings(self, roles: Iterable[str]) -> dict[str, list[Json]]:
        """What the cloud has that was made for these roles."""
        state, parts = self.control.state(), [f"-{role}-" for role in roles]

        def ours(kind: str, *names: str) -> list[Json]:
            return [thing for thing in state[kind]
                    if any(part in (thing.get(name) or "") for part in parts for name in names)]
        found = {"users": ours("users", "user_name"), "policies": ours("policies", "policy_name", "user_name"),
                 "keys": ours("keys", "user_name"), "attachments": ours("attachments", "name", "policy_name", "user_name"),
                 # IAM has none here.
                 **{kind: ours(kind, "user_name") for kind in ("memberships", "service_credentials") if kind in state}}
        for key in found["keys"]:
            key.pop("last_used", None)
        return found

    def __str__(self) -> str:
        heads = ("event", "request", "role", "call", "stopped", "held then", "answer", "again", "in the end")
        lines = [heads, *((row.event, row.operation, row.kind, f"{row.action} {row.nth}", row.moment, row.held,
                           row.answer, row.repeated, ("" if row.good else "WRONG: ") + row.result)
                          for row in sorted(self.rows, key=lambda row: row.role))]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        good = sum(row.good and bool(row.result) for row in self.rows)
        return "\n".join([*("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines),
                          f"{len(self.rows)} requests were stopped, {good} of them ended well"])


def read_answer(row: Row, request: Pending) -> None:
    """Waits for the answer, or for the connection to break."""
    try:
        row.answer = str(request.answer().status)
    except (OSError, http.client.HTTPException):
        row.answer = "none"


def read_failures(batch: list[Row], requests: list[Pending], *also: str) -> None:
    """As `read_answer`, for requests that have failed, or were answered with one of `also`."""
    for row, request in zip(batch, requests, strict=True):
        read_answer(row, request)
        # The server answers 400 to every revocation that fails, 500 to the rest.
        if row.answer not in ("none", "400", "500", *also):
            row.judge(False, f"was answered with {row.answer}")


def _role(begin: str, kind: str) -> str:
    return f"{begin}-{kind.replace(' ', '-')}"


def _numbered(actions: Iterable[str]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    numbered = []
    for action in actions:
        seen[action] += 1
        numbered.append((action, seen[action]))
    return numbered


def _counted(holdings: dict[str, list[Json]]) -> str:
    """`1 user, 2 policies, 1 key`."""
    return ", ".join(f"{len(things)} {_ONE[kind] if len(things) == 1 else kind}"
                     for kind, things in holdings.items() if things) or "nothing"


def kill_plugin_at_every_call(table: Table, server: Server, file: str = PLUGIN) -> None:
    """Kills the plugin while requests are stopped at their calls, until each call was one of them."""
    for batch in table.batches("plugin killed"):
        with table.held(batch) as requests:
            server.kill_plugin(file)
        # A server that sees the end of the plugin before that of the connection makes the request again by itself.
        read_failures(batch, requests, "200", "204")
        table.engine.wait_until_back()


def kill_server_at_every_call(table: Table, server: Server, file: str = PLUGIN) -> None:
    """The same with the server: alone, and together with the plugin."""
    for event in ("server killed", "both killed"):
        for batch in table.batches(event):
            with table.held(batch) as requests:
                plugins = server.plugin_processes(file)
                if event == "both killed":
                    server.kill(*plugins)
                else:
                    server.kill()
                    # The cloud answers when the server is gone; the plugin does what it can until it ends too.
                    table.release()
                    until(lambda gone=plugins: not any(os.path.exists(f"/proc/{pid}/exe") for pid in gone),
                          "the plugin has ended")
            server.start()
            read_failures(batch, requests)
            table.engine.wait_until_back()


def leave_at_every_call(table: Table, server: Server) -> None:
    """The callers go away while their requests are stopped, and the cloud answers later."""
    for batch in table.batches("caller gone"):
        with table.held(batch) as requests:
            for request in requests:
                request.leave()
            # Revocations it finishes, whoever has asked for them.
            until(lambda: not _is_asked_for_credentials(server), "the server has given up the requests")
            table.release()


def _is_asked_for_credentials(server: Server) -> bool:
    requests = server.api.read("sys/in-flight-req").ok().body.values()
    return any("/creds/" in request["request_path"] for request in requests)
