"""The plugin that the tests and the scripts run: the release build, which is what ships, or what PLUGIN_BINARY names.

It is a static binary, so that it starts whatever C library its machine has, or none. Only the release build is: with
`--target` the flags are not those of build scripts and macros, which the compiler loads as dynamic libraries. No path of
the machine that builds gets into it, so that two machines build the same bytes.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
from pathlib import Path

from .venv import ROOT

#: The target of this machine.
TARGET = f"{platform.machine()}-unknown-linux-gnu"

#: Cargo's output directory.
FOLDER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

#: For the TLS library's C code.
_TLS_FLAGS = ("-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-DMY_ASSEMBLER_IS_TOO_OLD_FOR_ADX_AVX2")

_CARGO_HOME = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))


def command(target: str = TARGET, root: Path = ROOT, folder: Path = FOLDER) -> list[str]:
    """What builds the sources in `root`, with Cargo's output in `folder`."""
    hidden = {_CARGO_HOME: "/cargo", root: "/vault-plugin-alicloud", folder: "/target"}
    flags = ["-Ctarget-feature=+crt-static",
             # The file moves to its address at each start: in this form, what that takes is 4 KiB instead of 340.
             *(["-Clink-arg=-Wl,-z,pack-relative-relocs"] if _knows_packed_relocations() else []),
             # Functions of the same code once, and those that rarely run in pages of their own, so that the system loads
             # less of the file. Only LLD can; it is the default linker on this architecture.
             *(["-Clink-arg=-Wl,--icf=all", "-Clink-arg=-Wl,-z,keep-text-section-prefix"]
               if target.startswith("x86_64-") else []),
             # The system call. The default looks for it at run time, which a static binary cannot, and then wants
             # /dev/urandom.
             "--cfg", 'getrandom_backend="linux_getrandom"',
             *(f"--remap-path-prefix={path.resolve()}={name}" for path, name in hidden.items())]
    return ["cargo", "build", "--release", "--locked", "--target", target, "--target-dir", str(folder),
            "--config", f"target.{target}.rustflags={json.dumps(flags)}"]


def _knows_packed_relocations() -> bool:
    """Whether the C library that gets into the file can read them at its start."""
    name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= (2, 36)


def environment(target: str = TARGET) -> dict[str, str]:
    """Without flags that would take the place of those. Nothing unwinds through the TLS library's C code: it needs no
    tables for that, of 80 KiB. Of its implementations of Curve25519, which is used once for a connection, the portable
    one is enough: those for each kind of processor have 330 KiB more."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET")}
    return {**kept, f"CFLAGS_{target.replace('-', '_')}": " ".join(_TLS_FLAGS)}


def build() -> Path:
    """Builds it, unless PLUGIN_BINARY names one; where it is."""
    if not os.environ.get("PLUGIN_BINARY"):
        print("$", shlex.join(command()), flush=True)
        subprocess.run(command(), cwd=ROOT, env=environment(), check=True)
    from harness.places import plugin_binary

    return plugin_binary()
