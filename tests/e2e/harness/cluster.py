"""A cluster of three servers on loopback, and what can happen to it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from .api import Answer, Api, Json
from .places import PLUGIN, lasting_ports
from .server import Server
from .waiting import until

#: The file of the auth method: one of its own, so that the processes of the two can be told apart.
AUTH_PLUGIN = f"{PLUGIN}-auth"

_ACTIVE, _STANDBY, _SEALED = 200, (429, 473), 503

#: What a request meets that no node serves right now. The first three come from nodes that forward.
_NOT_NOW = ("Vault is sealed", "active cluster node not found", "error during forwarding", "not active")


class Node(Server):
    """One server of a cluster."""

    def __init__(self, name: str, program: str, folder: Path, binary: Path, environment: dict[str, str],
                 log_level: str, ports: tuple[int, int]) -> None:
        super().__init__(program, folder, binary, environment, log_level, ports)
        self.name = name
        #: The addresses of the others, which a new node joins by.
        self.others: list[str] = []
        self.is_frozen = False

    def configuration(self) -> Json:
        """As a single server's, with the way to the others."""
        found = super().configuration()
        raft = found["storage"]["raft"]
        raft["node_id"] = self.name
        # Elections are called late enough that a busy machine does not call one by itself.
        raft["performance_multiplier"] = 3
        # How often a new node is looked at, to be made a voter.
        raft["autopilot_reconcile_interval"] = raft["autopilot_update_interval"] = "1s"
        raft["retry_join"] = [{"leader_api_addr": address} for address in self.others]
        return found

    def join(self, first: Node) -> None:
        """Makes a new node a member of the cluster that `first` began."""
        self.unseal_key, self.api.token = first.unseal_key, first.api.token
        self.unseal()

    def unseal(self) -> None:
        """Unseals it and waits until it serves requests again, as leader or not."""
        # A new node takes the key as soon as it has heard from the leader. Once: it would begin its work twice.
        until(lambda: self.api.call("PUT", "sys/unseal", {"key": self.unseal_key}).status == 200,
              f"{self.name} takes the key", timeout=60)
        until(lambda: self.health() in (_ACTIVE, *_STANDBY), f"{self.name} is unsealed", timeout=60)

    @property
    def is_up(self) -> bool:
        """Whether it has a process that runs."""
        return self._process is not None and not self.is_frozen

    def has_ended(self) -> bool:
        """Whether somebody else has ended it; then it counts as down."""
        if self._process is None or self._process.poll() is None:
            return False
        self._process = None
        return True

    def stop(self) -> None:
        """Ends it, also when it is frozen, by whomever."""
        if self._process is not None and not self.has_ended():
            self.thaw()
        super().stop()

    def kill(self) -> None:
        """Ends it at once, with all it was doing."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Stops it from running. Connections to it stay open and lead nowhere."""
        self.is_frozen = True
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it run on."""
        os.kill(self.pid, signal.SIGCONT)
        self.is_frozen = False

    def plugin_processes(self, file: str = PLUGIN) -> list[int]:
        """The running processes of a plugin file; none when the node is down."""
        return super().plugin_processes(file) if self.is_up else []

    def kill_plugin(self, file: str = PLUGIN) -> int | None:
        """Ends a plugin's process at once; its id, or none when there is no such process."""
        for pid in self.plugin_processes(file):
            os.kill(pid, signal.SIGKILL)
            until(lambda gone=pid: gone not in self.plugin_processes(file), "the plugin's process has ended")
            return pid
        return None


class LeaderApi(Api):
    """Speaks to whichever node leads. With `patience`, what no node serves right now is repeated for so many seconds:
    requests that may be repeated only.
    """

    def __init__(self, cluster: Cluster, token: str = "", patience: float = 0) -> None:
        super().__init__("", token)
        self._cluster, self._patience = cluster, patience

    def as_token(self, token: str) -> Api:
        """The same cluster with another token."""
        return LeaderApi(self._cluster, token, self._patience)

    def patiently(self, seconds: float = 60) -> LeaderApi:
        """The same that repeats."""
        return LeaderApi(self._cluster, self.token, seconds)

    def call(self, method: str, path: str, body: Any = None, *, timeout: float = 120,
             headers: dict[str, str] | None = None) -> Answer:
        """One request to the leader."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                leader = self._cluster.wait_for_leader()
                answer = leader.api.as_token(self.token).call(method, path, body, timeout=timeout, headers=headers)
                if not _is_not_now(answer) or time.monotonic() > deadline:
                    return answer
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)


def _is_not_now(answer: Answer) -> bool:
    return answer.status >= 500 and any(text in answer.error for text in _NOT_NOW)


class Cluster:
    """Three nodes with the plugin in each node's directory, one unseal key and one root token."""

    def __init__(self, program: str, folder: Path, binary: Path, environment: dict[str, str],
                 log_level: str = "trace") -> None:
        ports = lasting_ports(6)
        self.nodes = [Node(name, program, folder / name, binary, environment, log_level, (ports.pop(), ports.pop()))
                      for name in ("one", "two", "three")]
        for node in self.nodes:
            node.others = [other.address for other in self.nodes if other is not node]
            node.install(AUTH_PLUGIN)
        self.api = LeaderApi(self)

    def start(self) -> None:
        """Starts all nodes and makes them a cluster."""
        first, *others = self.nodes
        first.start()
        for node in others:
            node.launch()
        for node in others:
            node.join(first)
        self.api.token = first.api.token
        # A new node votes, and can be elected, when it has been stable for so long. The default is ten seconds.
        self.api.write("sys/storage/raft/autopilot/configuration", server_stabilization_time="1s").ok()
        self.wait_until_whole()

    def register(self) -> None:
        """Registers both kinds: the catalog is in the storage that all nodes share."""
        leader = self.wait_for_leader()
        leader.register()
        leader.register(kind="auth", file=AUTH_PLUGIN)

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            node.stop()

    # === who leads ===

    def leader(self) -> Node | None:
        """The active node, if there is one."""
        return next((node for node in self.nodes if node.is_up and node.health() == _ACTIVE), None)

    def wait_for_leader(self, other_than: Node | None = None, timeout: float = 60) -> Node:
        """The active node, as soon as there is one."""
        def found() -> Node | None:
            leader = self.leader()
            return None if leader is other_than else leader
        leader = until(found, "a node leads", timeout=timeout)
        assert leader is not None
        return leader

    def followers(self) -> list[Node]:
        """The other nodes that run."""
        leader = self.wait_for_leader()
        return [node for node in self.nodes if node.is_up and node is not leader]

    def wait_until_whole(self) -> Node:
        """Waits until all nodes serve and follow one leader, which has what was written so far; that leader."""
        def whole() -> Node | None:
            if not all(node.is_up and node.health() in (_ACTIVE, *_STANDBY) for node in self.nodes):
                return None
            leader = self.leader()
            if leader is None:
                return None
            # A node that has no word from the leader would refuse what it has to forward.
            heard = [node.api.read("sys/leader").body.get("leader_address") for node in self.nodes]
            peers = leader.api.read("sys/storage/raft/configuration")
            voters = peers.status == 200 and [peer for peer in peers.data["config"]["servers"] if peer["voter"]]
            return leader if set(heard) == {leader.address} and voters and len(voters) == len(self.nodes) else None
        leader = until(whole, "the cluster is whole", timeout=90, pause=0.2)
        assert leader is not None
        return leader

    # === what can happen ===

    def kill_leader(self) -> Node:
        """Kills the leader; the node that it was."""
        leader = self.wait_for_leader()
        leader.kill()
        return leader

    def step_down(self) -> Node:
        """The leader gives up its office; the node that it was."""
        leader = self.wait_for_leader()
        leader.api.call("PUT", "sys/step-down").ok()
        return leader

    def bring_back(self, node: Node) -> None:
        """Starts a node that was killed."""
        node.launch()
        node.unseal()
