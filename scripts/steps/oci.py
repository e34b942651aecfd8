"""An OCI image layout: one image for each architecture, and an index of them under two tags.

OpenBao extracts the binary from the image's root. Vault runs the image, so it needs a CA bundle. Nothing else is in it:
what the binary needs beyond that, it has. https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .archive import Entry, compressed, tar

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Json = dict[str, Any]


class Layout:
    """A layout in a folder that is made."""

    def __init__(self, folder: Path, labels: dict[str, str], epoch: int) -> None:
        self._folder, self._labels, self._epoch = folder, labels, epoch
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', "utf-8")

    def image(self, architecture: str, entries: list[Entry], entrypoint: str) -> Json:
        """Adds an image and returns its descriptor."""
        unpacked = tar(entries, self._epoch)
        layer = self._add(compressed(unpacked), _LAYER)
        made = datetime.fromtimestamp(self._epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        config = self._add_json({
            "architecture": architecture, "os": "linux", "created": made,
            "config": {"Entrypoint": [f"/{entrypoint}"], "Env": ["PATH=/"], "Labels": self._labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]},
            "history": [{"created": made, "created_by": "scripts/release"}]}, _CONFIG)
        manifest = self._add_json({"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer],
                                   "annotations": self._labels}, _MANIFEST)
        return {**manifest, "platform": {"architecture": architecture, "os": "linux"}}

    def index(self, images: list[Json], tags: list[str]) -> str:
        """Writes the index of all images under these tags; its digest."""
        index = self._add_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": images,
                                "annotations": self._labels}, _INDEX)
        tagged = [{**index, "annotations": {"org.opencontainers.image.ref.name": tag}} for tag in tags]
        (self._folder / "index.json").write_bytes(_encoded({"schemaVersion": 2, "mediaType": _INDEX,
                                                            "manifests": tagged}))
        return str(index["digest"])

    def _add_json(self, value: Json, media_type: str) -> Json:
        return self._add(_encoded(value), media_type)

    def _add(self, content: bytes, media_type: str) -> Json:
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _encoded(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
