"""Checks of the dependency tree that need no network and no further tool.

`deny.toml` says the same to cargo-deny, for machines that have it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"

#: Licences that go with MPL-2.0 in one binary.
_LICENCES = {"0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
             "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "OpenSSL", "Unicode-3.0",
             "Unlicense", "Zlib"}

#: One TLS and crypto stack, not two; nothing that links a library of the machine's.
_BANNED = {"ring": "rustls runs on aws-lc-rs", "openssl": "rustls does TLS", "openssl-sys": "rustls does TLS",
           "native-tls": "rustls does TLS", "rustls-pemfile": "unmaintained; rustls-pki-types reads PEM",
           "webpki-roots": "the machine's own roots count"}


def check(root: Path) -> None:
    """Ends the script when something in the tree may not be there."""
    print("$ cargo metadata --locked --offline  # licences, banned crates, sources", flush=True)
    # Only for the platforms that we ship for: what other platforms would pull in is never built.
    packages = [package for triple in ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
                for package in _packages(root, triple)]
    complaints = sorted({complaint for package in packages for complaint in _complaints(package)})
    for complaint in complaints:
        print(f"error: {complaint}")
    if complaints:
        sys.exit(1)
    print(f"{len({package['id'] for package in packages})} packages are fine")


def _packages(root: Path, triple: str) -> list[dict[str, Any]]:
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={triple}"]
    # A fresh machine has to fetch the crates first, once.
    done = subprocess.run([*command, "--offline"], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    used = _built(root, triple)
    packages: list[dict[str, Any]] = json.loads(done.stdout)["packages"]
    return [package for package in packages if (package["name"], package["version"]) in used]


def _built(root: Path, triple: str) -> set[tuple[str, str]]:
    """Name and version of what is built: the metadata also lists what only an unused feature would pull in."""
    done = subprocess.run(["cargo", "tree", "--locked", "--offline", f"--target={triple}", "--prefix=none",
                           "--edges=normal,build,dev", "--format={p}"],
                          cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    lines = (line.split() for line in done.stdout.splitlines() if line.strip())
    return {(words[0], words[1].removeprefix("v")) for words in lines}


def _complaints(package: dict[str, Any]) -> list[str]:
    name = f"{package['name']} {package['version']}"
    found = []
    # No source: the package itself.
    if package["source"] not in (None, _REGISTRY):
        found.append(f"{name} comes from {package['source']}, not from crates.io")
    if reason := _BANNED.get(package["name"]):
        found.append(f"{name} is banned: {reason}")
    if not licence_allowed(package["license"] or ""):
        found.append(f"{name} has the licence {package['license']!r}")
    return found


def licence_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with the allowed licences."""
    # Old manifests write "MIT/Apache-2.0" for OR.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def either() -> bool:
        nonlocal position
        result = both()
        while position < len(tokens) and tokens[position] == "OR":
            position += 1
            result = both() or result
        return result

    def both() -> bool:
        nonlocal position
        result = one()
        while position < len(tokens) and tokens[position] == "AND":
            position += 1
            result = one() and result
        return result

    def one() -> bool:
        nonlocal position
        if position >= len(tokens):
            return False
        token = tokens[position]
        position += 1
        if token == "(":
            result = either()
            position += 1
            return result
        if tokens[position:position + 1] == ["WITH"]:
            token = f"{token} WITH {tokens[position + 1]}"
            position += 2
        return token in _LICENCES

    return bool(tokens) and either()
