"""Packages for Debian and RPM distributions.

The name of a package has its version, as those of kernels have: the files of two versions can be there at the same time, and
an upgrade of the system never removes a file that a server has registered. Nothing runs at installation, and nothing is
enabled: no user, no capability, no configuration.

One file goes to two places, by a hard link: `/usr/lib/openbao/plugins`, where distributions that package OpenBao's plugins put
them, and `/usr/lib/vault/plugins`. Both belong to root. A folder that the server's user may write to, such as `/opt/vault`,
would let whoever takes the server over replace the plugin, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PLUGIN = "vault-plugin-alicloud"

#: The architecture of a Rust target, by the names that Go, Debian and RPM have for it.
ARCHITECTURES = {"x86_64-unknown-linux-gnu": ("amd64", "amd64", "x86_64"),
                 "aarch64-unknown-linux-gnu": ("arm64", "arm64", "aarch64")}

_SUMMARY = "AliCloud secrets engine and auth method for Vault and OpenBao"
_DESCRIPTION = """An external plugin. It is not registered or enabled by its installation:
run `/usr/lib/openbao/plugins/{file} --help`."""


def check_tools() -> None:
    """Ends the script where they are missing."""
    missing = [tool for tool in ("dpkg-deb", "rpmbuild") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)}: install the packages dpkg and rpm (rpm-build)")


def tree(folder: Path, version: str, binary: Path, documents: dict[str, bytes]) -> None:
    """Lays out what is installed."""
    file = f"{PLUGIN}_v{version}"
    openbao, vault = folder / "usr/lib/openbao/plugins", folder / "usr/lib/vault/plugins"
    about = folder / f"usr/share/doc/{PLUGIN}-{version}"
    for place in (openbao, vault, about):
        place.mkdir(parents=True)
    shutil.copyfile(binary, openbao / file)
    (openbao / file).chmod(0o755)
    os.link(openbao / file, vault / file)
    for name, content in documents.items():
        (about / name).write_bytes(content)
        (about / name).chmod(0o644)
    for place in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        place.chmod(0o755)


def deb(out: Path, version: str, target: str, binary: Path, documents: dict[str, bytes], epoch: int) -> Path:
    """Builds the Debian package."""
    architecture = ARCHITECTURES[target][1]
    path = out / f"{PLUGIN}-{version}_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "root"
        folder.mkdir()
        tree(folder, version, binary, documents)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1024
        description = _DESCRIPTION.format(file=f"{PLUGIN}_v{version}").replace("\n", "\n ")
        (folder / "DEBIAN").mkdir(mode=0o755)
        (folder / "DEBIAN/control").write_text(
            f"Package: {PLUGIN}-{version}\nVersion: {version}\nArchitecture: {architecture}\n"
            f"Maintainer: The authors of {PLUGIN}\nProvides: {PLUGIN} (= {version})\nSection: admin\nPriority: optional\n"
            f"Installed-Size: {size}\nDescription: {_SUMMARY}\n {description}\n", "utf-8")
        _run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(folder), str(path)], epoch)
    return path


def rpm(out: Path, version: str, target: str, binary: Path, documents: dict[str, bytes], epoch: int) -> Path:
    """Builds the RPM package."""
    architecture = ARCHITECTURES[target][2]
    with tempfile.TemporaryDirectory() as temporary:
        top, folder = Path(temporary), Path(temporary) / "root"
        folder.mkdir()
        tree(folder, version, binary, documents)
        spec = top / "plugin.spec"
        spec.write_text(
            f"Name: {PLUGIN}-{version}\nVersion: {version}\nRelease: 1\nSummary: {_SUMMARY}\nLicense: MPL-2.0\n"
            f"Provides: {PLUGIN} = {version}\nAutoReqProv: no\n\n%description\n"
            f"{_DESCRIPTION.format(file=f'{PLUGIN}_v{version}')}\n\n"
            f"%install\ncp -a {folder}/. %{{buildroot}}/\n\n%files\n%defattr(-,root,root,-)\n"
            f"%attr(0755,root,root) /usr/lib/openbao/plugins/*\n%attr(0755,root,root) /usr/lib/vault/plugins/*\n"
            f"/usr/share/doc/{PLUGIN}-{version}\n", "utf-8")
        settings = {"_topdir": str(top), "_rpmdir": str(top / "out"), "_rpmfilename": "plugin.rpm",
                    # Leaves the binary as it is, and the machine out of it.
                    "__os_install_post": "%{nil}", "debug_package": "%{nil}", "_build_id_links": "none",
                    "_buildhost": "localhost", "use_source_date_epoch_as_buildtime": "1",
                    "clamp_mtime_to_source_date_epoch": "1", "_binary_payload": "w9.gzdio"}
        defined = [part for name, value in settings.items() for part in ("--define", f"{name} {value}")]
        _run(["rpmbuild", "-bb", "--quiet", f"--target={architecture}-linux", *defined, str(spec)], epoch)
        path = out / f"{PLUGIN}-{version}-1.{architecture}.rpm"
        shutil.move(top / "out/plugin.rpm", path)
    return path


def _run(command: list[str], epoch: int) -> None:
    done = subprocess.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout}")
