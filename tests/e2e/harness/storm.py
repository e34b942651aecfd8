"""Many leases at once against a cloud that throttles or fails: what became of them, and how long it took."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .api import Answer
from .aws import AwsEngine
from .engine import Engine, allow
from .waiting import until

#: What RAM allows for attaching, and more than it allows for the rest.
RATES = {"AttachPolicyToUser": 10, "DetachPolicyFromUser": 10, "*": 40}

#: What calls get during an outage, each for so many seconds: at first answers are lost, then nothing is carried out.
_OUTAGE = [({"kind": "cut_after"}, 2.0),
           ({"kind": "cut_before"}, 6.0),
           ({"kind": "error", "status": 503, "code": "ServiceUnavailable"}, 6.0),
           ({"kind": "http", "status": 502, "body": "<html>Bad Gateway</html>"}, 6.0)]

_THREADS = 40


@dataclass
class Outcome:
    """What became of a storm."""

    revoked: int
    seconds: float
    issued: list[Answer] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    #: Calls by code, "" for those that were carried out.
    codes: Counter[str] = field(default_factory=Counter)
    #: Leases that the server has given up.
    irrevocable: int = 0
    #: Revocations that failed and were repeated by the server.
    repeated: int = 0

    @property
    def failed(self) -> list[Answer]:
        """The issues that did not succeed."""
        return [answer for answer in self.issued if answer.status != 200]

    def __str__(self) -> str:
        latencies = sorted(self.latencies) or [0.0]
        codes = ", ".join(f"{count} {code or 'carried out'}" for code, count in self.codes.most_common())
        return (f"{self.revoked} leases revoked in {self.seconds:.1f} s, {self.irrevocable} given up, "
                f"{self.repeated} revocations repeated by the server\n"
                f"{len(self.issued)} issues meanwhile, {len(self.failed)} failed; latency median "
                f"{statistics.median(latencies):.2f} s, longest {latencies[-1]:.2f} s\n"
                f"calls: {codes}")


#: What IAM is made to bear: less than the rate that the plugin begins with.
IAM_RATES = {"*": 8}


def lease_role(engine: Engine, name: str, policies: int) -> str:
    """A role whose users get so many policies, one of which is made for each."""
    if isinstance(engine, AwsEngine):
        return engine.role(name)
    remote = [f"name:AliyunService{number}ReadOnlyAccess,type:System" for number in range(1, policies)]
    return engine.inline_role(name, [allow("rds:Describe*")], remote_policies=remote)


def revoke_storm(engine: Engine, leases: int, policies: int = 2, timeout: float = 900) -> Outcome:
    """Revokes so many leases at once while RAM throttles, and asks for new ones all the time."""
    control = engine.cloud.control
    old, new = lease_role(engine, "old", policies), lease_role(engine, "new", policies)
    control.rates(**(IAM_RATES if isinstance(engine, AwsEngine) else RATES))
    # Not more at once than RAM can attach policies for in half a minute.
    for answer in _issue(engine, old, leases, min(_THREADS, 250 // policies))[0]:
        answer.ok()
    with _Watch(engine) as watch:
        engine.api.call("PUT", f"sys/leases/revoke-prefix/{engine.path}/creds/{old}", {"sync": False}).ok()
        while _left(engine, old):
            begun = time.monotonic()
            watch.outcome.issued.append(engine.creds(new))
            watch.outcome.latencies.append(time.monotonic() - begun)
            if begun - watch.begun > timeout:
                raise TimeoutError(f"{len(engine.leases(old))} leases are left; so far: {watch.outcome}")
    watch.outcome.revoked = leases
    control.rates()
    return watch.outcome


def outage(engine: Engine, leases: int, timeout: float = 900) -> Outcome:
    """So many issues and as many revocations, and in their middle 20 seconds in which every call fails."""
    old, new = lease_role(engine, "old", 1), lease_role(engine, "new", 1)
    for answer in _issue(engine, old, leases)[0]:
        answer.ok()
    with _Watch(engine) as watch:
        engine.api.call("PUT", f"sys/leases/revoke-prefix/{engine.path}/creds/{old}", {"sync": False}).ok()
        breaking = threading.Thread(target=_break, args=(engine,))
        breaking.start()
        watch.outcome.issued, watch.outcome.latencies = _issue(engine, new, leases)
        breaking.join()
        until(lambda: not _left(engine, old), "the leases are revoked", timeout, 0.5)
    watch.outcome.revoked = leases
    return watch.outcome


def revoke_the_rest(engine: Engine, timeout: float = 900) -> None:
    """Revokes what is left, many at a time: an unmount does it one after the other."""
    engine.api.call("PUT", f"sys/leases/revoke-prefix/{engine.path}/creds", {"sync": False}).ok()
    until(lambda: not any(_left(engine, role) for role in ("old", "new")), "all leases are revoked", timeout, 0.5)


def _left(engine: Engine, role: str) -> bool:
    """Whether leases are left that the server has not given up."""
    return len(engine.leases(role)) > irrevocable(engine)


def irrevocable(engine: Engine) -> int:
    """The leases of the mount that the server has given up."""
    found = engine.api.call("GET", "sys/leases/count?type=irrevocable&include_child_namespaces=false").ok().data
    counts: dict[str, int] = found.get("counts") or {}
    accessor = engine.api.read("sys/mounts").data[f"{engine.path}/"]["accessor"]
    return counts.get(accessor, 0)


def _issue(engine: Engine, role: str, count: int, threads: int = _THREADS) -> tuple[list[Answer], list[float]]:
    latencies = []

    def issue(_: int) -> Answer:
        begun = time.monotonic()
        answer = engine.creds(role)
        latencies.append(time.monotonic() - begun)
        return answer

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(issue, range(count))), latencies


def _break(engine: Engine) -> None:
    """The outage, once the work is under way."""
    control = engine.cloud.control
    control.wait(30, action="DeleteUser", count=3)
    before: list[int] = []
    for fault, seconds in _OUTAGE:
        begun = control.fault(action="*", count=None, **fault)
        for fault_id in before:
            control.clear_faults(fault_id)
        before = [begun]
        time.sleep(seconds)
    control.clear_faults()


class _Watch:
    """Counts what happens meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self.outcome = Outcome(0, 0)
        self._engine = engine

    def __enter__(self) -> _Watch:
        self._engine.cloud.control.clear_calls()
        self._log = self._engine.server.log.stat().st_size
        self.begun = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.outcome.seconds = time.monotonic() - self.begun
        self.outcome.irrevocable = irrevocable(self._engine)
        calls = self._engine.cloud.control.calls()
        self.outcome.codes = Counter(call["code"] or ("" if call["executed"] else "no answer") for call in calls)
        with self._engine.server.log.open("rb") as log:
            log.seek(self._log)
            self.outcome.repeated = sum(b"failed to revoke lease" in line for line in log)
