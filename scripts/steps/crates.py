"""What is in the binary: the crates, as a CycloneDX bill of materials and as the texts of their licences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .venv import ROOT

#: Files of a crate that its licence asks to pass on.
_TEXTS = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)

#: A crate of a registry in Cargo.lock.
_LOCKED = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"')

#: What is linked besides crates.
_GLIBC = """GNU C Library (glibc): LGPL-2.1-or-later, linked statically. The text of the licence follows. The sources of the
library are those of the distribution that the binary was built on; the sources of this program, with which the binary can be
built again with another version of the library, are public.
"""
_RUST = "Rust standard library: MIT OR Apache-2.0. Copyright The Rust Project contributors. https://www.rust-lang.org\n"
_LGPL = Path("/usr/share/common-licenses/LGPL-2.1")


@dataclass(frozen=True)
class Crate:
    """A crate that is linked."""

    name: str
    version: str
    licence: str
    description: str
    checksum: str
    folder: Path

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:cargo/{self.name}@{self.version}"


def linked(target: str) -> list[Crate]:
    """The crates that the binary of this target is made of, without those that only build or test it."""
    found = subprocess.run(["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"],
                           cwd=ROOT, check=True, stdout=subprocess.PIPE)
    metadata = json.loads(found.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    needs = {node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
             for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, waiting = {root}, [root]
    while waiting:
        for needed in needs[waiting.pop()]:
            # A macro runs in the compiler.
            if needed not in seen and "proc-macro" not in packages[needed]["targets"][0]["kind"]:
                seen.add(needed)
                waiting.append(needed)
    sums = {(name, version): checksum for name, version, checksum in _LOCKED.findall((ROOT / "Cargo.lock").read_text("utf-8"))}
    crates = [Crate(package["name"], package["version"], package["license"] or "", package["description"] or "",
                    sums[package["name"], package["version"]], Path(package["manifest_path"]).parent)
              for package in (packages[found] for found in seen - {root})]
    return sorted(crates, key=lambda crate: (crate.name, crate.version))


def bill_of_materials(version: str, crates: list[Crate], when: str) -> str:
    """CycloneDX 1.5. The serial number is made of the content, so that the same release has the same file."""
    components: list[dict[str, Any]] = [
        {"type": "library", "bom-ref": crate.purl, "name": crate.name, "version": crate.version, "purl": crate.purl,
         "description": " ".join(crate.description.split()), "licenses": [{"expression": crate.licence}],
         "hashes": [{"alg": "SHA-256", "content": crate.checksum}]} for crate in crates]
    program = f"pkg:github/vault-plugin-alicloud@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([program, components], sort_keys=True))
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1,
                "metadata": {"timestamp": when, "component": {
                    "type": "application", "bom-ref": program, "name": "vault-plugin-alicloud", "version": version,
                    "licenses": [{"expression": "MPL-2.0"}]}},
                "components": components,
                "dependencies": [{"ref": program, "dependsOn": [crate.purl for crate in crates]}]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def licences(crates: list[Crate]) -> str:
    """Every crate with its licence, and each text once, after the crates that have it."""
    texts: dict[str, list[str]] = {}
    for crate in crates:
        for path in sorted(_files(crate.folder)):
            text = path.read_text("utf-8", "replace").strip()
            texts.setdefault(text, []).append(f"{crate.name} {crate.version}")
    parts = ["Third-party software in vault-plugin-alicloud\n", _RUST, _GLIBC]
    parts.append("Crates:\n" + "".join(f"\n  {crate.name} {crate.version}: {crate.licence}" for crate in crates) + "\n")
    if not _LGPL.is_file():
        sys.exit(f"the text of the LGPL is not at {_LGPL}: it goes with a binary that has the GNU C Library in it")
    texts.setdefault(_LGPL.read_text("utf-8").strip(), []).append("GNU C Library")
    for text, users in texts.items():
        parts.append(f"{'=' * 100}\n{', '.join(users)}\n{'=' * 100}\n\n{text}\n")
    return "\n".join(parts)


def _files(folder: Path) -> list[Path]:
    """In the crate's own folder, and in the sources that it carries along (aws-lc-sys has those of AWS-LC)."""
    return [path for place in (folder, folder / "aws-lc") if place.is_dir()
            for path in place.iterdir() if path.is_file() and _TEXTS.match(path.name)]
