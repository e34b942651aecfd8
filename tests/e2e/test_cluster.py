"""Three nodes: what a standby does, and what is left when the leader, its plugin or its storage goes away at work."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import causes
from harness.api import Answer, Api
from harness.causes import explained
from harness.cloud import Cloud
from harness.cluster import Cluster, Node
from harness.engine import Engine
from harness.method import AuthMethod
from harness.ownership import Ownership, expire, settle
from harness.places import openbao, plugin_binary
from harness.secrecy import assert_no_secret_in
from harness.signing import v3
from harness.static_roles import StaticRole
from harness.storage import Storage
from harness.waiting import until

from fakecloud import Control

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, running_cloud: Cloud) -> Iterator[Cluster]:
    """The cluster. At its end the logs of its nodes are searched for secrets."""
    cluster = Cluster(openbao(), tmp_path_factory.mktemp("cluster"), plugin_binary(), running_cloud.environment)
    try:
        cluster.start()
        cluster.register()
        yield cluster
    finally:
        cluster.stop()
    for node in cluster.nodes:
        assert_no_secret_in(node.log, running_cloud)


@pytest.fixture
def engine(cluster: Cluster, cloud: Cloud) -> Iterator[Engine]:
    """A configured mount with a role `full`, on a cluster that is whole. It goes away with all that it made."""
    cluster.wait_until_whole()
    engine = Engine(cluster.nodes[0], cloud, f"alicloud-{next(_NUMBERS)}", api=cluster.api)
    engine.configure().ok()
    path = f"{engine.path}/role/{engine.full_role()}"
    _see(cluster.nodes, path)
    yield engine
    cloud.control.clear_faults()
    cluster.wait_until_whole()
    # Unmounting revokes all leases, and rolls back all that is old.
    expire(engine)
    engine.unmount().ok()
    assert cloud.control.leftovers()["clean"]


def _accounted_for(engine: Engine) -> Ownership:
    """How things are, when each credential has a lease or is about to be cleaned up, and each lease its credential."""
    now = Ownership.of(engine)
    assert not now.broken_leases()
    assert not now.doomed_leases()
    assert not now.unclaimed()
    return now


def _see(nodes: list[Node], path: str) -> None:
    """Waits until what was written is on other nodes too."""
    for node in nodes:
        until(lambda node=node: node.api.read(path).status == 200, f"{path} is on {node.name}")


# === standbys ===


def test_what_the_leader_writes_is_read_on_standbys(engine: Engine, cluster: Cluster) -> None:
    path = f"{engine.path}/role/full"
    engine.write_role("full", ttl="1234s").ok()
    for node in cluster.followers():
        until(lambda node=node: node.api.read(path).ok().data["ttl"] == 1234, f"{node.name} shows the new role")


def test_creds_of_a_standby_are_made_once_and_by_the_leader(engine: Engine, cluster: Cluster) -> None:
    control = engine.cloud.control
    once = Counter(CreateUser=1, CreatePolicy=2, AttachPolicyToUser=4, CreateAccessKey=1)
    for node in cluster.followers():
        for method in ("GET", "PUT"):
            control.clear_calls()
            lease_id = engine.creds("full", method, node.api).ok().lease_id
            made = Counter(call["action"] for call in control.calls())
            del made["GetCallerIdentity"]  # Once for each key and process: whose account it is.
            assert made == once
            node.api.write("sys/leases/renew", lease_id=lease_id).ok()
            control.clear_calls()
            node.api.write("sys/leases/revoke", lease_id=lease_id, sync=True).ok()
            assert Counter(call["action"] for call in control.calls())["DeleteUser"] == 1
    assert control.leftovers()["clean"]


def test_a_login_at_a_standby_is_checked_once(cluster: Cluster, cloud: Cloud) -> None:
    cluster.wait_until_whole()
    method = AuthMethod(cluster.nodes[0], cloud, "standby", api=cluster.api)
    _see(cluster.nodes, f"{method.path}/role/{method.bound()}")
    for node in cluster.followers():
        payload = v3(method.session()).payload("dev")
        cloud.control.clear_calls()
        answer = node.api.as_token("").call("POST", f"{method.path}/login", payload).ok()
        assert [call["action"] for call in cloud.control.calls()] == ["GetCallerIdentity"]
        token = answer.body["auth"]["client_token"]
        # A token that was made a moment ago may not have come to this node yet.
        until(lambda node=node, token=token: node.api.as_token(token).read("auth/token/lookup-self").status == 200,
              "the token is good")
        node.api.as_token(token).call("PUT", "auth/token/renew-self", {}).ok()
    method.unmount().ok()


def test_a_key_written_through_a_standby_is_used_after_a_step_down(engine: Engine, cluster: Cluster) -> None:
    control = engine.cloud.control
    engine.creds("full").ok()
    other = control.user("second-operator", grants=["*"], keys=1)["keys"][0]
    standby = cluster.followers()[0]
    standby.api.write(f"{engine.path}/config", access_key=other["access_key_id"],
                      secret_key=other["access_key_secret"]).ok()
    control.clear_calls()
    engine.creds("full").ok()
    assert {call["access_key_id"] for call in control.calls()} == {other["access_key_id"]}
    # The new leader may have read the old configuration as a standby.
    third = control.user("third-operator", grants=["*"], keys=1)["keys"][0]
    engine.configure(access_key=third["access_key_id"], secret_key=third["access_key_secret"]).ok()
    cluster.wait_for_leader(other_than=cluster.step_down())
    cluster.wait_until_whole()
    control.clear_calls()
    for node in cluster.followers():
        engine.creds("full", api=node.api).ok()
    assert {call["access_key_id"] for call in control.calls()} == {third["access_key_id"]}


# === what goes away at work ===


class Asking:
    """Credentials asked for, one after the other in each of some threads, at any node, until told to stop."""

    def __init__(self, engine: Engine, apis: list[Api]) -> None:
        self._engine = engine
        self.answers: list[Answer] = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(len(apis))
        self._running = [self._pool.submit(self._ask, api) for api in apis]

    def _ask(self, api: Api) -> None:
        while not self._stop.is_set():
            try:
                answer = self._engine.creds("full", api=api)
            except (OSError, http.client.HTTPException) as error:
                answer = Answer(0, {"errors": [f"{type(error).__name__}: {error}"]})
            self.answers.append(answer)
            if answer.status != 200:
                self._stop.wait(0.1)

    def good(self) -> int:
        """How many credentials were handed out."""
        return sum(answer.status == 200 for answer in self.answers)

    def stop(self) -> None:
        """Stops, and waits for what is under way. An error of a thread comes up here."""
        self._stop.set()
        for running in self._running:
            running.result()
        self._pool.shutdown()


def _kill_leader(cluster: Cluster) -> None:
    gone = cluster.kill_leader()
    cluster.wait_for_leader()
    cluster.bring_back(gone)


def _step_down(cluster: Cluster) -> None:
    cluster.wait_for_leader(other_than=cluster.step_down())


def _seal(cluster: Cluster) -> None:
    leader = cluster.wait_for_leader()
    leader.seal()
    cluster.wait_for_leader(other_than=leader)
    leader.unseal()


def _kill_plugin(cluster: Cluster) -> None:
    assert cluster.wait_for_leader().kill_plugin()


_MAKE: dict[str, Callable[[Cluster], None]] = {
    causes.LEADER_KILLED: _kill_leader, causes.STEPPED_DOWN: _step_down, causes.SEALED: _seal,
    causes.PLUGIN_KILLED: _kill_plugin}


@pytest.mark.parametrize("fault", _MAKE)
def test_nothing_is_lost_when_something_happens_at_work(engine: Engine, cluster: Cluster, fault: str) -> None:
    # Slow enough that something is under way at any time.
    engine.cloud.control.fault("delay", "*", seconds=0.1, count=None)
    asking = Asking(engine, [node.api for node in cluster.nodes] * 2)
    try:
        until(lambda: asking.good() >= 6, "credentials are handed out")
        _MAKE[fault](cluster)
        before = asking.good()
        until(lambda: asking.good() > before + 6, "credentials are handed out again", timeout=60)
    finally:
        asking.stop()
    engine.cloud.control.clear_faults()
    cluster.wait_until_whole()
    unexplained = {(answer.status, answer.error) for answer in asking.answers
                   if answer.status != 200 and not explained(answer.status, answer.error, {fault})}
    assert not unexplained
    left = _accounted_for(engine)
    handed_out = {answer.lease_id for answer in asking.answers if answer.status == 200}
    assert handed_out <= set(left.leases), "a lease that was handed out is gone"


@pytest.mark.parametrize("fault", [causes.STEPPED_DOWN, causes.LEADER_KILLED])
def test_a_rotation_of_a_static_role_under_way_costs_no_key(engine: Engine, cluster: Cluster, fault: str) -> None:
    control, role = engine.cloud.control, StaticRole(engine)
    role.write(rotation_period="24h").ok()
    for action, nth in (("CreateAccessKey", 1), ("GetCallerIdentity", 2), ("DeleteAccessKey", 1)):
        start = control.summary()["last_call"]
        control.fault("hold", action, nth=nth, execute=True)
        with engine.in_background(role.rotate) as rotating:
            assert control.wait(30, since=start, held=1), action
            _MAKE[fault](cluster)
            control.clear_faults()
            # How it ends for the caller does not matter here.
            rotating.exception()
        cluster.wait_until_whole()
        # What the new leader gives out works, before anything is settled.
        role.creds()
        Storage(engine).age_rotations()
        role.rotate().ok()
        role.assert_whole()
    role.delete().ok()
    assert role.keys() == []


def test_a_rotation_at_a_standby_is_made_once_and_by_the_leader(engine: Engine, cluster: Cluster) -> None:
    control, role = engine.cloud.control, StaticRole(engine)
    role.write(rotation_period="24h").ok()
    for node in cluster.followers():
        start = control.summary()["last_call"]
        node.api.call("POST", f"{engine.path}/rotate-role/{role.name}").ok()
        assert [call["action"] for call in control.calls(start)].count("CreateAccessKey") == 1
        role.assert_whole()
    role.delete().ok()
    assert role.keys() == []


def test_storage_that_refuses_writes_leaves_nothing(engine: Engine, cluster: Cluster, control: Control) -> None:
    leader, followers = cluster.wait_for_leader(), cluster.followers()
    good = engine.creds("full").ok().lease_id
    control.clear_calls()
    # The user is there, the key is about to be made.
    control.fault("delay", "CreateAccessKey", seconds=2)
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(engine.creds("full", api=leader.api)))
    asking.start()
    try:
        assert control.wait(20, action="CreateAccessKey", count=1)
        for node in followers:
            node.freeze()
        asking.join(60)
        assert len(answers) == 1 and answers[0].status >= 500, answers
        # Nothing can be written now, so nothing is begun.
        assert engine.creds("full", api=leader.api).status >= 500
        assert len(control.calls(action="CreateUser")) == 1
    finally:
        for node in followers:
            node.thaw()
    cluster.wait_until_whole()
    _accounted_for(engine)
    left = settle(engine)
    assert list(left.leases) == [good] and not left.unleased() and not left.logged, left
