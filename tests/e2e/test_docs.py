"""The commands of the documents on installing and upgrading are run as they are written there."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from harness.api import Json
from harness.cloud import Cloud
from harness.cluster import Cluster
from harness.documents import Reader
from harness.engine import Engine
from harness.load import as_vaults_client_signs, build_of, load_on, next_version
from harness.method import AuthMethod
from harness.places import PLUGIN, go_plugin, openbao, plugin_binary, vault, version_of
from harness.secrecy import assert_no_secret_in
from harness.server import Server
from harness.waiting import until

#: What `install.md` enables, and the default of `upgrade.md`.
_MOUNT = "alicloud"


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
    new = next_version(old)
    reader = Reader(fresh, "upgrade.md", CLI=fresh.program, BINARY=build_of(new, old, tmp_path),
                    PLUGIN_DIR=fresh.plugins, OLD=old, OLD_FILE=f"{PLUGIN}_{old}")
    assert reader.sections() == {"From version to version", "Go back", "Remove the old version"}
    engine, method = _existing_mounts(fresh, cloud)
    with _upgrades(reader, engine, method, {old}, new, show) as held:
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
    found = {kind: fresh.api.call("GET", f"sys/plugins/catalog/{kind}/alicloud") for kind in ("secret", "auth")}
    if any(answer.status != 200 for answer in found.values()):
        pytest.skip("this server has no built-in plugins for AliCloud")
    old = {kind: answer.data["version"] for kind, answer in found.items()}
    assert all(version.endswith("+builtin") for version in old.values())
    engine, method = Engine(fresh, cloud, _MOUNT), AuthMethod(fresh, cloud, _MOUNT)
    engine.configure().ok()
    reader = Reader(fresh, "upgrade.md", CLI=fresh.program, BINARY=plugin_binary(), PLUGIN_DIR=fresh.plugins,
                    OLD=old["secret"], AUTH_OLD=old["auth"])
    with _upgrades(reader, engine, method, set(old.values()), version_of(plugin_binary()), show) as held:
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
    with _upgrades(reader, engine, method, {old}, version_of(plugin_binary()), show) as held:
        held.end(engine, method)


def test_openbao_does_not_start_with_a_version_that_is_registered_and_declared(fresh: Server, cloud: Cloud) -> None:
    """What `upgrade.md` warns of, the way out, and the order that it recommends."""
    if fresh.is_vault:
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
        new = build_of(next_version(old), old, tmp_path)
        _on_every_node(cluster, "upgrade.md", new).follow("From version to version")
        for node in cluster.nodes:
            until(lambda node=node: node.plugin_processes(f"{PLUGIN}_{next_version(old)}")
                  and not node.plugin_processes(f"{PLUGIN}_{old}"), f"{node.name} runs the new version alone")
        assert _running(leader) == {next_version(old)}
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
def _upgrades(reader: Reader, engine: Engine, method: AuthMethod, old: set[str], new: str,
              show: Callable[[str], None]) -> Iterator[Held]:
    """From the old version to the new one, back, and over again, under load, with an old lease and token."""
    server = engine.server
    login = method.login(method.bound(token_ttl="1h"), as_vaults_client_signs(method)).ok()
    held = Held(engine.creds(engine.full_role()).ok().lease_id, login.body["auth"]["client_token"])
    engine.sts_role()
    with load_on(engine, method, held.lease_id, held.token) as load:
        kinds, made = set(load.made), load.made
        forwards = ("From version to version", {new})
        for section, versions in (forwards, ("Go back", old), forwards):
            before = Counter(made)
            with load.reloads():
                shown = reader.follow(section)
            assert section == "Go back" or new in shown
            assert _running(server) == versions, section
            # Each kind of request was made after the change too.
            until(lambda before=before: all(made[kind] > before[kind] + 1 for kind in kinds), "requests go on", 60)
    show("\n".join(f"{kind:24} {count:4}, {load.repeated[kind]} repeated" for kind, count in sorted(made.items())))
    yield held


def _existing_mounts(server: Server, cloud: Cloud) -> tuple[Engine, AuthMethod]:
    """The mounts that the document has enabled, configured."""
    engine, method = Engine(server, cloud, _MOUNT, plugin=None), AuthMethod(server, cloud, _MOUNT, plugin=None)
    engine.configure().ok()
    return engine, method


def _running(server: Server) -> set[str]:
    """The versions that the two mounts run."""
    secrets = server.api.read("sys/mounts").ok().data[f"{_MOUNT}/"]
    auth = server.api.read("sys/auth").ok().data[f"{_MOUNT}/"]
    return {secrets["running_plugin_version"], auth["running_plugin_version"]}
