"""How long requests take when the cloud is far away: in round trips of the network."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from harness.api import Answer
from harness.cloud import Cloud
from harness.engine import Engine
from harness.method import AuthMethod
from harness.places import openbao
from harness.server import Server
from harness.signing import v1

from .row import Row

#: The time to the cloud and back, in seconds.
_ROUND_TRIP = 0.05

#: Between requests, in seconds: RAM takes ten attachments a second, and the wait for them is not measured here.
_PAUSE = 0.6

_REPEATED = 15

#: The server's storage is kept in memory where that can be done: it is not the disk that is measured.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class _Line:
    """A relay that hands everything on after half a round trip, in both directions."""

    def __init__(self, address: str) -> None:
        #: In seconds.
        self.round_trip = 0.0
        parts = urlsplit(address)
        self._target = (parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer), return_exceptions=True)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            self._loop.call_later(self.round_trip / 2, sink.write, data)
        self._loop.call_later(self.round_trip / 2, sink.close)

    def close(self) -> None:
        """Ends it."""
        self._loop.call_soon_threadsafe(self._loop.stop)


def rows(binary: Path) -> list[Row]:
    """Each operation on warm connections, against its limit."""
    with tempfile.TemporaryDirectory(prefix="alicloud-bench-", dir=_MEMORY) as folder:
        cloud = Cloud(Path(folder) / "cloud")
        line = _Line(cloud.proxy)
        environment = {**cloud.environment, "HTTPS_PROXY": line.address}
        server = Server(openbao(), Path(folder) / "server", binary, environment, log_level="warn")
        try:
            server.start()
            server.register()
            server.register(kind="auth")
            engine, method = Engine(server, cloud, "far"), AuthMethod(server, cloud, "far")
            engine.configure().ok()
            method.bound("vault-target")
            sts, ram, key = engine.sts_role(), engine.full_role(), method.session()
            leases = []

            def issue() -> Answer:
                answer = engine.creds(ram)
                leases.append(answer.ok().body["lease_id"])
                return answer

            operations = {
                "RAM creds: 2 inline, 2 other policies": (issue, 3.5),
                "revoke of these": (lambda: engine.revoke(leases.pop()), 4.5),
                "STS creds": (lambda: engine.creds(sts), 1.3),
                "login": (lambda: method.send(v1(key).payload("vault-target")), 1.3),
            }
            near = {what: statistics.median(_times(call)) for what, (call, _) in operations.items()}
            line.round_trip = _ROUND_TRIP
            return [_row(what, _times(call), near[what], limit) for what, (call, limit) in operations.items()]
        finally:
            server.stop()
            line.close()
            cloud.close()


def _times(call: Callable[[], Answer]) -> list[float]:
    """Seconds that each call takes, in order of length."""
    taken = []
    for _ in range(_REPEATED + 3):
        time.sleep(_PAUSE)
        started = time.monotonic()
        call().ok()
        taken.append(time.monotonic() - started)
    # The first ones open connections.
    return sorted(taken[3:])


def _row(what: str, far: list[float], near: float, limit: float) -> Row:
    trips = [seconds / _ROUND_TRIP for seconds in far]
    return Row(f"{what}: round trips of 50 ms", statistics.median(trips), limit, "",
               f"median of {len(trips)}, {trips[0]:.2f} to {trips[-1]:.2f}; without the distance it takes {near * 1000:.0f} ms")
