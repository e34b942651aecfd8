"""The faults of the soak: what happens to the cluster, by a schedule that a seed determines."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from harness import causes
from harness.causes import Window
from harness.cluster import AUTH_PLUGIN, Cluster, Node
from harness.engine import Engine
from harness.flood import HANGING, askers, forgers
from harness.method import AuthMethod
from harness.places import PLUGIN
from harness.waiting import until

#: From the end of a fault to the next, in seconds.
_PAUSES = (5, 35)

#: Connections of those who mean ill: more logins than the plugin works on, and fewer requests for credentials, of which
#: all are of one kind: others that ask for theirs must find room beside them.
_FORGED, _HANGING = 150, 60

#: What their role's RAM role is called. Nobody else has one of it.
_VICTIM = "vault-short"

#: How long a mended cluster may still show it: requests that were under way, and connections between the nodes.
_GRACE = 2


class Faults:
    """Makes one fault after the other, each mended before the next."""

    def __init__(self, cluster: Cluster, engine: Engine, method: AuthMethod, seed: int) -> None:
        self._cluster, self._engine, self._method = cluster, engine, method
        self._control, self._probe = engine.cloud.control, f"{engine.path}/role/full"
        self._victim = engine.sts_role("victim", _VICTIM)
        self._random = random.Random(f"{seed} faults")
        self._stop = threading.Event()
        self.windows: list[Window] = []
        #: What hostile tenants were answered, by fault and status.
        self.hostile: Counter[tuple[str, int]] = Counter()
        self._kinds: dict[str, Callable[[], str]] = {
            causes.LEADER_KILLED: self._kill_leader, causes.FOLLOWER_KILLED: self._kill_follower,
            causes.STEPPED_DOWN: self._step_down, causes.SEALED: self._seal, causes.PLUGIN_KILLED: self._kill_plugin,
            causes.FROZEN: self._freeze, causes.FORGED_LOGINS: self._forge, causes.HANGING_CREDS: self._ask}

    def run(self, until_time: float) -> None:
        """Goes on until that time, and ends with a cluster that is whole."""
        while True:
            # Every kind comes before any comes again.
            for kind in self._random.sample(sorted(self._kinds), len(self._kinds)):
                if self._stop.wait(self._random.uniform(*_PAUSES)) or time.time() > until_time:
                    return
                self._make(kind)

    def stop(self) -> None:
        """No more faults."""
        self._stop.set()

    def _make(self, kind: str) -> None:
        window = Window(kind, "", time.time())
        self.windows.append(window)
        window.what = self._kinds[kind]()
        self._cluster.wait_until_whole()
        for node in self._cluster.nodes:
            until(lambda node=node: node.api.read(self._probe).status == 200, f"{node.name} serves", timeout=60)
        window.ended = time.time() + _GRACE
        print(f"# {time.strftime('%H:%M:%S')} {kind}: {window.what}; whole after {time.time() - window.started:.1f} s",
              flush=True)

    def _wait(self, least: float, most: float) -> None:
        self._stop.wait(self._random.uniform(least, most))

    def _kill_leader(self) -> str:
        gone = self._cluster.kill_leader()
        leader = self._cluster.wait_for_leader()
        self._wait(0, 5)
        self._cluster.bring_back(gone)
        return f"{gone.name}, then {leader.name} led"

    def _kill_follower(self) -> str:
        gone = self._random.choice(self._cluster.followers())
        gone.kill()
        self._wait(1, 5)
        self._cluster.bring_back(gone)
        return gone.name

    def _step_down(self) -> str:
        gone = self._cluster.step_down()
        leader = self._cluster.wait_for_leader(other_than=gone)
        return f"{gone.name}, then {leader.name} led"

    def _seal(self) -> str:
        gone = self._cluster.wait_for_leader()
        gone.seal()
        leader = self._cluster.wait_for_leader(other_than=gone)
        self._wait(0, 3)
        gone.unseal()
        return f"{gone.name}, then {leader.name} led"

    def _kill_plugin(self) -> str:
        leader = self._cluster.wait_for_leader()
        file = self._random.choice((PLUGIN, AUTH_PLUGIN))
        return f"{file} of {leader.name}, process {leader.kill_plugin(file)}"

    def _freeze(self) -> str:
        followers = self._cluster.followers()
        try:
            for node in followers:
                node.freeze()
            self._wait(3, 8)
        finally:
            for node in followers:
                node.thaw()
        return " and ".join(node.name for node in followers)

    def _forge(self) -> str:
        node = self._random.choice(self._cluster.nodes)
        return self._be_hostile(causes.FORGED_LOGINS, node, forgers(self._method, "dev", _FORGED, node),
                                "GetCallerIdentity", host=HANGING)

    def _ask(self) -> str:
        node = self._random.choice(self._cluster.nodes)
        return self._be_hostile(causes.HANGING_CREDS, node, askers(self._engine, self._victim, _HANGING, node),
                                "AssumeRole", params={"RoleArn": self._engine.cloud.arn(_VICTIM)})

    def _be_hostile(self, kind: str, node: Node, crowd: AbstractContextManager[dict[str, int]], action: str,
                    **which: Any) -> str:
        """A crowd at a node whose calls hang, for some seconds."""
        # Before authentication: the latency of all calls would come first otherwise.
        fault = self._control.fault("hang", action, before_auth=True, count=None, **which)
        try:
            with crowd as answered:
                self._wait(10, 20)
        finally:
            self._control.clear_faults(fault)
        for status, count in answered.items():
            self.hostile[kind, int(status)] += count
        return f"at {node.name}"
