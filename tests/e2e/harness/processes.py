"""Plugin processes as the kernel shows them (Linux)."""

from __future__ import annotations

import os
import time
from pathlib import Path


def children_running(parent: int, program: Path) -> list[int]:
    """The processes that `parent` has started from this very file, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # Field 4, counted after the name in parentheses, which may hold blanks.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if (int(fields[1]) == parent and fields[0] != "Z"
                    and os.readlink(entry / "exe") == str(program)):
                found.append((int(fields[19]), int(entry.name)))
        except OSError:
            continue  # it ended while we looked
    return [pid for _, pid in sorted(found)]


#: The clock of the CPU time that the scheduler counts; the rest of a clock's number is the process (CPUCLOCK_SCHED and
#: MAKE_PROCESS_CPUCLOCK in Linux's posix-timers_types.h).
_SCHEDULER = 2


def cpu_seconds(pid: int) -> float:
    """CPU time that it has used, in all its threads, with those that have ended."""
    return time.clock_gettime(~pid << 3 | _SCHEDULER)


def resident_kib(pid: int) -> int:
    """Resident memory."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:")


def peak_kib(pid: int) -> int:
    """The most resident memory that it ever had."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM:")


def proportional_kib(pid: int) -> int:
    """Resident memory in which a page that several processes share counts in parts."""
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _kib(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(f"{file} has no {name}")
