"""The memory of each plugin process, over its life."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness import causes
from harness.causes import Window
from harness.cluster import AUTH_PLUGIN, Cluster
from harness.places import PLUGIN
from harness.processes import resident_kib

_SECONDS = 1.0

#: A process is warm when it has lived so long: connections are open, and every kind of request has come by.
_WARM = 15

#: Fewer samples of a warm process say nothing.
_ENOUGH = 30


#: The hostile tenants that each plugin has to do with.
_SCENES = {PLUGIN: causes.HANGING_CREDS, AUTH_PLUGIN: causes.FORGED_LOGINS}


@dataclass
class Life:
    """One process."""

    node: str
    file: str
    pid: int
    #: Times, as those of `time.time()`, and MiB.
    samples: list[tuple[float, float]] = field(default_factory=list)

    def thirds(self, windows: Sequence[Window]) -> tuple[float, float] | None:
        """The medians of the first and of the last third, warm; none when it has not lived long enough. Where it met
        hostile tenants, its time begins when the first of them have gone, see `run_up`."""
        began = self.samples[0][0] + _WARM
        scenes = [window for window in windows if window.fault == _SCENES[self.file] and window.ended >= began]
        # A scene at another node reaches this process only if it leads.
        own = [window for window in scenes if window.what == f"at {self.node}"]
        since = min((window.ended for window in own or scenes), default=began)
        warm = [size for at, size in self.samples if at >= since]
        if len(warm) < _ENOUGH:
            return None
        third = len(warm) // 3
        return statistics.median(warm[:third]), statistics.median(warm[-third:])

    def growth(self, windows: Sequence[Window]) -> float:
        """From the first third to the last."""
        first, last = self.thirds(windows) or (0, 0)
        return last - first

    @property
    def run_up(self) -> float:
        """From when it was warm to the most that it ever had."""
        warm = [size for at, size in self.samples if at >= self.samples[0][0] + _WARM]
        return max(warm) - warm[0] if warm else 0

    def shown(self, windows: Sequence[Window]) -> str:
        """For people."""
        first, last = self.thirds(windows) or (0, 0)
        return (f"{self.file} of {self.node}, {len(self.samples)} s: {first:.2f} then {last:.2f} MiB, "
                f"at most {self.run_up:.2f} MiB more than when it was warm")


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
        self._lives.setdefault(pid, Life(node, file, pid)).samples.append((time.time(), size))
