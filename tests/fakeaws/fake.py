"""The whole of it as one object."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fakecloud.ca import TestAuthority
from fakecloud.control import ControlServer
from fakecloud.faults import Fault, FaultBook
from fakecloud.recorder import Recorder
from fakecloud.server import ProxyServer

from .account import ACCOUNT_ID, OTHER_ACCOUNT_ID, Accounts
from .front import IamFront

Json = dict[str, Any]


class FakeAws:
    """IAM behind a proxy, and the control API of both."""

    def __init__(self, folder: Path) -> None:
        self.accounts = Accounts()
        self.recorder = Recorder()
        self.faults = FaultBook()
        self._authority = TestAuthority(folder)
        self._server = ProxyServer(IamFront(self.accounts), self._authority, self.recorder, self.faults)
        self._control = _Control(self)

    def info(self) -> Json:
        """The ready line of the command."""
        access_key, secret = self.accounts.key()
        others = {name: self.accounts.key(*of) for name, of in (
            ("other", (OTHER_ACCOUNT_ID,)), ("china", (ACCOUNT_ID, "aws-cn")), ("gov", (ACCOUNT_ID, "aws-us-gov")))}
        return {"proxy": f"http://127.0.0.1:{self._server.port}", "ca_file": str(self._authority.ca_file),
                "control": f"http://127.0.0.1:{self._control.port}", "account_id": ACCOUNT_ID,
                "access_key_id": access_key, "access_key_secret": secret, "others": others, "pid": os.getpid()}

    def reset(self) -> None:
        """As at the start; whatever hangs in a fault is let go."""
        self.faults.remove()
        with self.accounts.lock:
            self.accounts.reset()
        self.recorder.clear()

    def start(self) -> None:
        """Begins to serve."""
        self._server.start()
        self._control.start()

    def close(self) -> None:
        """Stops serving."""
        self.faults.remove()
        self._server.close()
        self._control.close()


class _Control(ControlServer):
    """The fake cloud's control API as far as it is about calls and faults, and changes of the accounts."""

    def __init__(self, fake: FakeAws) -> None:
        super().__init__(fake)  # type: ignore[arg-type]
        self._aws = fake

    def _dispatch(self, method: str, name: str, args: dict[str, str], body: Json) -> Json | None:
        if method == "GET" and name in ("state", "leftovers"):
            with self._aws.accounts.lock:
                return self._aws.accounts.state() if name == "state" else self._aws.accounts.leftovers()
        if method in ("GET", "DELETE"):
            return super()._dispatch(method, name, args, body)
        if name == "faults":
            return {"id": self._aws.faults.add(Fault.from_json(body))}
        if name == "reset":
            self._aws.reset()
            return {}
        with self._aws.accounts.lock:
            return self._aws.accounts.change(name, body)
