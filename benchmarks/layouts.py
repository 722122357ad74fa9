"""Layouts of many small images, written without cachedb."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_NAME = "org.opencontainers.image.ref.name"
_ARCHITECTURES = ("amd64", "arm64")
OWN_BLOBS = 7
"""An index, two manifests, two configurations and two layers of each image of `make`."""


class Writer:
    """Write blobs and index.json of a layout; existing blobs are skipped."""

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

    def image(
        self, config: dict[str, Any], layers: Sequence[dict[str, Any]], **more: object
    ) -> dict[str, Any]:
        """Write the manifest and the config of an image and return its descriptor."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self.put(_json(config), _CONFIG),
            "layers": layers,
        }
        return self.put(_json(manifest), _MANIFEST, **more)

    def index(self, manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Write an index and return its descriptor."""
        document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        return self.put(_json(document), _INDEX)

    def layer(self, content: bytes, level: int = 9) -> dict[str, Any]:
        """Compress and write a layer and return its descriptor."""
        return self.put(gzip.compress(content, level, mtime=0), _LAYER)

    def name(self, descriptor: dict[str, Any], name: str) -> None:
        """Add a name for a descriptor; `finish` writes it."""
        self._entries.append({**descriptor, "annotations": {_NAME: name}})

    def finish(self, keep: slice = slice(None)) -> None:
        """Write index.json with a slice of the names."""
        document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._entries[keep]}
        (self._path / "index.json").write_text(json.dumps(document))


class Made:
    """Layouts by their number of images, each written once, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, images: int) -> Path:
        """Return the path of the layout of so many images."""
        path = self._folder / f"{images}-images"
        if not path.exists():
            make(path, images)
        return path


def make(path: Path, images: int) -> Writer:
    """Write a layout of multi-platform images; ten at a time share their base layers."""
    writer = Writer(path)
    for number in range(images):
        manifests = []
        for architecture in _ARCHITECTURES:
            layers = [
                writer.layer(f"base {number // 10} {architecture}".encode() * 20),
                writer.layer(f"own {number} {architecture}".encode() * 20),
            ]
            config = {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": {"n": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            platform = {"architecture": architecture, "os": "linux"}
            manifests.append(writer.image(config, layers, platform=platform))
        writer.name(writer.index(manifests), f"docker.io/bench/app-{number:05}:v1")
    writer.finish()
    return writer


def make_layered(path: Path, images: int) -> None:
    """Write a layout of images in many repositories; each has 20 blobs of its own or its part.

    An image has two platforms, each with 7 layers of its own and 5 that ten images share.
    """
    writer = Writer(path)
    for number in range(images):
        manifests = []
        for arch in _ARCHITECTURES:
            base = [f"base {number // 10} {at} {arch}" for at in range(5)]
            own = [f"own {number} {at} {arch}" for at in range(7)]
            layers = [writer.layer(text.encode() * 20, level=1) for text in (*base, *own)]
            config = {
                "architecture": arch,
                "os": "linux",
                "config": {"Labels": {"n": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            platform = {"architecture": arch, "os": "linux"}
            manifests.append(writer.image(config, layers, platform=platform))
        repository = f"registry-{number % 5}.example.com/team-{number % 20}/app-{number // 40:04}"
        writer.name(writer.index(manifests), f"{repository}:v{number % 40}")
    writer.finish()


def extend(path: Path, name: str = "docker.io/bench/new:v1") -> None:
    """Add an image of its own with a name to a layout, as another tool does."""
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / "new"
        writer = Writer(new)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        writer.name(writer.image(config, [writer.layer(name.encode() * 5)]), name)
        writer.finish()
        shutil.copytree(new / "blobs", path / "blobs", dirs_exist_ok=True)
        added = json.loads((new / "index.json").read_text())["manifests"]
    _rewrite(path, lambda entries: entries + added)


def halve(path: Path) -> None:
    """Remove the second half of the names of a layout, as another tool does."""
    _rewrite(path, lambda entries: entries[: len(entries) // 2])


def _rewrite(path: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    document = json.loads((path / "index.json").read_text())
    document["manifests"] = change(document["manifests"])
    (path / "index.json").write_text(json.dumps(document))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
