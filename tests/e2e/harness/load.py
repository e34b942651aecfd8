"""Requests of every kind while a mount gets another version of the plugin, and such a version."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue

from .api import Answer
from .engine import Engine
from .method import AuthMethod
from .places import PLUGIN, plugin_binary, version_of
from .signing import Signed, v1
from .waiting import until

#: What logins are signed for.
_REGION, _HOST = "us-east-1", "sts.us-east-1.aliyuncs.com"

#: What the servers answer to requests that they have begun to handle when they reload their mount: they look at the old
#: backend without the lock that holds new requests back, so nothing was done. `upgrade.md` says so, and clients repeat
#: them.
_CAUGHT_IN_RELOAD = ("unable to retrieve system view from router", "no mount is set up for this multiplex_id")


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
def load_on(engine: Engine, method: AuthMethod, lease_id: str, token: str) -> Iterator[Load]:
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
        answer = method.login(signed=as_vaults_client_signs(method))
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


def as_vaults_client_signs(method: AuthMethod) -> Signed:
    """The Go plugin wants the region, its host, and headers."""
    signed = v1(method.session(), _HOST, RegionId=_REGION)
    signed.headers["Accept"] = "application/json"
    return signed


def next_version(version: str) -> str:
    """Another version that is as long."""
    last = version[-1]
    return version[:-1] + ("1" if last != "1" else "2")


def build_of(version: str, old: str, folder: Path) -> Path:
    """A build that reports another version: a copy in which the text of the version is another."""
    assert len(version) == len(old)
    path = folder / "new" / PLUGIN
    path.parent.mkdir()
    shutil.copy2(plugin_binary(), path)
    path.write_bytes(path.read_bytes().replace(old.encode(), version.encode()))
    assert version_of(path) == version
    return path
