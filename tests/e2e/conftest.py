"""One server and one fake cloud for all tests (of a worker); every test has a mount of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]

from harness.api import Api, Json  # noqa: E402
from harness.aws import Aws, AwsEngine  # noqa: E402
from harness.aws import register as register_aws  # noqa: E402
from harness.cloud import Cloud  # noqa: E402
from harness.engine import Engine  # noqa: E402
from harness.kills import KINDS, Table  # noqa: E402
from harness.method import AuthMethod  # noqa: E402
from harness.places import PLUGIN, openbao, plugin_binary  # noqa: E402
from harness.secrecy import assert_no_secret_in  # noqa: E402
from harness.server import Server  # noqa: E402
from harness.versions import OLDER  # noqa: E402
from harness.versions import openbao as openbao_of  # noqa: E402
from harness.waiting import until  # noqa: E402

from fakecloud import Control  # noqa: E402

_SHOWN = "shown"

MakeEngine = Callable[..., Engine]
MakeMethod = Callable[..., AuthMethod]


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark."""
    config.addinivalue_line("markers", "long: takes about a minute, or more")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spreads the tests that take long over the workers, which begin with them: each takes an equal part of the list."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(others) // workers)
    items[:] = [item for worker in range(workers)
                for item in [*long[worker::workers], *others[worker * share:(worker + 1) * share]]]


@pytest.fixture(scope="session")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The fake cloud."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.close()


@contextmanager
def _running_server(folder: Path, cloud: Cloud, program: str | None = None) -> Iterator[Server]:
    binary = plugin_binary()
    assert binary.is_file(), f"no plugin at {binary}: run `scripts/build` or set PLUGIN_BINARY"
    server = Server(program or openbao(), folder, binary, cloud.environment)
    try:
        server.start()
        server.register()
        # From a file of its own, so that tests can tell the processes of the two apart.
        server.register(kind="auth", file=f"{PLUGIN}-auth")
        yield server
    finally:
        server.stop()
    assert_no_secret_in(server.log, cloud)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, running_cloud: Cloud) -> Iterator[Server]:
    """The server, with the plugin registered. At its end its trace log is searched for secrets."""
    with _running_server(tmp_path_factory.mktemp("server"), running_cloud) as server:
        yield server


@pytest.fixture(scope="session")
def older_server(tmp_path_factory: pytest.TempPathFactory, running_cloud: Cloud) -> Iterator[Server]:
    """A server of a version that lets more happen (`harness/versions.py`), with the same cloud."""
    with _running_server(tmp_path_factory.mktemp("older-server"), running_cloud, openbao_of(OLDER)) as server:
        yield server


@pytest.fixture
def cloud(running_cloud: Cloud) -> Iterator[Cloud]:
    """The fake cloud as at its start."""
    running_cloud.control.reset()
    yield running_cloud
    # Whatever hangs in a fault must not hold up what follows.
    running_cloud.control.clear_faults()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory, cloud: Cloud) -> Iterator[Server]:
    """A server that no other test uses: it may be killed, and its plugin with it."""
    with _running_server(tmp_path_factory.mktemp("own-server"), cloud) as server:
        yield server


@pytest.fixture
def control(cloud: Cloud) -> Control:
    """The fake cloud's control API."""
    return cloud.control


@pytest.fixture
def api(server: Server) -> Api:
    """The server's API, as root."""
    return server.api


@pytest.fixture
def make_engine(server: Server, cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[MakeEngine]:
    """Makes mounts, `on` another server than the usual one. At the end of the test they go, and the cloud must hold
    nothing of them."""
    yield from _mounts(Engine, server, cloud, _stem(request))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """A configured mount."""
    return make_engine()


@pytest.fixture
def make_method(server: Server, cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[MakeMethod]:
    """Makes mounts of the auth method, `on` another server than the usual one. At the end of the test they go, and no
    faults stay."""
    methods: list[AuthMethod] = []
    stem = _stem(request)

    def make(on: Server | None = None, **options: Any) -> AuthMethod:
        methods.append(AuthMethod(on or server, cloud, f"{stem}-{len(methods)}", **options))
        return methods[-1]

    yield make
    cloud.control.clear_faults()
    for method in methods:
        method.unmount().ok()


@pytest.fixture
def method(make_method: MakeMethod) -> AuthMethod:
    """A mount of the auth method, without configuration."""
    return make_method()


@pytest.fixture(scope="session")
def running_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """IAM for tests."""
    aws = Aws(tmp_path_factory.mktemp("aws"))
    yield aws
    aws.close()


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory, running_aws: Aws) -> Iterator[Server]:
    """A server whose plugins find IAM, with the AWS engine registered: a server's environment goes before a plugin's own."""
    with _running_server(tmp_path_factory.mktemp("aws-server"), running_aws) as server:
        register_aws(server)
        yield server
        running_aws.control.clear_faults()


@pytest.fixture
def aws(running_aws: Aws) -> Iterator[Aws]:
    """IAM as at its start."""
    running_aws.control.reset()
    yield running_aws
    running_aws.control.clear_faults()


@pytest.fixture
def make_aws_engine(aws_server: Server, aws: Aws, request: pytest.FixtureRequest) -> Iterator[Callable[..., AwsEngine]]:
    """Makes mounts of the AWS engine. At the end of the test they go, and IAM must hold nothing of them."""
    yield from _mounts(AwsEngine, aws_server, aws, f"aws-{_stem(request)}")


@pytest.fixture
def aws_engine(make_aws_engine: Callable[..., AwsEngine]) -> AwsEngine:
    """A configured mount of the AWS engine."""
    return make_aws_engine()


@pytest.fixture
def own_aws_server(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[Server]:
    """As `own_server`, with the AWS engine."""
    with _running_server(tmp_path_factory.mktemp("own-aws-server"), aws) as server:
        register_aws(server)
        yield server


@pytest.fixture
def aws_table(own_aws_server: Server, aws: Aws, show: Callable[[str], None]) -> Iterator[Table]:
    """As `table`, of the AWS engine."""
    yield from _table(AwsEngine(own_aws_server, aws, "kills"), show, {"policy": AwsEngine.role})


@pytest.fixture
def table(own_server: Server, cloud: Cloud, show: Callable[[str], None]) -> Iterator[Table]:
    """A table without rows on a server of its own, printed at the end."""
    yield from _table(Engine(own_server, cloud, "kills"), show)


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Prints a text in the summary at the end of the run, however the test ends and whichever worker ran it."""
    return lambda text: record_property(_SHOWN, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have shown."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        # The last report of a test has what its fixtures have shown at their end.
        if getattr(report, "when", None) == "teardown":
            for name, text in report.user_properties:
                if name == _SHOWN:
                    terminalreporter.section(report.nodeid.rpartition("::")[2])
                    terminalreporter.write_line(text)


def _mounts(kind: type[Engine], server: Server, cloud: Cloud, stem: str) -> Iterator[MakeEngine]:
    """Makes mounts. At the end of the test they go, and the cloud must hold nothing of them."""
    engines: list[Engine] = []

    def make(configured: bool = True, on: Server | None = None, **options: str) -> Engine:
        engine = kind(on or server, cloud, f"{stem}-{len(engines)}", **options)
        engines.append(engine)
        if configured:
            engine.configure().ok()
        return engine

    yield make
    cloud.control.clear_faults()
    for engine in engines:
        engine.unmount().ok()
    # A request that is still running at unmount undoes its work a moment later.
    with suppress(TimeoutError):
        until(lambda: cloud.control.leftovers()["clean"], "the cloud holds nothing", timeout=10)
    left = cloud.control.leftovers()
    assert left["clean"], f"left behind: {_named(left)}"


def _table(engine: Engine, show: Callable[[str], None], kinds: dict[str, Callable[..., str]] = KINDS) -> Iterator[Table]:
    engine.configure().ok()
    table = Table(engine, kinds)
    yield table
    if table.rows:
        show(str(table))


def _stem(request: pytest.FixtureRequest) -> str:
    """The name of a test as a path."""
    return re.sub(r"[^a-z0-9]+", "-", str(request.node.name).lower())[:40].strip("-")


def _named(left: Json) -> Json:
    return {kind: rows for kind, rows in left.items() if rows and kind != "clean"}
