"""The tutorial of OpenBao's declared plugins: from an image to a mount, and to the next version."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.cloud import Cloud
from harness.declaring import DeclaringServer, image_of
from harness.places import version_of
from harness.registry import Registry
from harness.waiting import until

from . import end_by_signals
from .walk import Walk, configure, play, write_roles


def run(binary: Path) -> int:
    """The whole walk: 0 when every step did as it should."""
    end_by_signals()
    with tempfile.TemporaryDirectory(prefix="alicloud-demo-") as temporary:
        folder = Path(temporary)
        cloud = Cloud(folder / "cloud")
        registry = Registry("vault-plugin-alicloud")
        server = DeclaringServer(folder / "server", cloud, binary)
        walk = Walk(server, cloud)
        try:
            return play(walk, lambda: _walk(walk, server, registry, binary, folder))
        finally:
            registry.close()


def _walk(walk: Walk, server: DeclaringServer, registry: Registry, binary: Path, folder: Path) -> None:
    version = version_of(binary)
    walk.chapter("Declare the plugin")
    layout = image_of(folder / "image", binary)
    registry.add(layout)
    server.declare(registry, layout, version)
    walk.say(f"A registry on this machine has the image. The server's configuration says, for \"secret\" and \"auth\":")
    print(f'plugin "secret" "alicloud" {{\n  image = "{server.image}"\n}}\nplugin_auto_download = true\n'
          "plugin_auto_register = true")
    server.start()
    walk.say("The server has downloaded the binary and registered it:")
    walk.type("plugin list -detailed secret", "alicloud", version)
    walk.type("plugin list -detailed auth", "alicloud", version)

    walk.chapter("Enable it")
    walk.type(f"secrets enable -plugin-version={version} alicloud", "Success!")
    walk.type(f"auth enable -plugin-version={version} alicloud", "Success!")
    configure(walk)
    write_roles(walk)
    lease_id = walk.type("read alicloud/creds/inline-based", "secret_key").fields()["lease_id"]

    walk.chapter("The same after a restart")
    asked = len(registry.paths)
    server.restart()
    until(lambda: server.api.read("alicloud/config").status == 200, "the mount is back")
    walk.check(not [path for path in registry.paths[asked:] if "/blobs/" in path], "the image was downloaded again")
    walk.type(f"lease revoke -sync {lease_id}", "Success!")
    walk.show_cloud()
