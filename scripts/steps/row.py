"""A line of the benchmark's table."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Row:
    """One line of the table."""

    what: str
    measured: float
    limit: float
    unit: str
    how: str

    @property
    def good(self) -> bool:
        """Whether it is within its limit."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        limit, verdict = f"{self.limit:.2f}", "ok" if self.good else "TOO MUCH"
        if math.isinf(self.limit):
            limit = verdict = ""
        return f"{self.what:<60} {self.measured:>9.2f} {limit:>9} {self.unit:<4} {verdict:<8} {self.how}"


def show(rows: list[Row]) -> int:
    """Prints the table: 0 when all limits hold."""
    print(f"\n{'':<60} {'measured':>9} {'limit':>9}")
    for row in rows:
        print(row)
    return 0 if all(row.good for row in rows) else 1
