"""What a release consists of, made from the binary under test."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path

import pytest
from harness.places import PLUGIN, ROOT, plugin_binary
from harness.registry import digest_of

sys.path.append(str(ROOT / "scripts"))

from steps import release  # noqa: E402
from steps.build import TARGET  # noqa: E402
from steps.packages import ARCHITECTURES  # noqa: E402

_GO, _DEBIAN, _RPM = ARCHITECTURES[TARGET]
_VERSION = release.declared_version()
_INSTALLED = [f"/usr/lib/{product}/plugins/{PLUGIN}_v{_VERSION}" for product in ("openbao", "vault")]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release."""
    if not all(map(shutil.which, ("dpkg-deb", "rpmbuild"))) and os.environ.get("CI") != "true":
        pytest.skip("there is no dpkg-deb or no rpmbuild; CI has them")
    out = tmp_path_factory.mktemp("dist")
    release.make(_VERSION, out, {TARGET: plugin_binary()})
    return out


@cache
def _sum() -> str:
    """The checksum of the binary."""
    return hashlib.sha256(plugin_binary().read_bytes()).hexdigest()


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_the_checksums_are_those_of_the_files_and_of_the_binary(dist: Path) -> None:
    sums = dict(reversed(line.split()) for line in (dist / "SHA256SUMS").read_text("utf-8").splitlines())
    assert sums.pop(f"{PLUGIN}_v{_VERSION}_linux_{_GO}") == _sum()
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                    for path in dist.iterdir() if path.is_file() and path.name != "SHA256SUMS"}
    commands = release.commands(_VERSION, dist)
    for kind in ("secret", "auth"):
        assert (f"plugin register -sha256={_sum()} -command={PLUGIN}_v{_VERSION} -version=v{_VERSION} {kind} alicloud"
                in commands)


def test_the_archive_has_the_binary_and_its_papers(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{PLUGIN}_{_VERSION}_linux_{_GO}.tar.gz") as archive:
        about = {member.name: (member.mode, member.uid, member.gid) for member in archive}
        archive.extractall(tmp_path, filter="data")
    assert about.pop(PLUGIN) == (0o755, 0, 0)
    assert about == {name: (0o644, 0, 0) for name in ("CHANGELOG.md", "LICENSE", "THIRD-PARTY-LICENSES.txt")}
    assert hashlib.sha256((tmp_path / PLUGIN).read_bytes()).hexdigest() == _sum()
    papers = (tmp_path / "THIRD-PARTY-LICENSES.txt").read_text("utf-8")
    for part in ("rustls ", "aws-lc-sys ", "GNU LESSER GENERAL PUBLIC LICENSE", "Permission is hereby granted"):
        assert part in papers, part


def test_the_bill_of_materials_has_what_is_linked_and_no_more(dist: Path) -> None:
    document = json.loads((dist / f"{PLUGIN}_{_VERSION}_linux_{_GO}.cdx.json").read_text("utf-8"))
    names = {component["name"] for component in document["components"]}
    assert {"rustls", "aws-lc-sys", "tonic", "hyper-util", "reqwest"} <= names
    assert not {"proptest", "tempfile", "serde_derive", PLUGIN} & names
    assert all(component["hashes"][0]["content"] and component["licenses"][0]["expression"]
               for component in document["components"])


def test_the_debian_package_is_installed_beside_another_version_and_purged(dist: Path, tmp_path: Path) -> None:
    package = dist / f"{PLUGIN}-{_VERSION}_{_VERSION}_{_DEBIAN}.deb"
    assert all(line.split()[1] == "root/root" for line in _run("dpkg-deb", "-c", package).splitlines())
    _run("dpkg-deb", "-e", package, tmp_path / "control")
    # Nothing runs at installation, upgrade or removal.
    assert [path.name for path in (tmp_path / "control").iterdir()] == ["control"]
    if os.geteuid() != 0:
        pytest.skip("dpkg installs as root only")
    root = tmp_path / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    older = root / f"usr/lib/openbao/plugins/{PLUGIN}_v0.0.9"
    older.parent.mkdir(parents=True)
    older.write_text("registered, and not this package's")
    dpkg = ("dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "--log=/dev/null")
    _run(*dpkg, "-i", package)
    for path in _INSTALLED:
        file = root / path.lstrip("/")
        about = file.stat()
        assert (about.st_mode & 0o7777, about.st_uid, about.st_gid) == (0o755, 0, 0)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == _sum()
    _run(*dpkg, "--purge", f"{PLUGIN}-{_VERSION}")
    assert [path for path in root.rglob("*") if path.is_file() and "var" not in path.parts] == [older]


def test_the_rpm_package_has_the_same(dist: Path, tmp_path: Path) -> None:
    package = dist / f"{PLUGIN}-{_VERSION}-1.{_RPM}.rpm"
    listed = {line.split()[-1]: line.split()[:4:2] for line in _run("rpm", "-qplv", package).splitlines()}
    for path in _INSTALLED:
        assert listed[path] == ["-rwxr-xr-x", "root"]
    assert not _run("rpm", "-qp", "--scripts", "--triggers", package)
    assert not _run("rpm", "-qp", "--queryformat", "[%{FILECAPS}]", package).strip()
    with (tmp_path / "payload").open("wb") as payload:
        subprocess.run(["rpm2cpio", package], check=True, stdout=payload)
    with (tmp_path / "payload").open("rb") as payload:
        subprocess.run(["cpio", "-id", "--quiet"], check=True, stdin=payload, cwd=tmp_path)
    for path in _INSTALLED:
        assert hashlib.sha256((tmp_path / path.lstrip("/")).read_bytes()).hexdigest() == _sum()


def test_the_image_has_the_binary_in_its_root_and_a_platform_for_each_architecture(dist: Path, tmp_path: Path) -> None:
    blobs = dist / "image/blobs/sha256"

    def blob(digest: str) -> Path:
        path = blobs / digest.removeprefix("sha256:")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        return path

    tagged = json.loads((dist / "image/index.json").read_bytes())["manifests"]
    assert [row["annotations"]["org.opencontainers.image.ref.name"] for row in tagged] == [f"v{_VERSION}", _VERSION]
    assert {row["digest"] for row in tagged} == {digest_of(dist / "image")}
    index = json.loads(blob(tagged[0]["digest"]).read_bytes())
    # No entry but the architectures': a client that takes the wrong one gets a checksum that is not the announced one.
    [image] = index["manifests"]
    assert image["platform"] == {"architecture": _GO, "os": "linux"}
    manifest = json.loads(blob(image["digest"]).read_bytes())
    config = json.loads(blob(manifest["config"]["digest"]).read_bytes())
    assert (config["architecture"], config["config"]["Entrypoint"]) == (_GO, [f"/{PLUGIN}"])
    [layer] = manifest["layers"]
    with tarfile.open(blob(layer["digest"])) as files:
        member = files.getmember(PLUGIN)
        assert (member.mode, member.uid, member.isfile()) == (0o755, 0, True)
        assert "etc/ssl/certs/ca-certificates.crt" in files.getnames()
        files.extract(PLUGIN, tmp_path, filter="data")
    assert hashlib.sha256((tmp_path / PLUGIN).read_bytes()).hexdigest() == _sum()


def test_the_same_files_come_out_again(dist: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    release.make(_VERSION, again, {TARGET: plugin_binary()})
    assert (again / "SHA256SUMS").read_text("utf-8") == (dist / "SHA256SUMS").read_text("utf-8")


def test_releases_of_several_machines_are_joined(dist: Path, tmp_path: Path) -> None:
    release.join(_VERSION, tmp_path / "joined", [dist])
    assert (tmp_path / "joined/SHA256SUMS").read_text("utf-8") == (dist / "SHA256SUMS").read_text("utf-8")
