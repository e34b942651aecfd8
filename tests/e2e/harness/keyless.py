"""Mounts without keys: what the plugin's environment offers, how it changes, and requests that never stop meanwhile."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from .api import Answer, Json
from .cloud import Cloud
from .engine import Engine
from .server import Server
from .waiting import until

_numbers = itertools.count()

#: No test asks the real address of the metadata service by chance.
NO_METADATA = "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true"


@contextmanager
def keyless(server: Server, cloud: Cloud, *variables: str) -> Iterator[Engine]:
    """A mount without configuration, of a plugin with these variables in its environment and a process of its own."""
    name = f"alicloud-keyless-{next(_numbers)}"
    server.register(name, env=list(variables) or None)
    engine = Engine(server, cloud, name, plugin=name)
    try:
        yield engine
    finally:
        cloud.control.clear_faults()
        engine.unmount().ok()
    left = cloud.control.leftovers()
    assert left["clean"], f"left behind: {left}"


def issue_and_revoke(engine: Engine, times: int = 1) -> None:
    """Credentials of both kinds, and their end."""
    for role in (engine.full_role(), engine.sts_role()):
        for _ in range(times):
            engine.revoke(engine.creds(role).ok().lease_id).ok()


def keys_of(cloud: Cloud, *, but: str = "AssumeRoleWithOIDC") -> set[str]:
    """The keys that signed the calls so far."""
    return {call["access_key_id"] for call in cloud.control.calls() if call["action"] != but}


def signs(cloud: Cloud, key: str | None, calls: int = 8) -> bool:
    """Whether so many calls have come from a key: those that began with an older one are nearly through then."""
    return sum(call["access_key_id"] == key for call in cloud.control.calls()) >= calls


class Pod:
    """An identity token in a file, as the kubelet keeps it, and a RAM role that trusts its provider."""

    PROVIDER = "ack-rrsa"

    def __init__(self, cloud: Cloud, folder: Path, role: str = "vault-pod") -> None:
        self._cloud = cloud
        self.file = folder / "token"
        self.provider_arn = f"acs:ram::{cloud.account_id}:oidc-provider/{self.PROVIDER}"
        self.token = self.replace_token()
        self.role_arn: str = cloud.control.role(role, grants=["*"], trust=trust_of(self.provider_arn))["arn"]

    @property
    def variables(self) -> list[str]:
        """What ACK's webhook puts into a pod."""
        return [f"ALIBABA_CLOUD_ROLE_ARN={self.role_arn}", f"ALIBABA_CLOUD_OIDC_PROVIDER_ARN={self.provider_arn}",
                f"ALIBABA_CLOUD_OIDC_TOKEN_FILE={self.file}", NO_METADATA]

    def replace_token(self) -> str:
        """Another token takes the file's name."""
        self.token = self._cloud.control.post("oidc", provider_name=self.PROVIDER)["token"]
        fresh = self.file.with_name("fresh")
        fresh.write_text(self.token)
        fresh.rename(self.file)
        return self.token


def trust_of(provider_arn: str) -> Json:
    """A trust policy for the tokens of a provider."""
    return {"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [provider_arn]},
        "Condition": {"StringEquals": {"oidc:sub": "system:serviceaccount:vault:vault"}}}]}


class Load:
    """Requests from several threads as long as `with` lasts; at its end none may have failed."""

    def __init__(self, *requests: Callable[[], Answer], threads: int = 4) -> None:
        self._requests = requests
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failed: list[Any] = []
        self._done = [0] * threads
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    @property
    def done(self) -> int:
        """Requests that have ended."""
        return sum(self._done)

    def wait_for_the_requests_of_now(self) -> None:
        """Until all requests that have begun by now have ended. Others go on."""
        before = list(self._done)
        until(lambda: all(done > then for done, then in zip(self._done, before, strict=True)),
              "the requests that have begun by now have ended")

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if kind is None:
            assert not self._failed, f"{len(self._failed)} of {self.done} requests failed: {self._failed[:3]}"

    def _run(self, number: int) -> None:
        turns = itertools.count(number)
        while not self._stop.is_set():
            try:
                answer = self._requests[next(turns) % len(self._requests)]()
                failure = None if answer.status < 300 else (answer.status, answer.error)
            except Exception as error:  # noqa: BLE001 - whatever went wrong is what the test is about
                failure = (0, repr(error))
            if failure is not None:
                with self._lock:
                    self._failed.append(failure)
            self._done[number] += 1


def under_load(engine: Engine) -> Load:
    """Issues and revokes of both kinds."""
    full, sts = engine.full_role(), engine.sts_role()

    def round_trip(role: str) -> Answer:
        answer = engine.creds(role)
        return engine.revoke(answer.lease_id) if answer.status == 200 else answer

    return Load(lambda: round_trip(full), lambda: round_trip(sts))
