"""A real server in a directory of its own, on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from .api import Api, Json
from .places import PLUGIN, clean_environment, free_ports
from .processes import children_running
from .waiting import until


class Server:
    """OpenBao with storage on disk, so that it can be restarted, sealed and unsealed."""

    def __init__(self, program: str, folder: Path, binary: Path, environment: dict[str, str],
                 log_level: str = "trace", ports: tuple[int, int] | None = None) -> None:
        self.program = program
        self._log_level = log_level
        self.folder = folder.resolve()
        self.log = self.folder / "server.log"
        # Both products refuse a plugin directory that is a symbolic link.
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir(parents=True)
        self._binary = binary
        self._environment = {**clean_environment(), "HOME": str(self.folder), **environment}
        port, self._cluster_port = ports or free_ports(2)
        self.address = f"http://127.0.0.1:{port}"
        self._listen = f"127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        #: The one key that unseals it.
        self.unseal_key = ""
        self.api = Api(self.address)
        self.install(PLUGIN)

    @property
    def is_vault(self) -> bool:
        """Whether the program is HashiCorp Vault and not OpenBao."""
        return os.path.basename(self.program).startswith("vault")

    # === life ===

    def arguments(self) -> list[str]:
        """The command line, with the configuration file written."""
        config = self.folder / "server.json"
        config.write_text(json.dumps(self.configuration()), "utf-8")
        return ["server", f"-config={config}"]

    def configuration(self) -> Json:
        """What the configuration file says."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return {
            "storage": {"raft": {"path": str(data), "node_id": "one", "performance_multiplier": 1}},
            "listener": {"tcp": {"address": self._listen, "tls_disable": True,
                                 "cluster_address": f"127.0.0.1:{self._cluster_port}"}},
            "api_addr": self.address, "cluster_addr": f"https://127.0.0.1:{self._cluster_port}",
            "plugin_directory": str(self.plugins),
            "log_level": self._log_level, "log_format": "json",
            # Lets tests look at, and age, what the plugin stores.
            "raw_storage_endpoint": True,
            # Vault wants to be told, and may not lock its memory everywhere; OpenBao no longer does.
            **({"disable_mlock": True} if self.is_vault else {})}

    def start(self) -> None:
        """Starts it and waits until it serves requests."""
        self.launch()
        self.become_active()

    def launch(self) -> None:
        """Starts the process and waits until it answers, sealed or not."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([self.program, *self.arguments()], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, env=self._environment)
        until(lambda: self._alive() and self.health() != 0, f"{self.program} answers")

    def become_active(self) -> None:
        """Initialises what is new, unseals, and waits for leadership."""
        if self.health() == 501:
            keys = self.api.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}).ok()
            self.unseal_key, self.api.token = keys.body["keys"][0], keys.body["root_token"]
        self.unseal()

    def stop(self) -> None:
        """Ends it. Its plugins go with it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self, *plugins: int) -> None:
        """Ends it as the kernel does when memory runs out. Its plugins see that and end a moment later, or at once when
        their processes are named, as when the machine loses its power."""
        assert self._process is not None
        for pid in (self.pid, *plugins):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Ends it and starts it again with the same storage."""
        self.stop()
        self.start()

    def seal(self) -> None:
        """Seals it."""
        self.api.call("PUT", "sys/seal").ok()
        until(lambda: self.health() == 503, "the server is sealed")

    def unseal(self) -> None:
        """Unseals it and waits until it serves requests again."""
        self.api.call("PUT", "sys/unseal", {"key": self.unseal_key}).ok()
        until(lambda: self.health() == 200, "the server is active")

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def _alive(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log.read_text('utf-8')[-3000:]}")
        return True

    def health(self) -> int:
        """The status of `sys/health`: 200 is active, 429 or 473 a standby, 501 new, 503 sealed. 0 without an answer."""
        try:
            return self.api.call("GET", "sys/health", timeout=10).status
        except OSError:
            return 0

    # === plugins ===

    def install(self, file: str) -> Path:
        """Puts the binary under test into the plugin directory under this name."""
        path = self.plugins / file
        if not path.exists():
            shutil.copy2(self._binary, path)
        return path

    def register(self, name: str = "alicloud", kind: str = "secret", file: str = PLUGIN,
                 env: list[str] | None = None, args: list[str] | None = None) -> None:
        """Registers the binary. Another `name` gets a process of its own."""
        digest = hashlib.sha256(self.install(file).read_bytes()).hexdigest()
        fields: Json = {"sha256": digest, "command": file}
        if env:
            fields["env"] = env
        if args:
            fields["args"] = args
        self.api.call("PUT", f"sys/plugins/catalog/{kind}/{name}", fields).ok()

    def plugin_processes(self, file: str = PLUGIN) -> list[int]:
        """The running processes of a plugin file."""
        return children_running(self.pid, self.plugins / file)

    def kill_plugin(self, file: str = PLUGIN) -> int:
        """Kills a plugin and waits until the server has seen it; its process id."""
        [pid] = self.plugin_processes(file)
        seen = self.log.stat().st_size
        os.kill(pid, signal.SIGKILL)
        # Until then the server sends requests into the void, and answers them with a 500.
        until(lambda: self._logged(seen, '"plugin process exited"', f'"id":"{pid}"'), "the server has seen the end")
        return pid

    def _logged(self, start: int, *texts: str) -> bool:
        """Whether a line of the log from that byte on has all these texts."""
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read().decode("utf-8", "replace").splitlines()
        return any(all(text in line for text in texts) for line in lines)


class DevServer(Server):
    """A server in development mode: in memory, unsealed, with a known token. For the demo."""

    TOKEN = "root"

    def arguments(self) -> list[str]:
        """The command line; the configuration only names the plugin directory."""
        config = self.folder / "server.json"
        config.write_text(json.dumps({"plugin_directory": str(self.plugins)}), "utf-8")
        return ["server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={self.TOKEN}",
                f"-dev-listen-address={self._listen}", f"-config={config}"]

    def become_active(self) -> None:
        """It is from the start, but its token is made a moment later."""
        self.api.token = self.TOKEN
        until(lambda: self.api.read("auth/token/lookup-self").status == 200, "the root token works")


def command_environment(server: Server) -> dict[str, Any]:
    """What a command-line client needs, under the names that the product's own documents use."""
    prefix = "VAULT" if server.is_vault else "BAO"
    return {f"{prefix}_ADDR": server.address, f"{prefix}_TOKEN": server.api.token}
