"""What others notice of a flood: requests of good clients, timed while a crowd that means ill does its worst.

Each scene starts a crowd, waits until it is under way, and measures until its time is over. What is printed is a table
of Markdown.
"""

from __future__ import annotations

import http.client
import itertools
import json
import math
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from .api import Answer, Api
from .crowd import Plan
from .engine import Engine
from .method import AuthMethod
from .places import clean_environment
from .processes import peak_kib
from .server import Server
from .signing import Key, v1

#: The STS host that an attacker picks, since a firewall swallows what goes there, and the one that good clients use.
HANGING, GOOD = "sts.us-west-1.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"

#: What clients of a crowd wait after an answer, in seconds: without it a crowd that is turned away at once would measure
#: how fast the server and this machine refuse.
PAUSE = 1.0

#: How long good clients wait between two requests, in seconds.
_BETWEEN = 0.05

#: After so many seconds a good client gives up.
_PATIENCE = 30

#: What a body of the memory scene has.
BODY_BYTES = 4 * 1024 * 1024


@dataclass
class Measured:
    """One kind of request: what each took, in seconds, and what became of those that failed."""

    kind: str
    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def percentile(self, percent: float) -> float:
        """So many per cent of the requests took that long or less, failed ones too."""
        ordered = sorted(self.took)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else math.inf

    def row(self) -> str:
        """A row of the table."""
        times = (self.percentile(50), self.percentile(99), max(self.took, default=math.inf))
        shown = " | ".join(f"{seconds * 1000:.0f} ms" if seconds < math.inf else "–" for seconds in times)
        return f"| {self.kind} | {len(self.took)} | {shown} | {len(self.failed)} |"


@dataclass
class Scene:
    """What became of one scene."""

    title: str
    measured: list[Measured] = field(default_factory=list)
    #: What the crowd was answered, by status.
    answered: Mapping[str, int] = field(default_factory=dict)
    #: What the plugin's memory grew by, in KiB; none where it was not looked at.
    grown_kib: int | None = None

    def __str__(self) -> str:
        answers = ", ".join(f"{count} × {status}" for status, count in sorted(self.answered.items())) or "none"
        lines = [f"**{self.title}**", ""]
        if self.measured:
            lines += ["| request | sent | p50 | p99 | max | failed |", "|---|---|---|---|---|---|",
                      *(kind.row() for kind in self.measured), ""]
        if self.grown_kib is not None:
            lines.append(f"The plugin's memory grew by {self.grown_kib / 1024:.1f} MiB.")
        lines.append(f"Answers to the flood: {answers}.")
        texts = Counter(text for kind in self.measured for text in kind.failed)
        lines += [f"- {count} × {text}" for text, count in texts.most_common(6)]
        return "\n".join(lines)

    def offenders(self, p99: float, grown_mib: float = 16) -> list[str]:
        """What is not as it must be: a request that failed, a kind that is slow, memory that grew."""
        found = [f"{len(kind.failed)} of {len(kind.took)} {kind.kind} failed: {kind.failed[0]}"
                 for kind in self.measured if kind.failed]
        found += [f"{kind.kind}: p99 is {kind.percentile(99):.2f} s" for kind in self.measured
                  if kind.percentile(99) >= p99]
        if self.grown_kib is not None and self.grown_kib > grown_mib * 1024:
            found.append(f"the memory grew by {self.grown_kib / 1024:.1f} MiB")
        return found


def forged_login(host: str, role: str = "dev") -> str:
    """A login with a key and a signature that somebody made up."""
    key = Key(f"STS.N{uuid.uuid4().hex[:24]}", uuid.uuid4().hex, f"CAIS{uuid.uuid4().hex}")
    return json.dumps(v1(key, host).payload(role))


def login_flood(method: AuthMethod, connections: int, seconds: float) -> Scene:
    """Forged logins that name a listed STS host which hangs; meanwhile tokens are renewed, an operator works, and others
    log in by a host that answers."""
    control = method.cloud.control
    role, key = method.bound(), method.session()
    tokens = itertools.cycle([_token(method, role, key) for _ in range(5)])
    control.fault("hang", "GetCallerIdentity", host=HANGING, before_auth=True, count=None)
    ttls = itertools.count(3600)
    calls: dict[str, Callable[[Api], Answer]] = {
        "renew a token": lambda api: api.as_token(next(tokens)).call("PUT", "auth/token/renew-self", {},
                                                                     timeout=_PATIENCE),
        "read a role": lambda api: api.call("GET", f"{method.path}/role/{role}", timeout=_PATIENCE),
        "write a role": lambda api: api.call("PUT", f"{method.path}/role/{role}", {"token_ttl": next(ttls)},
                                             timeout=_PATIENCE),
        "log in by another STS host": lambda api: api.as_token("").call(
            "POST", f"{method.path}/login", v1(key, GOOD).payload(role), timeout=_PATIENCE)}
    start = control.summary()["last_call"]
    with forgers(method, role, connections) as answered:
        assert control.wait(30, action="GetCallerIdentity", count=1, since=start), "no forged login came to the cloud"
        measured = _measure(method.api, calls, seconds)
    control.clear_faults()
    return Scene(f"{connections} connections of forged logins to an STS host that hangs", measured, answered)


def creds_flood(engine: Engine, hanging: str, connections: int, seconds: float) -> Scene:
    """Requests for credentials whose call of this name hangs; meanwhile leases of another role are renewed and revoked,
    an operator works, and others ask for credentials that need no such call."""
    control = engine.cloud.control
    if hanging == "AssumeRole":
        role, another = engine.sts_role("victim"), engine.remote_role("another")
    else:
        role, another = engine.remote_role("victim"), engine.sts_role("another")
    other = engine.remote_role("other", ttl="1h", max_ttl="24h")
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda _: engine.creds(other).ok().lease_id, range(5 + int(seconds * 3))))
    renewed, revoked = itertools.cycle(issued[:5]), iter(issued[5:])
    control.fault("hang", hanging, count=None)
    config = {"access_key": engine.cloud.access_key, "secret_key": engine.cloud.secret_key}

    def revoke(api: Api) -> Answer | None:
        lease_id = next(revoked, None)
        return None if lease_id is None else api.call("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": True},
                                                      timeout=_PATIENCE)

    calls: dict[str, Callable[[Api], Answer | None]] = {
        "renew a lease": lambda api: api.call("PUT", "sys/leases/renew", {"lease_id": next(renewed)}, timeout=_PATIENCE),
        "read a role": lambda api: api.call("GET", f"{engine.path}/role/{other}", timeout=_PATIENCE),
        "write the config": lambda api: api.call("PUT", f"{engine.path}/config", config, timeout=_PATIENCE),
        "get other credentials": lambda api: api.call("GET", f"{engine.path}/creds/{another}", timeout=_PATIENCE),
        "revoke a lease": revoke}
    start = control.summary()["last_call"]
    with askers(engine, role, connections) as answered:
        assert control.wait(30, action=hanging, count=1, since=start), f"no {hanging} came to the cloud"
        measured = _measure(engine.api, calls, seconds)
    control.clear_faults()
    return Scene(f"{connections} requests for credentials that hang in {hanging}", measured, answered)


@contextmanager
def forgers(method: AuthMethod, role: str, connections: int, server: Server | None = None) -> Iterator[dict[str, int]]:
    """Clients that send one forged login after the other, to the host that hangs."""
    bodies = [forged_login(HANGING, role) for _ in range(connections)]
    plan = Plan(_address(server or method.server), connections, "POST", f"{method.path}/login", "", bodies, PAUSE)
    with _crowd(plan) as answered:
        yield answered


@contextmanager
def askers(engine: Engine, role: str, connections: int, server: Server | None = None) -> Iterator[dict[str, int]]:
    """Clients of a tenant that ask for this role's credentials without end."""
    plan = Plan(_address(server or engine.server), connections, "GET", f"{engine.path}/creds/{role}",
                _tenant(engine, role), [""], PAUSE)
    with _crowd(plan) as answered:
        yield answered


def body_flood(server: Server, process: int, path: str, body: str, count: int) -> Scene:
    """So many large bodies at the same time, each from a client of its own."""
    before = peak_kib(process)
    plan = Plan(_address(server), count, "POST", path, server.api.token, [body], 0, rounds=1)
    with _crowd(plan) as answered:
        pass
    return Scene(f"{count} bodies of {len(body) / (1 << 20):.0f} MiB to `{path}`", [], answered,
                 peak_kib(process) - before)


def large_login() -> str:
    """A login of four MiB."""
    return json.dumps({"role": "dev", "identity_request_url": "A" * BODY_BYTES})


def large_role() -> str:
    """A role of four MiB."""
    return json.dumps({"inline_policies": "A" * BODY_BYTES})


def _token(method: AuthMethod, role: str, key: Key) -> str:
    token: str = method.login(role, v1(key, GOOD)).ok().body["auth"]["client_token"]
    return token


def _tenant(engine: Engine, role: str) -> str:
    """A token that may ask for this role's credentials and nothing else."""
    name = f"{engine.path}-tenant"
    policy = f'path "{engine.path}/creds/{role}" {{ capabilities = ["read"] }}'
    engine.api.write(f"sys/policies/acl/{name}", policy=policy).ok()
    made = engine.api.call("PUT", "auth/token/create", {"policies": [name]}).ok()
    token: str = made.body["auth"]["client_token"]
    return token


def _address(server: Server) -> str:
    return urlsplit(server.address).netloc


@contextmanager
def _crowd(plan: Plan) -> Iterator[dict[str, int]]:
    """A crowd that is under way in the body. What it was answered is there afterwards."""
    answered: dict[str, int] = {}
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("crowd.py"))], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=clean_environment())
    stdin, stdout = _pipe(process.stdin), _pipe(process.stdout)
    try:
        print(json.dumps(asdict(plan)), file=stdin, flush=True)
        assert stdout.readline(), "the crowd did not start"
        yield answered
        stdin.close()
        answered.update(json.loads(stdout.readline()))
    finally:
        process.kill()
        process.wait()
        stdin.close()
        stdout.close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _measure(api: Api, calls: Mapping[str, Callable[[Api], Answer | None]], seconds: float) -> list[Measured]:
    """Makes each kind of call over and over for so long, each by a client of its own. None is nothing to do any more."""
    end = time.monotonic() + seconds
    measured = [Measured(kind) for kind in calls]
    threads = [threading.Thread(target=_repeat, args=(api, calls[kind.kind], kind, end)) for kind in measured]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return measured


def _repeat(api: Api, call: Callable[[Api], Answer | None], measured: Measured, end: float) -> None:
    while (began := time.monotonic()) < end:
        try:
            answer = call(api)
            if answer is None:
                return
            failure = "" if answer.status < 300 else f"{answer.status} {' '.join(answer.error.split())}"
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error}"
        measured.took.append(time.monotonic() - began)
        if failure:
            measured.failed.append(f"{measured.kind}: {failure[:160]}")
        time.sleep(_BETWEEN)
