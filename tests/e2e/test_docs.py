"""The commands of the documents on installing and upgrading are run as they are written there."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from queue import Queue

import pytest
from harness.api import Answer, Json
from harness.cloud import Cloud
from harness.cluster import Cluster
from harness.documents import Reader
from harness.engine import Engine
from harness.method import AuthMethod
from harness.places import PLUGIN, go_plugin, openbao, plugin_binary, vault, version_of
from harness.secrecy import assert_no_secret_in
from harness.server import Server
from harness.signing import Signed, v1
from harness.waiting import until

#: What `install.md` enables, and the default of `upgrade.md`.
_MOUNT = "alicloud"

#: What logins are signed for.
_REGION, _HOST = "us-east-1", "sts.us-east-1.aliyuncs.com"

#: What the servers answer to requests that they have begun to handle when they reload their mount: they look at the old
#: backend without the lock that holds new requests back, so nothing was done. `upgrade.md` says so, and clients repeat
#: them.
_CAUGHT_IN_RELOAD = ("unable to retrieve system view from router", "no mount is set up for this multiplex_id")


@pytest.fixture(params=["bao", "vault"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path, cloud: Cloud) -> Iterator[Server]:
    """A server in which nothing is registered, of each product that is there."""
    program = openbao() if request.param == "bao" else vault()
    if program is None:
        pytest.skip("there is no vault: set VAULT_BIN or put it on the PATH")
    server = Server(program, tmp_path / "server", plugin_binary(), cloud.environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()
    assert_no_secret_in(server.log, cloud)


@pytest.fixture
def installed(fresh: Server) -> Reader:
    """The reader of `install.md`, after the installation."""
    reader = Reader(fresh, "install.md", CLI=fresh.program, BINARY=plugin_binary(), PLUGIN_DIR=fresh.plugins)
    assert reader.sections() == {"Register and enable", "Uninstall"}
    shown = reader.follow("Register and enable")
    assert version_of(plugin_binary()) in shown
    return reader


def test_what_is_installed_as_documented_works_and_can_be_removed(installed: Reader, fresh: Server,
                                                                   cloud: Cloud) -> None:
    engine, method = _existing_mounts(fresh, cloud)
    engine.creds(engine.inline_role()).ok()
    method.login(method.bound()).ok()
    installed.follow("Uninstall")
    assert cloud.control.leftovers()["clean"]
    assert not {f"{_MOUNT}/", f"auth/{_MOUNT}/"} & set(fresh.api.read("sys/mounts").ok().data)
    assert list(fresh.plugins.iterdir()) == [fresh.plugins / PLUGIN], "a file is left"


def test_no_request_fails_during_an_upgrade_and_the_way_back(installed: Reader, fresh: Server, cloud: Cloud,
                                                             tmp_path: Path, show: Callable[[str], None]) -> None:
    del installed
    old = version_of(plugin_binary())
    new = _next(old)
    reader = Reader(fresh, "upgrade.md", CLI=fresh.program, BINARY=_build_of(new, old, tmp_path),
                    PLUGIN_DIR=fresh.plugins, OLD=old, OLD_FILE=f"{PLUGIN}_{old}")
    assert reader.sections() == {"From version to version", "Go back", "Remove the old version"}
    engine, method = _existing_mounts(fresh, cloud)
    with _upgrades(reader, engine, method, old, new, show) as held:
        pass
    until(lambda: not fresh.plugin_processes(f"{PLUGIN}_{old}"), "the old version has ended")
    reader.follow("Remove the old version")
    fresh.restart()
    until(lambda: engine.api.read(f"{engine.path}/role/full").status == 200, "the mount is back")
    assert _running(fresh) == {new}
    held.end(engine, method)


def test_mounts_of_the_built_in_plugins_go_over_and_back(fresh: Server, cloud: Cloud,
                                                         show: Callable[[str], None]) -> None:
    """Vault's own. OpenBao has none."""
    found = fresh.api.call("GET", "sys/plugins/catalog/secret/alicloud")
    if found.status != 200:
        pytest.skip("this server has no built-in plugins for AliCloud")
    old = found.data["version"]
    assert old.endswith("+builtin")
    engine, method = Engine(fresh, cloud, _MOUNT), AuthMethod(fresh, cloud, _MOUNT)
    engine.configure().ok()
    reader = Reader(fresh, "upgrade.md", CLI=fresh.program, BINARY=plugin_binary(), PLUGIN_DIR=fresh.plugins, OLD=old)
    with _upgrades(reader, engine, method, old, version_of(plugin_binary()), show) as held:
        held.end(engine, method)


def test_mounts_of_the_go_plugins_go_over_and_back(fresh: Server, cloud: Cloud, show: Callable[[str], None]) -> None:
    """Registered as external plugins without a version, as their documentation has it."""
    go = {"secret": ("secrets", "SECRETS_PLUGIN"), "auth": ("auth", "AUTH_PLUGIN")}
    names = {kind: f"vault-plugin-{word}-alicloud" for kind, (word, _) in go.items()}
    files = {kind: go_plugin(name) for kind, name in names.items()}
    if None in files.values():
        pytest.skip("there are no Go plugins: set GO_PLUGINS to the folder in which they are")
    digests = {}
    for kind, file in files.items():
        assert file is not None
        shutil.copy2(file, fresh.plugins / names[kind])
        digests[kind] = sha256(file.read_bytes()).hexdigest()
        fresh.api.call("PUT", f"sys/plugins/catalog/{kind}/{names[kind]}",
                       {"sha256": digests[kind], "command": names[kind]}).ok()
    engine = Engine(fresh, cloud, _MOUNT, plugin=names["secret"])
    method = AuthMethod(fresh, cloud, _MOUNT, plugin=names["auth"])
    engine.configure().ok()
    # The way back, as the document says.
    old = "v0.21.0"
    for kind, name in names.items():
        fresh.api.call("PUT", f"sys/plugins/catalog/{kind}/{name}",
                       {"sha256": digests[kind], "command": name, "version": old}).ok()
    reader = Reader(fresh, "upgrade.md", CLI=fresh.program, BINARY=plugin_binary(), PLUGIN_DIR=fresh.plugins, OLD=old,
                    **{variable: names[kind] for kind, (_, variable) in go.items()})
    with _upgrades(reader, engine, method, old, version_of(plugin_binary()), show) as held:
        held.end(engine, method)


def test_openbao_does_not_start_with_a_version_that_is_registered_and_declared(fresh: Server, cloud: Cloud) -> None:
    """What `upgrade.md` warns of, the way out, and the order that it recommends."""
    if "vault" in Path(fresh.program).name:
        pytest.skip("Vault has no plugins in its configuration file")
    reader = Reader(fresh, "install.md", CLI=fresh.program, BINARY=plugin_binary(), PLUGIN_DIR=fresh.plugins)
    reader.follow("Register and enable")
    engine, _ = _existing_mounts(fresh, cloud)
    engine.inline_role()
    version = version_of(plugin_binary())
    file = f"{PLUGIN}_{version}"
    digest = sha256((fresh.plugins / file).read_bytes()).hexdigest()
    undeclared = fresh.configuration

    def declared() -> Json:
        block = {"command": file, "version": version, "sha256sum": digest}
        return {**undeclared(), "plugin_auto_register": True, "plugin": [{kind: {"alicloud": block}}
                                                                           for kind in ("secret", "auth")]}

    fresh.stop()
    fresh.configuration = declared  # type: ignore[method-assign]
    fresh.launch()
    fresh.api.call("PUT", "sys/unseal", {"key": fresh.unseal_key})
    conflict = "conflicts with existing non-declarative plugin"
    until(lambda: conflict in fresh.log.read_text("utf-8"), "the server finds the conflict")
    assert fresh.health() != 200
    fresh.stop()
    fresh.configuration = undeclared  # type: ignore[method-assign]
    fresh.start()
    engine.creds("inline").ok()
    # Deregistered by hand first, then declared.
    for kind in ("secret", "auth"):
        fresh.api.call("DELETE", f"sys/plugins/catalog/{kind}/alicloud?version={version}").ok()
    fresh.stop()
    fresh.configuration = declared  # type: ignore[method-assign]
    fresh.start()
    until(lambda: engine.creds("inline").status == 200, "the mount is back")
    assert _running(fresh) == {version}
    engine.unmount().ok()


def test_an_upgrade_reaches_every_node_of_a_cluster(cloud: Cloud, tmp_path: Path) -> None:
    cluster = Cluster(openbao(), tmp_path / "cluster", plugin_binary(), cloud.environment)
    try:
        cluster.start()
        leader = cluster.wait_for_leader()
        _on_every_node(cluster, "install.md", plugin_binary()).follow("Register and enable")
        for node in cluster.nodes:
            _existing_mounts(node, cloud)[0].api.read(f"{_MOUNT}/config").ok()
        old = version_of(plugin_binary())
        new = _build_of(_next(old), old, tmp_path)
        _on_every_node(cluster, "upgrade.md", new).follow("From version to version")
        for node in cluster.nodes:
            until(lambda node=node: node.plugin_processes(f"{PLUGIN}_{_next(old)}")
                  and not node.plugin_processes(f"{PLUGIN}_{old}"), f"{node.name} runs the new version alone")
        assert _running(leader) == {_next(old)}
    finally:
        cluster.stop()


def _on_every_node(cluster: Cluster, document: str, binary: Path) -> Reader:
    """A reader at the leader, after the file was copied to all other nodes."""
    for node in cluster.followers():
        shutil.copy2(binary, node.plugins / f"{PLUGIN}_{version_of(binary)}")
    leader = cluster.wait_for_leader()
    return Reader(leader, document, CLI=leader.program, BINARY=binary, PLUGIN_DIR=leader.plugins)


class Held:
    """A lease and a token from before an upgrade."""

    def __init__(self, lease_id: str, token: str) -> None:
        self.lease_id, self.token = lease_id, token

    def end(self, engine: Engine, method: AuthMethod) -> None:
        """They can be renewed and ended, and nothing is left."""
        method.renew(self.token).ok()
        engine.renew(self.lease_id).ok()
        engine.revoke(self.lease_id).ok()
        engine.unmount().ok()
        assert engine.cloud.control.leftovers()["clean"]


@contextmanager
def _upgrades(reader: Reader, engine: Engine, method: AuthMethod, old: str, new: str,
              show: Callable[[str], None]) -> Iterator[Held]:
    """From the old version to the new one, back, and over again, under load, with an old lease and token."""
    server = engine.server
    login = method.login(method.bound(token_ttl="1h"), _as_vaults_client_signs(method)).ok()
    held = Held(engine.creds(engine.full_role()).ok().lease_id, login.body["auth"]["client_token"])
    engine.sts_role()
    with _load(engine, method, held.lease_id, held.token) as load:
        kinds, made = set(load.made), load.made
        for section, version in (("From version to version", new), ("Go back", old), ("From version to version", new)):
            before = Counter(made)
            with load.reloads():
                shown = reader.follow(section)
            assert section == "Go back" or version in shown
            assert _running(server) == {version}, section
            # Each kind of request was made after the change too.
            until(lambda before=before: all(made[kind] > before[kind] + 1 for kind in kinds), "requests go on", 60)
    show("\n".join(f"{kind:24} {count:4}, {load.repeated[kind]} repeated" for kind, count in sorted(made.items())))
    yield held


class Load:
    """Requests of every kind, one after another in a thread for each. The first that fails ends all."""

    def __init__(self) -> None:
        #: How many of each kind succeeded, and how many were repeated because a reload had caught them.
        self.made: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.failures: list[str] = []
        self.over = threading.Event()
        self._reloading = threading.Event()

    @contextmanager
    def reloads(self) -> Iterator[None]:
        """While mounts are reloaded, a reload may catch requests."""
        self._reloading.set()
        yield
        self._reloading.clear()

    def repeat(self, kind: str, request: Callable[[], Answer]) -> None:
        """Makes a request until all is over."""
        while not self.over.is_set():
            may_be_caught = self._reloading.is_set()
            try:
                answer = request()
                if may_be_caught and any(text in answer.error for text in _CAUGHT_IN_RELOAD):
                    self.repeated[kind] += 1
                    continue
                answer.ok()
            except Exception as error:  # whatever it is, it is what the test is about
                self.failures.append(f"{kind}: {error!r}")
                self.over.set()
                return
            self.made[kind] += 1
            # Not a wait for anything: the machine is shared.
            time.sleep(0.01)


@contextmanager
def _load(engine: Engine, method: AuthMethod, lease_id: str, token: str) -> Iterator[Load]:
    """Load on both mounts; at its end nothing has failed."""
    load, leases, tokens = Load(), Queue[str](), Queue[str]()

    def issue() -> Answer:
        answer = engine.creds("full")
        if answer.status == 200:
            leases.put(answer.lease_id)
        return answer

    def revoke() -> Answer:
        lease_id = leases.get(timeout=60)
        answer = engine.revoke(lease_id)
        if answer.status >= 300:
            leases.put(lease_id)
        return answer

    def login() -> Answer:
        answer = method.login(signed=_as_vaults_client_signs(method))
        if answer.status == 200:
            tokens.put(answer.body["auth"]["client_token"])
        return answer

    requests: dict[str, Callable[[], Answer]] = {
        "lease of a user": issue,
        "revocation": revoke,
        "STS credentials": lambda: engine.creds("sts"),
        "role of the engine": lambda: engine.api.read(f"{engine.path}/role/full"),
        "renewal of an old lease": lambda: engine.renew(lease_id),
        "login": login,
        "end of a token": lambda: method.api.as_token(tokens.get(timeout=60)).call("PUT", "auth/token/revoke-self"),
        "role of the method": lambda: method.api.read(f"{method.path}/role/dev"),
        "renewal of an old token": lambda: method.renew(token),
    }
    threads = [threading.Thread(target=load.repeat, args=item) for item in requests.items()]
    for thread in threads:
        thread.start()
    try:
        until(lambda: load.over.is_set() or len(load.made) == len(requests), "each request was made once")
        yield load
    finally:
        load.over.set()
        # Whoever waits for a lease or a token to end gets one more.
        for stop in (issue, login):
            with suppress(AssertionError):
                stop()
        for thread in threads:
            thread.join(120)
        assert load.failures == []


def _as_vaults_client_signs(method: AuthMethod) -> Signed:
    """The Go plugin wants the region, its host, and headers."""
    signed = v1(method.session(), _HOST, RegionId=_REGION)
    signed.headers["Accept"] = "application/json"
    return signed


def _existing_mounts(server: Server, cloud: Cloud) -> tuple[Engine, AuthMethod]:
    """The mounts that the document has enabled, configured."""
    engine, method = Engine(server, cloud, _MOUNT, plugin=None), AuthMethod(server, cloud, _MOUNT, plugin=None)
    engine.configure().ok()
    return engine, method


def _next(version: str) -> str:
    """Another version that is as long."""
    last = version[-1]
    return version[:-1] + ("1" if last != "1" else "2")


def _build_of(version: str, old: str, folder: Path) -> Path:
    """A build that reports another version: a copy in which the text of the version is another."""
    assert len(version) == len(old)
    path = folder / "new" / PLUGIN
    path.parent.mkdir()
    shutil.copy2(plugin_binary(), path)
    path.write_bytes(path.read_bytes().replace(old.encode(), version.encode()))
    assert version_of(path) == version
    return path


def _running(server: Server) -> set[str]:
    """The versions that the two mounts run."""
    secrets = server.api.read("sys/mounts").ok().data[f"{_MOUNT}/"]
    auth = server.api.read("sys/auth").ok().data[f"{_MOUNT}/"]
    return {secrets["running_plugin_version"], auth["running_plugin_version"]}
