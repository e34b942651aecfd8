"""The benchmark: what it measures, the limits, and the table."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.cloud import Cloud
from harness.engine import Engine
from harness.places import openbao
from harness.processes import proportional_kib, resident_kib
from harness.server import Server

from . import latency
from .handshake import cpu_milliseconds
from .row import Row, show

_RUNS = 15
_STEADY = 200
_THREADS = 8


def run(binary: Path, creds: int) -> int:
    """Measures everything and prints the table: 0 when all limits hold."""
    rows = [
        Row("stripped binary", binary.stat().st_size / 2**20, 8, "MiB", ""),
        _median("CPU time, exec to handshake", lambda: cpu_milliseconds(binary), 5, "ms"),
    ]
    with tempfile.TemporaryDirectory(prefix="alicloud-bench-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        server = Server(openbao(), Path(folder) / "server", binary, cloud.environment, log_level="warn")
        try:
            server.start()
            rows += _idle(server, cloud)
            rows += _busy(server, cloud, creds)
        finally:
            server.stop()
            cloud.close()
    return show([*rows, *latency.rows(binary)])


def _median(what: str, measure: Callable[[], float], limit: float, unit: str) -> Row:
    return _row(what, [measure() for _ in range(_RUNS)], limit, unit)


def _row(what: str, values: list[float], limit: float, unit: str) -> Row:
    values = sorted(values)
    return Row(what, statistics.median(values), limit, unit,
               f"median of {len(values)}, {values[0]:.2f} to {values[-1]:.2f}")


def _idle(server: Server, cloud: Cloud) -> list[Row]:
    """Memory after mounting both kinds, with fresh processes each time.

    The host starts one process for each kind. Both run the same file, so most of their pages are the same ones: the
    plain sum counts those twice.
    """
    server.register()
    server.register(kind="auth")
    largest, together, plain = [], [], []
    for _ in range(_RUNS):
        engine = Engine(server, cloud, "idle")
        server.api.call("PUT", "sys/auth/alicloud", {"type": "alicloud"}).ok()
        processes = server.plugin_processes()
        assert len(processes) == 2, processes
        largest.append(max(map(resident_kib, processes)) / 1024)
        plain.append(sum(map(resident_kib, processes)) / 1024)
        together.append(sum(map(proportional_kib, processes)) / 1024)
        server.api.delete("sys/auth/alicloud").ok()
        engine.unmount().ok()
    return [_row("idle, secrets and auth: resident, the larger one", largest, 7, "MiB"),
            _row("idle, secrets and auth: both, shared pages once", together, 10, "MiB"),
            _row("idle, secrets and auth: both, plain sum", plain, math.inf, "MiB")]


def _busy(server: Server, cloud: Cloud, creds: int) -> list[Row]:
    """Memory and connections while credentials are read."""
    engine = Engine(server, cloud, "busy")
    engine.configure().ok()
    role = engine.sts_role(ttl="15m")
    samples: list[float] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in range(10):
            for answer in pool.map(lambda _: engine.creds(role), range(creds // 10)):
                answer.ok()
            samples.append(sum(map(resident_kib, server.plugin_processes())) / 1024)
            print(f"# {len(samples) * (creds // 10)} creds: {samples[-1]:.2f} MiB", flush=True)
    growth = Row(f"growth of memory over {creds} creds", statistics.median(samples[-3:]) - statistics.median(samples[:3]),
                 1, "MiB", f"first and last three of ten readings; {samples[-1]:.2f} MiB at the end")

    engine.creds(role).ok()
    before = cloud.control.summary()
    for _ in range(_STEADY):
        engine.creds(role).ok()
    after = cloud.control.summary()
    calls = after["last_call"] - before["last_call"]
    opened = after["last_connection"] - before["last_connection"]
    assert calls == _STEADY, calls
    connections = Row("TCP connections for each request, steady", opened / calls, 0, "", f"{opened} for {calls} requests")
    return [growth, connections]
