"""OpenBao with declared plugins, and the images that they come from."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from .api import Json
from .cloud import Cloud
from .places import PLUGIN, ROOT, openbao, version_of
from .registry import Registry, digest_of
from .server import Server

# Images are made as a release makes them.
if str(ROOT / "scripts") not in sys.path:
    sys.path.append(str(ROOT / "scripts"))

from steps.archive import of_file  # noqa: E402
from steps.oci import Layout  # noqa: E402

_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def image_of(folder: Path, binary: Path) -> Path:
    """The image of a build, with an image for another architecture in its index, as of a release for two."""
    version = version_of(binary)
    layout = Layout(folder, {"org.opencontainers.image.version": version}, epoch=0)
    files = [of_file(PLUGIN, binary, 0o755)]
    images = [layout.image(architecture, files if architecture == _ARCHITECTURE else [], PLUGIN)
              for architecture in ("arm64", "amd64")]
    layout.index(images, [version, version.removeprefix("v")])
    return folder


class DeclaringServer(Server):
    """A server whose configuration declares plugins."""

    #: The image of each type, as the configuration names it.
    image = ""

    def __init__(self, folder: Path, cloud: Cloud, binary: Path) -> None:
        super().__init__(openbao(), folder, binary, cloud.environment)
        # Its plugins come out of the registry.
        (self.plugins / PLUGIN).unlink()

    def configuration(self) -> Json:
        """With what it takes to download and register by itself."""
        declared = {"image": self.image}
        plugins = {"plugin": {"secret": {"alicloud": declared}, "auth": {"alicloud": declared}}} if self.image else {}
        return {**super().configuration(), "plugin_auto_download": True, "plugin_auto_register": True, **plugins}

    def declare(self, registry: Registry, layout: Path, version: str) -> None:
        """Names an image by tag and digest, in the file."""
        self.image = f"{registry.repository}:{version}@{digest_of(layout)}"
        self.arguments()

    def reload_configuration(self) -> None:
        """Has the server read the file again."""
        os.kill(self.pid, signal.SIGHUP)

    def catalog(self) -> set[tuple[str, str]]:
        """Type and version of what is registered."""
        detailed = self.api.read("sys/plugins/catalog").ok().data["detailed"]
        return {(row["type"], row["version"]) for row in detailed if row["name"] == "alicloud"}
