"""The load of the soak: what clients of a cluster do, and what became of each request."""

from __future__ import annotations

import http.client
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from harness.api import Answer, Api
from harness.cluster import Cluster
from harness.engine import Engine
from harness.method import AuthMethod
from harness.signing import v1, v3

#: Leases that a client holds at most.
_HELD = 20

#: Requests of a client in a second, on average.
_PACE = 2.5

#: Between these, in seconds, are the TTLs of a role that a client writes: no lease ends by itself in a soak.
_TTLS = (6 * 3600, 12 * 3600)

#: A client gives up after so many seconds. Longer than any fault goes on.
_PATIENCE = 30

#: How long after a login its token is used at any node: standbys learn of it late.
_SPREAD = 3


@dataclass
class Outcome:
    """What became of one request. Status 0 stands for no answer."""

    operation: str
    node: str
    started: float
    ended: float
    status: int
    text: str

    @property
    def good(self) -> bool:
        """Whether it succeeded."""
        return 200 <= self.status < 300


@dataclass
class Held:
    """What the clients hold, together."""

    #: Leases that were handed out and not revoked.
    leases: set[str] = field(default_factory=set)
    #: Leases whose revocation failed, or whose answer was lost.
    doubtful: set[str] = field(default_factory=set)
    #: Leases that were revoked for good.
    revoked: set[str] = field(default_factory=set)


class Client:
    """One client: it asks, renews, revokes, logs in and writes a role of its own, at whatever node."""

    def __init__(self, number: int, seed: int, cluster: Cluster, engine: Engine, method: AuthMethod,
                 stop: threading.Event) -> None:
        self._random = random.Random(f"{seed} client {number}")
        self._cluster, self._engine, self._method, self._stop = cluster, engine, method, stop
        self.outcomes: list[Outcome] = []
        #: What was not as it should be although the request succeeded.
        self.wrong: list[str] = []
        self.held = Held()
        self._tokens: list[tuple[float, str]] = []
        self._role, self._ttl = f"client-{number}", 0
        self._key = method.session(session_name=self._role)

    def run(self) -> None:
        """Goes on until told to stop."""
        while not self._stop.wait(self._random.expovariate(_PACE)):
            operation = self._random.choices(
                (self._issue, self._renew, self._revoke, self._log_in, self._use_token, self._write_role,
                 self._read_role), (30, 15, 20, 12, 8, 10, 5))[0]
            operation()

    def _call(self, operation: str, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        """One request at any node, which is put on record."""
        node = self._random.choice(self._cluster.nodes)
        api: Api = node.api if token is None else node.api.as_token(token)
        started = time.time()
        try:
            answer = api.call(method, path, body, timeout=_PATIENCE)
            text = answer.error
        except (OSError, http.client.HTTPException) as error:
            answer, text = Answer(0), f"{type(error).__name__}: {error}"
        self.outcomes.append(Outcome(operation, node.name, started, time.time(), answer.status, text))
        return answer

    def _issue(self) -> None:
        if len(self.held.leases) >= _HELD:
            return self._revoke()
        role = self._random.choice(("inline", "remote", "full", "sts", self._role))
        ttl = self._ttl
        if role == self._role and not ttl:
            return self._write_role()
        started = time.time()
        answer = self._call("issue", self._random.choice(("GET", "PUT")), f"{self._engine.path}/creds/{role}")
        if answer.status != 200:
            return None
        self.held.leases.add(answer.lease_id)
        # What is told is what is left when the lease has been stored, which takes its time in a fault.
        took, told = time.time() - started, answer.body["lease_duration"]
        if role == self._role and not ttl - took - 1 <= told <= ttl:
            self.wrong.append(f"a lease of {role} is for {told} s after {took:.1f} s, the role says {ttl}")
        return None

    def _renew(self) -> None:
        # Those of STS cannot be renewed.
        leases = [lease for lease in self.held.leases if "/sts/" not in lease]
        if leases:
            self._call("renew", "PUT", "sys/leases/renew", {"lease_id": self._random.choice(sorted(leases))})

    def _revoke(self) -> None:
        lease_id = self._random.choice(sorted(self.held.doubtful) or sorted(self.held.leases) or [""])
        if not lease_id:
            return
        answer = self._call("revoke", "PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": True})
        self.held.leases.discard(lease_id)
        if answer.status in (200, 204):
            self.held.doubtful.discard(lease_id)
            self.held.revoked.add(lease_id)
        else:
            self.held.doubtful.add(lease_id)

    def _log_in(self) -> None:
        signed = self._random.choice((v1, v3))(self._key)
        answer = self._call("login", "POST", f"{self._method.path}/login", signed.payload("dev"), token="")
        if answer.status == 200:
            self._tokens.append((time.time(), answer.body["auth"]["client_token"]))

    def _use_token(self) -> None:
        if not self._tokens or time.time() - self._tokens[0][0] < _SPREAD:
            return
        _, token = self._tokens.pop(0)
        if self._call("renew token", "PUT", "auth/token/renew-self", {}, token).status == 200:
            self._call("revoke token", "PUT", "auth/token/revoke-self", {}, token)

    def _write_role(self) -> None:
        ttl = self._random.randint(*_TTLS)
        answer = self._call("write role", "PUT", f"{self._engine.path}/role/{self._role}",
                            {"remote_policies": ["name:app-readonly,type:Custom"], "ttl": ttl, "max_ttl": _TTLS[1]})
        # Without a good answer nobody knows what the role says.
        self._ttl = ttl if answer.status in (200, 204) else 0

    def _read_role(self) -> None:
        self._call("read role", "GET", f"{self._engine.path}/role/full")


class Load:
    """Some clients, each in a thread of its own."""

    def __init__(self, clients: int, seed: int, cluster: Cluster, engine: Engine, method: AuthMethod) -> None:
        self._stop = threading.Event()
        self.clients = [Client(number, seed, cluster, engine, method, self._stop) for number in range(clients)]
        self._pool = ThreadPoolExecutor(clients)
        self._running: list[Future[None]] = []

    def start(self) -> None:
        """Lets them go."""
        self._running = [self._pool.submit(client.run) for client in self.clients]

    def check(self) -> None:
        """Raises what has ended a client early."""
        for running in self._running:
            if running.done():
                running.result()

    def stop(self) -> None:
        """Stops them, and waits for what is under way."""
        self._stop.set()
        self._pool.shutdown()
        self.check()

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of all requests, in order."""
        return sorted((outcome for client in self.clients for outcome in client.outcomes),
                      key=lambda outcome: outcome.started)

    @property
    def wrong(self) -> list[str]:
        """What was not as it should be although the request succeeded."""
        return [text for client in self.clients for text in client.wrong]

    @property
    def held(self) -> Held:
        """What all clients hold."""
        every = [client.held for client in self.clients]
        return Held(set().union(*(held.leases for held in every)), set().union(*(held.doubtful for held in every)),
                    set().union(*(held.revoked for held in every)))
