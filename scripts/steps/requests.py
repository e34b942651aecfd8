"""What a request costs the plugin: CPU time for each operation, side by side with other builds and other plugins."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.api import Answer
from harness.cloud import Cloud
from harness.engine import Engine
from harness.method import AuthMethod
from harness.places import openbao
from harness.processes import children_running, cpu_seconds
from harness.server import Server
from harness.signing import v1

#: Clients at the same time.
CLIENTS = (1, 16)

#: Requests that are sent before the measured ones: they open connections and fill caches.
_WARM = 32

_AUTH_FILE = "auth-plugin"

#: How often RAM and STS let an account call an operation in a second, by their documents. Without these limits, a plugin that
#: ignores them gets its calls in batches, which cost less each, and so looks cheaper than one that keeps to them.
_RATES = {
    "AttachPolicyToUser": 10, "DetachPolicyFromUser": 10, "CreateUser": 20, "DeleteUser": 20, "CreateAccessKey": 20,
    "DeleteAccessKey": 20, "CreatePolicy": 20, "DeletePolicy": 20, "AssumeRole": 100,
}


@dataclass(frozen=True)
class Candidate:
    """The files of a plugin: one for both kinds, or one for each."""

    name: str
    secret: Path
    auth: Path

    @staticmethod
    def parse(text: str) -> Candidate:
        """`FILE`, or `FILE,FILE` where the second serves the auth method."""
        secret, _, auth = text.partition(",")
        return Candidate(text, Path(secret).resolve(), Path(auth or secret).resolve())


@dataclass(frozen=True)
class Operation:
    """One operation: what is called, and with which of the prepared inputs."""

    name: str
    inputs: list[object]
    call: Callable[[object], Answer]


Costs = dict[tuple[str, int], list[float]]


def compare(candidates: list[Candidate], rounds: int, requests: int, limited: bool) -> int:
    """Measures all of them in turn, `rounds` times, and prints a table. Ratios are to the first. A `limited` cloud throttles as
    Alibaba Cloud does."""
    costs: dict[str, Costs] = {candidate.name: {} for candidate in candidates}
    for number in range(rounds):
        for candidate in candidates:
            print(f"# round {number + 1}: {candidate.name}", flush=True)
            for key, cost in _measure(candidate, requests, limited).items():
                costs[candidate.name].setdefault(key, []).append(cost)
    _print(candidates, costs)
    return 0


def _print(candidates: list[Candidate], costs: dict[str, Costs]) -> None:
    first = costs[candidates[0].name]
    print(f"\nCPU time of the plugin for 1,000 requests, in ms: median (lowest to highest){'':14}ratio")
    for candidate in candidates:
        print(f"\n{candidate.name}")
        for (operation, clients), values in costs[candidate.name].items():
            median = statistics.median(values)
            ratio = median / statistics.median(first[operation, clients])
            print(f"  {operation:<14} {clients:>2} clients {median:>8.0f}  ({min(values):.0f} to {max(values):.0f})"
                  f"{'':6}{ratio:>6.2f}")


def _measure(candidate: Candidate, requests: int, limited: bool) -> dict[tuple[str, int], float]:
    found = {}
    for clients in CLIENTS:
        with _mounted(candidate, limited) as (server, operations):
            for operation in operations(requests):
                with ThreadPoolExecutor(clients) as pool:
                    _all(pool, operation, operation.inputs[:_WARM])
                    measured = operation.inputs[_WARM:]
                    before = _cpu(server, candidate)
                    _all(pool, operation, measured)
                    spent = _cpu(server, candidate) - before
                found[operation.name, clients] = spent / len(measured) * 1e6
    return found


def _all(pool: ThreadPoolExecutor, operation: Operation, inputs: list[object]) -> None:
    for answer in pool.map(operation.call, inputs):
        answer.ok()


def _cpu(server: Server, candidate: Candidate) -> float:
    """Seconds of CPU time that the plugin's processes have used."""
    files = {server.plugins / "vault-plugin-alicloud", server.plugins / _AUTH_FILE}
    processes = [pid for file in files for pid in children_running(server.pid, file)]
    assert processes, f"{candidate.name} does not run"
    return sum(map(cpu_seconds, processes))


@contextmanager
def _mounted(candidate: Candidate, limited: bool) -> Iterator[tuple[Server, Callable[[int], Iterator[Operation]]]]:
    with tempfile.TemporaryDirectory(prefix="alicloud-bench-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        if limited:
            cloud.control.rates(**_RATES)
        server = Server(openbao(), Path(folder) / "server", candidate.secret, cloud.environment, log_level="warn")
        try:
            server.start()
            (server.plugins / _AUTH_FILE).write_bytes(candidate.auth.read_bytes())
            (server.plugins / _AUTH_FILE).chmod(0o755)
            server.register()
            server.register(kind="auth", file=_AUTH_FILE)
            engine, method = Engine(server, cloud, "bench"), AuthMethod(server, cloud, "bench")
            engine.configure().ok()
            method.write_role("vault-target", arn=cloud.arn("vault-target")).ok()
            yield server, lambda requests: _operations(engine, method, requests)
        finally:
            server.stop()
            cloud.close()


def _operations(engine: Engine, method: AuthMethod, requests: int) -> Iterator[Operation]:
    """In order. What one made, the next may use."""
    numbers: list[object] = list(range(requests + _WARM))
    few: list[object] = numbers[:requests // 4 + _WARM]
    sts, ram = engine.sts_role(), engine.remote_role()
    yield Operation("role write", numbers,
                    lambda n: engine.write_role(f"r{n}", role_arn=engine.cloud.arn("vault-target"), ttl="15m"))
    yield Operation("role read", numbers, lambda n: engine.api.read(f"{engine.path}/role/r{n}"))
    yield Operation("role list", few, lambda _: engine.api.list(f"{engine.path}/role"))
    yield Operation("STS creds", numbers, lambda _: engine.creds(sts))
    leases: list[object] = []

    def issue(_: object) -> Answer:
        answer = engine.creds(ram)
        leases.append(answer.ok().body["lease_id"])
        return answer

    yield Operation("RAM creds", few, issue)
    yield Operation("RAM revoke", leases, lambda lease: engine.revoke(str(lease)))
    key = method.session()
    payloads: list[object] = list(itertools.islice(
        iter(lambda: v1(key).payload("vault-target"), None), requests + _WARM))
    yield Operation("login", payloads, lambda payload: method.send(payload))  # type: ignore[arg-type]
