"""The soak: load and faults together, what must hold afterwards, and the figures."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from harness import causes
from harness.causes import cause_of, explained
from harness.cloud import Cloud
from harness.cluster import Cluster
from harness.engine import Engine
from harness.method import AuthMethod
from harness.ownership import Ownership, settle
from harness.places import openbao

from . import end_by_signals
from .soak_faults import Faults
from .soak_load import Load, Outcome
from .soak_memory import Life, Memory

_CLIENTS = 6

#: What each call of the cloud takes, in seconds, so that something is under way when a fault comes.
_LATENCY = 0.1

#: What hostile tenants are answered, and nothing else. A forged login is refused with 503, because its STS host does
#: not answer or there are too many, or with 403 while one with the same signature is at work: the crowd sends each more
#: than once. Credentials that cannot be made are refused with 503, because STS does not answer or there are too many.
_TURNED_AWAY = {causes.FORGED_LOGINS: {403, 503}, causes.HANGING_CREDS: {503}}

#: What nobody waits for their sake, in seconds: much more than a request takes on a busy machine.
_HELD_UP = 5

#: Growth of a warm process from its first to its last third, in MiB: a leak would show.
_GROWTH = 1.0

#: What a process may have beyond that at its busiest, in MiB. A call in flight holds a connection with its buffers, about
#: 80 KiB, and there are at most 128 of our own; requests that wait have bodies of some KiB. What is freed
#: afterwards is used again, but the C library's allocator gives little of it back to the system. So a process keeps the
#: size of its busiest moment, and the next attack finds it large enough: see docs/performance.md.
_RUN_UP = 10.0


@dataclass
class Report:
    """What is printed at the end."""

    #: What must not be.
    failures: list[str] = field(default_factory=list)

    def must(self, what: str, offenders: list[str], shown: int = 10) -> None:
        """Prints one thing that must hold, with what does not fit."""
        print(f"{what:<72} {'ok' if not offenders else f'NO: {len(offenders)}'}")
        for offender in offenders[:shown]:
            print(f"    {offender}")
        if offenders:
            self.failures.append(what)


def run(binary: Path, minutes: float, seed: int) -> int:
    """The whole soak: 0 when everything holds."""
    end_by_signals()
    with tempfile.TemporaryDirectory(prefix="alicloud-soak-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        cluster = Cluster(openbao(), Path(folder) / "cluster", binary, cloud.environment, log_level="info")
        try:
            cluster.start()
            cluster.register()
            return _soak(cluster, cloud, minutes, seed)
        finally:
            cluster.stop()
            cloud.close()


def _soak(cluster: Cluster, cloud: Cloud, minutes: float, seed: int) -> int:
    engine = Engine(cluster.nodes[0], cloud, "alicloud", api=cluster.api.patiently())
    engine.configure().ok()
    for write in (engine.inline_role, engine.remote_role, engine.full_role, engine.sts_role):
        write(ttl="6h")
    method = AuthMethod(cluster.nodes[0], cloud, "alicloud", api=cluster.api.patiently())
    method.bound(token_ttl="6h")

    cloud.control.fault("delay", "*", seconds=_LATENCY, count=None)
    load, memory = Load(_CLIENTS, seed, cluster, engine, method), Memory(cluster)
    faults = Faults(cluster, engine, method, seed)
    print(f"# {_CLIENTS} clients at three nodes for {minutes:g} minutes, seed {seed}", flush=True)
    memory.start()
    load.start()
    try:
        faults.run(time.time() + minutes * 60)
    finally:
        load.stop()
        lives = memory.stop()
    cluster.wait_until_whole()

    report = Report()
    _requests(load.outcomes, faults, report)
    _hostile(load.outcomes, faults, report)
    _memory(lives, faults, report)
    _invariants(engine, load, report)
    print("\nEverything holds." if not report.failures else f"\nNOT AS IT SHOULD BE: {'; '.join(report.failures)}")
    return 0 if not report.failures else 1


def _requests(outcomes: list[Outcome], faults: Faults, report: Report) -> None:
    print(f"\n{'request':<14} {'all':>7} {'good':>7} {'failed':>7} {'median':>9} {'slowest':>9}")
    for operation in sorted({outcome.operation for outcome in outcomes}):
        mine = [outcome for outcome in outcomes if outcome.operation == operation]
        took = [outcome.ended - outcome.started for outcome in mine if outcome.good]
        print(f"{operation:<14} {len(mine):>7} {len(took):>7} {len(mine) - len(took):>7} "
              f"{statistics.median(took or [0]) * 1000:>6.0f} ms {max(took, default=0) * 1000:>6.0f} ms")
    print(f"\n{'what happened':<22} {'times':>6} {'whole after, median and longest':>34}")
    for kind in sorted({window.fault for window in faults.windows}):
        took = [window.ended - window.started for window in faults.windows if window.fault == kind]
        print(f"{kind:<22} {len(took):>6} {statistics.median(took):>25.1f} s {max(took):>5.1f} s")

    refused: Counter[tuple[str, str]] = Counter()
    unexplained = []
    for outcome in outcomes:
        if outcome.good:
            continue
        met = {window.fault for window in faults.windows if window.meets(outcome.started, outcome.ended)}
        if explained(outcome.status, outcome.text, met):
            cause = cause_of(outcome.status, outcome.text)
            refused[outcome.operation, cause.name if cause else ""] += 1
        else:
            unexplained.append(f"{time.strftime('%H:%M:%S', time.localtime(outcome.started))} {outcome.operation} at "
                               f"{outcome.node}: {outcome.status} {outcome.text!r}, during {sorted(met) or 'no fault'}")
    print(f"\n{'failed':<14} {'because':<26} {'times':>6}")
    for (operation, name), count in sorted(refused.items()):
        print(f"{operation:<14} {name:<26} {count:>6}")
    print()
    report.must("no request failed but for what happened", unexplained, 40)


def _hostile(outcomes: list[Outcome], faults: Faults, report: Report) -> None:
    """Nobody else's failure is excused by hostile tenants, see `causes.py`; their own requests may be turned away."""
    held_up = []
    for outcome in outcomes:
        met = {window.fault for window in faults.windows if window.meets(outcome.started, outcome.ended)}
        if met and met <= causes.HOSTILE and outcome.ended - outcome.started > _HELD_UP:
            held_up.append(f"{outcome.operation} at {outcome.node}: {outcome.ended - outcome.started:.1f} s, "
                           f"during {sorted(met)}")
    report.must(f"hostile tenants held nobody up for more than {_HELD_UP:g} s", held_up)
    report.must("hostile tenants were turned away",
                [f"{kind}: {count} × {status}" for (kind, status), count in sorted(faults.hostile.items())
                 if status not in _TURNED_AWAY[kind]])
    for (kind, status), count in sorted(faults.hostile.items()):
        print(f"    {kind}: {count} × {status or 'no answer'}")


def _memory(lives: list[Life], faults: Faults, report: Report) -> None:
    windows = faults.windows
    warm = sorted((life for life in lives if life.thirds(windows)), key=lambda life: -life.growth(windows))
    report.must(f"no process grew by more than {_GROWTH:g} MiB while it lived",
                [life.shown(windows) for life in warm if life.growth(windows) > _GROWTH])
    report.must(f"no process ever had more than {_RUN_UP:g} MiB more than when it was warm",
                [life.shown(windows) for life in lives if life.run_up > _RUN_UP])
    largest = max((size for life in lives for _, size in life.samples), default=0)
    print(f"    {len(lives)} processes, the largest had {largest:.2f} MiB; medians of the first and the last third of "
          "those that grew most:")
    for life in warm[:8]:
        print(f"    {life.shown(windows)}")


def _invariants(engine: Engine, load: Load, report: Report) -> None:
    report.must("every answer that was good was also right", load.wrong)
    held = load.held
    # A client repeats a revocation that failed.
    for lease_id in sorted(held.doubtful):
        engine.revoke(lease_id).ok()
    now = Ownership.of(engine)
    print(f"    {len(now.leases)} leases of users, {now.sessions} of sessions, {len(now.users)} users in the cloud, "
          f"{len(now.logged)} WAL entries, {len(now.records)} records")
    report.must("every lease that was handed out is there",
                [lease for lease in sorted(held.leases) if lease not in now.leases and "/sts/" not in lease])
    report.must("no lease that was revoked is there", sorted((held.revoked | held.doubtful) & set(now.leases)))
    report.must("no lease is without its credential", now.broken_leases())
    report.must("no entry will take the credential of a lease", now.doomed_leases())
    report.must("no credential is without a lease, or an entry that will see to it", now.unclaimed())
    print(f"    {len(now.users - now.leased)} users without a lease now; the ticks are awaited", flush=True)
    now = settle(engine)
    report.must("the ticks have removed all that no lease owns", now.unleased())
    report.must("and the entries that named it", [*now.logged, *sorted(set(now.records) - now.leased)])
    engine.revoke_all().ok()
    report.must("when all leases are revoked the cloud is clean", Ownership.of(engine).unleased())
