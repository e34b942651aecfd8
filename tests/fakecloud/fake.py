"""The fake as one object, for the command line and for tests in the same process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from collections.abc import Mapping

from .actions import Actions
from .ca import TestAuthority
from .client import Control
from .clock import Clock
from .control import ControlServer
from .credentials_uri import CredentialsUri
from .faults import Fault, FaultBook
from .gateway import Gateway
from .metadata import MetadataService
from .preset import Preset
from .recorder import Recorder
from .server import ProxyServer
from .state import Cloud


class FakeCloud:
    """A running fake: `with FakeCloud() as fake: … fake.proxy, fake.ca_file, fake.control`."""

    def __init__(self, directory: Path | str | None = None,
                 seed: Mapping[str, Any] | None = None,
                 metadata: tuple[str, int] | None = None,
                 metadata_mode: str = "optional") -> None:
        self._temporary = tempfile.TemporaryDirectory() if directory is None else None
        folder = Path(self._temporary.name if self._temporary else directory or ".")
        self._seed = dict(seed or {})
        names = ("account_id", "access_key_id", "access_key_secret")
        self.preset = Preset(**{name: self._seed.pop(name) for name in names
                                if name in self._seed})
        self.cloud = Cloud(Clock())
        self.actions = Actions(self.cloud, self.preset.account_id)
        self.recorder = Recorder()
        self.faults = FaultBook()
        self._gateway = Gateway(self.cloud)
        self._authority = TestAuthority(folder)
        self._install()
        self._server = ProxyServer(self._gateway, self._authority, self.recorder, self.faults)
        self._control_server = ControlServer(self)
        self.credentials_uri = CredentialsUri(self.cloud, self.preset.account_id)
        self.metadata = None if metadata is None else MetadataService(
            self.cloud, self.preset.account_id, metadata, mode=metadata_mode)

    @property
    def proxy(self) -> str:
        """For HTTPS_PROXY."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def ca_file(self) -> str:
        """For SSL_CERT_FILE."""
        return str(self._authority.ca_file)

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"http://127.0.0.1:{self._control_server.port}"

    @property
    def control(self) -> Control:
        """A client of the control API."""
        return Control(self.control_url)

    def info(self) -> dict[str, Any]:
        """The ready line of the command."""
        info: dict[str, Any] = {
            "proxy": self.proxy, "ca_file": self.ca_file, "control": self.control_url,
            "account_id": self.preset.account_id, "access_key_id": self.preset.access_key_id,
            "access_key_secret": self.preset.access_key_secret, "pid": os.getpid(),
            "credentials_uri": self.credentials_uri.url}
        if self.metadata:
            info["metadata"] = self.metadata.url
        return info

    def reset(self) -> None:
        """Preset and seed as at the start; whatever hangs in a fault is let go."""
        self.faults.remove()
        with self.cloud.lock:
            self.cloud.clock.offset = 0.0
            self._install()
        self.credentials_uri.reset()
        self.recorder.clear()

    def start(self) -> None:
        """Begins to serve."""
        self._server.start()
        self._control_server.start()
        self.credentials_uri.start()
        if self.metadata:
            self.metadata.start()

    def close(self) -> None:
        """Stops serving and removes a temporary directory."""
        self.faults.remove()
        self._server.close()
        self._control_server.close()
        self.credentials_uri.close()
        if self.metadata:
            self.metadata.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> FakeCloud:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _install(self) -> None:
        self.cloud.clear()
        self._gateway.authenticator.reset()
        self.preset.install(self.cloud)
        unknown = set(self._seed) - set(self.actions.table) - {"faults"}
        if unknown:
            raise ValueError(f"unknown names in the seed: {sorted(unknown)}")
        # In the order of the table: what is referred to comes before what refers to it.
        for name, action in self.actions.table.items():
            entries = self._seed.get(name, [])
            for entry in entries if isinstance(entries, list) else [entries]:
                action(entry)
        for fault in self._seed.get("faults", []):
            self.faults.add(Fault.from_json(fault))
