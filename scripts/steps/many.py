"""The cost of many: mounts of one process, lease records of one mount, roles, clients."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness.api import Json
from harness.cloud import Cloud
from harness.engine import Engine
from harness.method import AuthMethod
from harness.places import openbao
from harness.processes import cpu_seconds, resident_kib
from harness.server import Server
from harness.signing import v1
from harness.storage import Storage
from harness.waiting import until

from .row import Row

_MOUNTS, _BEFORE = 200, 20
_RECORDS = 50_000
_ROLES = 1_000
_REQUESTS = 2_000
_LOGINS = 16

#: A day. No record of the measurement is due.
_TTL = 86_400


class _InMemory(Server):
    """A server that keeps everything in memory: what is measured is the plugin."""

    def configuration(self) -> Json:
        return {**super().configuration(), "storage": {"inmem": {}}}


def rows(binary: Path) -> list[Row]:
    """Each against its limit."""
    found = []
    for measure in (_mounts, _records, _roles_and_clients):
        for row in measure(binary):
            print(f"# {row}", flush=True)
            found.append(row)
    return found


@contextmanager
def _server(binary: Path) -> Iterator[tuple[Server, Cloud]]:
    with tempfile.TemporaryDirectory(prefix="alicloud-bench-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        server = _InMemory(openbao(), Path(folder) / "server", binary, cloud.environment, log_level="warn")
        try:
            server.start()
            server.register()
            server.register(kind="auth")
            yield server, cloud
        finally:
            server.stop()
            cloud.close()


def _mounts(binary: Path) -> list[Row]:
    with _server(binary) as (server, cloud):
        engines = [Engine(server, cloud, f"m{number}") for number in range(_BEFORE)]
        engines[0].configure().ok()
        [process] = server.plugin_processes()
        before = resident_kib(process)
        for number in range(_BEFORE, _MOUNTS):
            Engine(server, cloud, f"m{number}")
        each = (resident_kib(process) - before) / (_MOUNTS - _BEFORE)
        return [Row(f"{_MOUNTS} mounts: memory of each", each, 40, "KiB",
                    f"{resident_kib(process) / 1024:.1f} MiB in all")]


def _records(binary: Path) -> list[Row]:
    with _server(binary) as (server, cloud):
        engine = Engine(server, cloud, "records")
        engine.configure().ok()
        engine.creds(engine.remote_role()).ok()
        storage = Storage(engine)
        [user] = storage.list("issued")
        record = storage.get(f"issued/{user}")
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda n: storage.put(f"issued/{user[:-10]}{n:010}", record), range(_RECORDS)):
                pass
        print(f"# {_RECORDS} records written in {time.monotonic() - started:.0f} s", flush=True)
        # A process that begins anew looks at all of them, at its first ticks.
        engine.reload()
        engine.wait_until_back()
        [process] = server.plugin_processes()
        memory, spent = resident_kib(process), cpu_seconds(process)
        until(lambda: _listed(engine) >= _RECORDS, "the tick has listed the records", 150)
        until(lambda: _at_rest(process), "the tick is over", 300)
        used, grown = cpu_seconds(process) - spent, (resident_kib(process) - memory) / 1024
        return [Row(f"{_RECORDS} lease records: CPU time of a tick", used, 1, "s", ""),
                Row("growth of memory by it", grown, 4, "MiB", f"{resident_kib(process) / 1024:.1f} MiB at the end")]


def _listed(engine: Engine) -> float:
    """How many lease records the tick found."""
    families = engine.api.call("GET", f"{engine.path}/metrics?format=json").ok().data
    samples = families["vault_plugin_alicloud_lease_records"]["samples"] if families else []
    return samples[0]["value"] if samples else 0


def _at_rest(process: int) -> bool:
    before = cpu_seconds(process)
    time.sleep(2)
    return cpu_seconds(process) - before < 0.02


def _roles_and_clients(binary: Path) -> list[Row]:
    with _server(binary) as (server, cloud):
        engine, method = Engine(server, cloud, "many"), AuthMethod(server, cloud, "many")
        engine.configure().ok()
        role, key = method.bound("vault-target"), method.session()
        for number in range(_ROLES):
            engine.sts_role(f"r{number}")
        # The one of the auth method began later.
        process, _ = server.plugin_processes()
        found = [Row(f"list of {_ROLES} roles: CPU time", _each(process, lambda _: engine.api.list("many/role"), 100, 1),
                     math.inf, "ms", "")]

        def read(number: int) -> object:
            return engine.api.read(f"many/role/r{number % _ROLES}").ok()

        found += [Row(f"role read, {clients} clients: CPU time", _each(process, read, _REQUESTS, clients), math.inf,
                      "ms", "") for clients in (1, 16, 64)]
        quiet = _p99(read)
        with ThreadPoolExecutor(_LOGINS) as pool:
            over = False

            def log_in() -> None:
                while not over:
                    method.send(v1(key).payload(role)).ok()

            busy = [pool.submit(log_in) for _ in range(_LOGINS)]
            loud = _p99(read)
            over = True
            for logins in busy:
                logins.result()
        return [*found,
                Row("role reads of one client, p99", quiet, math.inf, "ms", ""),
                Row(f"the same while {_LOGINS} clients log in", loud, math.inf, "ms",
                    "the server and the fake cloud share the processors with it")]


def _p99(call: Callable[[int], object]) -> float:
    taken = []
    for number in range(_REQUESTS):
        started = time.monotonic()
        call(number)
        taken.append((time.monotonic() - started) * 1000)
    return statistics.quantiles(taken, n=100)[98]


def _each(process: int, call: Callable[[int], object], count: int, clients: int) -> float:
    """CPU time of the plugin for one request, in ms."""
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(call, range(50)))
        before = cpu_seconds(process)
        list(pool.map(call, range(count)))
        return (cpu_seconds(process) - before) / count * 1000
