"""A crowd of clients that mean ill, as a process of their own, so that they take no time from those who measure.

    python3 crowd.py < plan

The plan is a JSON object on one line (see `Plan`). A line of output says that every client has sent its first request;
at the end of the input, or when each has sent what it was to send, a last line has the answers by status, 0 for none.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What the clients send."""

    #: Host and port of the server.
    address: str
    #: How many clients, each with a connection of its own.
    clients: int
    method: str
    path: str
    token: str
    #: Bodies, used in turn; an empty one is none.
    bodies: list[str]
    #: What a client waits after an answer, in seconds.
    pause: float
    #: How many requests each client makes; 0 is no end.
    rounds: int = 0


class Crowd:
    """The clients of a plan and what they were answered."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._bodies = [body.encode() or None for body in plan.bodies]
        self._headers = {"X-Vault-Request": "true", **({"X-Vault-Token": plan.token} if plan.token else {})}
        self._lock = threading.Lock()
        self._sent = 0
        self._began = threading.Semaphore(0)
        self.statuses: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(plan.clients)]

    def start(self) -> None:
        """Lets them go, and waits until each has sent something."""
        for thread in self._threads:
            thread.start()
        for _ in self._threads:
            self._began.acquire()

    def join(self) -> None:
        """Waits until each has sent what it was to send."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection, done, first = None, 0, True
        while not self._plan.rounds or done < self._plan.rounds:
            status = 0
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self._plan.address, timeout=300)
                connection.request(self._plan.method, f"/v1/{self._plan.path}", self._next(), self._headers)
                if first:
                    first = False
                    self._began.release()
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
            if first:
                # It could not even be sent: nobody has to wait for this client.
                first = False
                self._began.release()
            with self._lock:
                self.statuses[status] += 1
            done += 1
            time.sleep(self._plan.pause)

    def _next(self) -> bytes | None:
        with self._lock:
            self._sent += 1
            return self._bodies[self._sent % len(self._bodies)]


def main() -> None:
    """Runs one plan."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    crowd = Crowd(plan)
    crowd.start()
    print("under way", flush=True)
    if plan.rounds:
        crowd.join()
    else:
        sys.stdin.read()
    print(json.dumps(crowd.statuses), flush=True)
    # Hanging requests end with the process.
    os._exit(0)


if __name__ == "__main__":
    main()
