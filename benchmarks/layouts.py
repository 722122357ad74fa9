"""Make layouts of many small images, as another tool would have written them."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_NAME = "org.opencontainers.image.ref.name"
_ARCHITECTURES = ("amd64", "arm64")


class Writer:
    """Writes blobs of a layout; those that are there already are left."""

    def __init__(self, path: Path) -> None:
        self._blobs = path / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self._path = path
        self._entries: list[dict[str, Any]] = []

    def put(self, content: bytes, media_type: str, **more: object) -> dict[str, Any]:
        """Write a blob and return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        file = self._blobs / digest
        if not file.exists():
            file.write_bytes(content)
        size = len(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size, **more}

    def name(self, descriptor: dict[str, Any], name: str) -> None:
        """Give a name to a descriptor."""
        self._entries.append({**descriptor, "annotations": {_NAME: name}})

    def finish(self, keep: slice = slice(None)) -> None:
        """Write index.json with some of the names."""
        document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._entries[keep]}
        (self._path / "index.json").write_text(json.dumps(document))


def make(path: Path, images: int) -> Writer:
    """Make a layout of multi-arch images, of which each ten share their base layers."""
    writer = Writer(path)
    for number in range(images):
        manifests = []
        for architecture in _ARCHITECTURES:
            base = gzip.compress(f"base {number // 10} {architecture}".encode() * 20, mtime=0)
            own = gzip.compress(f"own {number} {architecture}".encode() * 20, mtime=0)
            layers = [writer.put(base, _LAYER), writer.put(own, _LAYER)]
            config = {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": {"n": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": writer.put(_json(config), _CONFIG),
                "layers": layers,
            }
            platform = {"architecture": architecture, "os": "linux"}
            manifests.append(writer.put(_json(manifest), _MANIFEST, platform=platform))
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        writer.name(writer.put(_json(index), _INDEX), f"docker.io/bench/app-{number:05}:v1")
    writer.finish()
    return writer


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
