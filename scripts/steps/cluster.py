"""The cluster to play with: how it is set up, what can be done to it, and what is seen of it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from harness.cloud import Cloud
from harness.cluster import Cluster, Node
from harness.places import openbao
from harness.server import command_environment

from . import end_by_signals, walk_auth
from .walk import Different, Walk, configure, install, write_roles

#: After so many seconds a server that was killed is started again.
_AWAY = 10


def run(binary: Path) -> int:
    """Sets it up and stays: 0 unless a step of the set-up failed."""
    end_by_signals()
    with tempfile.TemporaryDirectory(prefix="alicloud-cluster-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        cluster = Cluster(openbao(), Path(folder) / "cluster", binary, cloud.environment, log_level="info")
        try:
            print("# Three servers become a cluster.", flush=True)
            cluster.start()
            _set_up(cluster, cloud, binary)
            _tell(cluster, cloud)
            _watch(cluster)
        except Different as difference:
            print(f"\nDIFFERENT: {difference}")
            return 1
        except KeyboardInterrupt:
            print("\n# stopped")
        finally:
            cluster.stop()
            cloud.close()
    return 0


def _set_up(cluster: Cluster, cloud: Cloud, binary: Path) -> None:
    walk = Walk(cluster.wait_for_leader(), cloud)
    install(walk, binary)
    configure(walk)
    write_roles(walk)
    walk_auth.enable(walk, binary)
    walk_auth.write_roles(walk)
    for node in cluster.followers():
        standby = Walk(node, cloud)
        standby.chapter(f"Credentials from {node.name}, a standby")
        standby.say("It has them made by the leader.")
        print(f"\nexport BAO_ADDR={node.address}", flush=True)
        standby.type("read alicloud/creds/policy-based", "lease_id", "secret_key")
    walk.show_cloud(users=2, keys=2, policies=2, attachments=4)


def _tell(cluster: Cluster, cloud: Cloud) -> None:
    leader = cluster.wait_for_leader()
    print(f"\n=== The cluster is yours ===\n\n{'node':<6} {'address':<24} {'process':>8}  {'plugins':<14} log")
    for node in cluster.nodes:
        plugins = " ".join(map(str, node.plugin_processes()))
        print(f"{node.name:<6} {node.address:<24} {node.pid:>8}  {plugins:<14} {node.log}")
    print("\n# In another terminal:")
    print(f"alias bao={leader.program}")
    for name, value in command_environment(leader).items():
        print(f"export {name}={value}")
    for line in ("read alicloud/creds/inline-based", "write -f alicloud/creds/role-based", "list alicloud/role",
                 "list sys/leases/lookup/alicloud/creds/inline-based", "lease revoke -prefix -sync alicloud/creds",
                 "read auth/alicloud/role/dev", "operator raft list-peers"):
        print(f"bao {line}")
    followers = " ".join(str(node.pid) for node in cluster.nodes if node is not leader)
    print("\n# What can happen to it:")
    for line, remark in (
            ("bao operator step-down", "the leader gives up its office"),
            ("bao operator seal", "this node serves nobody, until"),
            (f"bao operator unseal {leader.unseal_key}", ""),
            (f"kill -9 {leader.pid}", f"the leader dies; it is started again after {_AWAY} seconds"),
            (f"kill -9 $(pgrep -P {leader.pid})", "its plugins die; they are back with the next request"),
            (f"kill -STOP {followers}", "nothing can be written, until"),
            (f"kill -CONT {followers}", "")):
        print(f"{line:<40} # {remark}" if remark else line)
    print(f"\n# What the cloud holds: curl {cloud.control_url}/leftovers\n# Ctrl-C here ends it all.", flush=True)


def _watch(cluster: Cluster) -> None:
    """Says who leads, and starts again what was killed."""
    led: Node | None = None
    while True:
        leader = cluster.leader()
        if leader is not led:
            print(f"# {time.strftime('%H:%M:%S')} {f'{leader.name} leads' if leader else 'nobody leads'}", flush=True)
            led = leader
        for node in cluster.nodes:
            if node.has_ended():
                print(f"# {time.strftime('%H:%M:%S')} {node.name} has ended", flush=True)
                time.sleep(_AWAY)
                cluster.bring_back(node)
                print(f"# {time.strftime('%H:%M:%S')} {node.name} is back, as process {node.pid}", flush=True)
        time.sleep(0.5)
