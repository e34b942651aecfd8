"""The memory of each plugin process, over its life."""

from __future__ import annotations

import statistics
import threading
from dataclasses import dataclass, field

from harness.cluster import AUTH_PLUGIN, Cluster
from harness.places import PLUGIN
from harness.processes import resident_kib

_SECONDS = 1.0

#: A process is warm when it has lived so long: connections are open, and every kind of request has come by.
_WARM = 15

#: Fewer samples of a warm process say nothing.
_ENOUGH = 30


@dataclass
class Life:
    """One process."""

    node: str
    file: str
    pid: int
    mebibytes: list[float] = field(default_factory=list)

    @property
    def thirds(self) -> tuple[float, float] | None:
        """The medians of the first and of the last third, warm; none when it has not lived long enough."""
        warm = self.mebibytes[_WARM:]
        if len(warm) < _ENOUGH:
            return None
        size = len(warm) // 3
        return statistics.median(warm[:size]), statistics.median(warm[-size:])

    @property
    def growth(self) -> float:
        """From the first third to the last."""
        first, last = self.thirds or (0, 0)
        return last - first

    def __str__(self) -> str:
        first, last = self.thirds or (0, 0)
        return f"{self.file} of {self.node}, {len(self.mebibytes)} s: {first:.2f} then {last:.2f} MiB"


class Memory:
    """Looks at all processes once a second."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lives: dict[int, Life] = {}

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> list[Life]:
        """Ends; all processes that were seen."""
        self._stop.set()
        self._thread.join()
        return list(self._lives.values())

    def _run(self) -> None:
        while not self._stop.wait(_SECONDS):
            for node in self._cluster.nodes:
                for file in (PLUGIN, AUTH_PLUGIN):
                    for pid in node.plugin_processes(file):
                        self._sample(node.name, file, pid)

    def _sample(self, node: str, file: str, pid: int) -> None:
        try:
            size = resident_kib(pid) / 1024
        except (OSError, ValueError):
            return  # it ended while we looked
        self._lives.setdefault(pid, Life(node, file, pid)).mebibytes.append(size)
