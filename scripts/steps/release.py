"""What a release consists of, and whether it can be made again."""

from __future__ import annotations

import filecmp
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import certifi

from . import build, crates, packages
from .archive import Entry, compressed, of_file, tar
from .oci import Layout
from .packages import ARCHITECTURES, PLUGIN
from .venv import ROOT


def declared_version(root: Path = ROOT) -> str:
    """The version in Cargo.toml."""
    found = re.search(r'^version = "(.+)"$', (root / "Cargo.toml").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def run(version: str, out: Path, check: bool) -> int:
    """Makes a release in `out`; with `check` a second one of a clone elsewhere, which must be the same."""
    if version != declared_version():
        sys.exit(f"Cargo.toml declares version {declared_version()}, not {version}")
    changed = _git("status", "--porcelain")
    if changed:
        sys.exit(f"the checkout is not clean:\n{changed}")
    packages.check_tools()
    targets = _targets()
    print(f"# architectures: {', '.join(ARCHITECTURES[target][0] for target in targets)}", flush=True)
    binaries = {target: _build(target, ROOT, build.FOLDER) for target in targets}
    make(version, out, binaries)
    print(commands(version, out))
    return _check(version, out, targets) if check else 0


def make(version: str, out: Path, binaries: dict[str, Path]) -> None:
    """Everything, from binaries that are built."""
    _empty(out)
    epoch, documents = _epoch(), _documents(next(iter(binaries)))
    when = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for target, binary in binaries.items():
        name = f"{PLUGIN}_{version}_linux_{ARCHITECTURES[target][0]}"
        files = [of_file(PLUGIN, binary, 0o755), *(Entry(name, content) for name, content in documents.items())]
        (out / f"{name}.tar.gz").write_bytes(compressed(tar(files, epoch)))
        (out / f"{name}.cdx.json").write_text(crates.bill_of_materials(version, crates.linked(target), when), "utf-8")
        packages.deb(out, version, target, binary, documents, epoch)
        packages.rpm(out, version, target, binary, documents, epoch)
    _finish(version, out, binaries, documents)


def join(version: str, out: Path, parts: list[Path]) -> None:
    """One release of those that were made on machines of different architectures."""
    _empty(out)
    with tempfile.TemporaryDirectory() as temporary:
        binaries: dict[str, Path] = {}
        for part in parts:
            for path in part.iterdir():
                if path.is_file() and path.name != "SHA256SUMS" and not path.name.endswith("_image.tar"):
                    shutil.copy2(path, out)
            for target, (architecture, *_) in ARCHITECTURES.items():
                archive = part / f"{PLUGIN}_{version}_linux_{architecture}.tar.gz"
                if archive.is_file():
                    with tarfile.open(archive) as opened:
                        opened.extract(PLUGIN, Path(temporary) / target, filter="data")
                    binaries[target] = Path(temporary) / target / PLUGIN
        _finish(version, out, binaries, _documents(next(iter(binaries))))


def image(folder: Path, version: str, binaries: dict[str, Path], documents: dict[str, bytes]) -> None:
    """The image layout, with an image for each architecture."""
    layout = Layout(folder, _labels(version), _epoch())
    files = [*(Entry(name, content) for name, content in documents.items()),
             of_file("etc/ssl/certs/ca-certificates.crt", Path(certifi.where()))]
    images = [layout.image(ARCHITECTURES[target][0], [of_file(PLUGIN, binary, 0o755), *files], PLUGIN)
              for target, binary in binaries.items()]
    layout.index(images, [f"v{version}", version])


def _finish(version: str, out: Path, binaries: dict[str, Path], documents: dict[str, bytes]) -> None:
    """What all architectures are in."""
    image(out / "image", version, binaries, documents)
    files = [of_file(str(path.relative_to(out / "image")), path)
             for path in (out / "image").rglob("*") if path.is_file()]
    (out / f"{PLUGIN}_{version}_image.tar").write_bytes(tar(files, _epoch()))
    _sums(out, version, binaries)


def _documents(target: str) -> dict[str, bytes]:
    return {"LICENSE": (ROOT / "LICENSE").read_bytes(), "CHANGELOG.md": (ROOT / "CHANGELOG.md").read_bytes(),
            "THIRD-PARTY-LICENSES.txt": crates.licences(crates.linked(target)).encode()}


def _empty(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def _epoch() -> int:
    return int(_git("log", "-1", "--format=%ct"))


def commands(version: str, out: Path) -> str:
    """What to type to register it."""
    lines = []
    for line in (out / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split()
        if "/" not in name and name.startswith(f"{PLUGIN}_v"):
            lines += [f"# {name}", *(f"vault plugin register -sha256={digest} -command={PLUGIN}_v{version} "
                                     f"-version=v{version} {kind} alicloud" for kind in ("secret", "auth"))]
    return "\n".join(lines)


def _targets() -> list[str]:
    """Those that there is a standard library for."""
    libraries = Path(subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, check=True, stdout=subprocess.PIPE,
                                    text=True).stdout.strip()) / "lib/rustlib"
    return [target for target in ARCHITECTURES if (libraries / target / "lib").is_dir()]


def _build(target: str, root: Path, folder: Path) -> Path:
    command = build.command(target, root, folder)
    print("$", shlex.join(command), flush=True)
    subprocess.run(command, cwd=root, check=True, env=build.environment(target))
    return folder / target / "release" / PLUGIN


def _labels(version: str) -> dict[str, str]:
    return {"org.opencontainers.image.title": PLUGIN, "org.opencontainers.image.version": f"v{version}",
            "org.opencontainers.image.revision": _git("rev-parse", "HEAD"),
            "org.opencontainers.image.licenses": "MPL-2.0",
            "org.opencontainers.image.description": "AliCloud secrets engine and auth method for Vault and OpenBao"}


def _sums(out: Path, version: str, binaries: dict[str, Path]) -> None:
    """Of the files for download, and of the binaries in them, which are what a server is told."""
    rows = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for target, binary in binaries.items():
        rows[f"{PLUGIN}_v{version}_linux_{ARCHITECTURES[target][0]}"] = binary.read_bytes()
    (out / "SHA256SUMS").write_text("".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(rows.items())), "utf-8")


def _check(version: str, out: Path, targets: list[str]) -> int:
    """Builds a clone in another folder, at another time, and compares."""
    with tempfile.TemporaryDirectory(prefix="alicloud-again-") as temporary:
        clone, again = Path(temporary) / "clone", Path(temporary) / "dist"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        make(version, again, {target: _build(target, clone, clone / "target") for target in targets})
        names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
        others = sorted(str(path.relative_to(again)) for path in again.rglob("*") if path.is_file())
        different = [name for name in names if name not in others or not filecmp.cmp(out / name, again / name, False)]
    if different or names != others:
        print(f"NOT REPRODUCIBLE: {', '.join(different) or sorted(set(names) ^ set(others))}")
        return 1
    print(f"# reproducible: {len(names)} files of two builds are the same")
    return 0


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
