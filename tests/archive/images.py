"""Image archives, and an in-memory blob store that receives their content."""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cachedb.archive import image_archive
from cachedb.archive.image_archive import ImageArchive
from cachedb.errors import InvalidArchive
from cachedb.oci import Descriptor, Digest, manifest, media_type
from cachedb.oci.manifest import ChildRole
from tests.archive import build


@dataclass
class Store:
    """Keeps every blob; takes nothing on trust but what it has already."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)

    def __call__(self, chunks: Iterator[bytes], digest: Digest | None, size: int) -> Digest:
        if digest is not None and digest in self.blobs:
            return digest
        content = b"".join(chunks)
        assert len(content) == size
        found = Digest.of(content, digest.algorithm if digest else "sha256")
        assert digest in {None, found}
        self.blobs[found] = content
        return found

    def open(self, digest: Digest) -> io.BytesIO:
        return io.BytesIO(self.blobs[digest])


def load(archive: bytes, store: Store | None = None) -> ImageArchive:
    return image_archive.load(io.BytesIO(archive), store or Store(), name="archive.tar")


def load_whole(archive: bytes, store: Store) -> ImageArchive:
    """Load an archive as an import does: every blob that an image needs has to be there."""
    found = load(archive, store)
    assert found.index_json is not None or found.images
    todo: list[Descriptor] = []
    if not found.images:
        assert found.index_json is not None
        index = manifest.parse(found.index_json, media_type.OCI_INDEX)
        todo = [child.descriptor for child in index.children()]
    for image in found.images:
        todo += [image.config, *image.layers]
    seen: set[str] = set()
    while todo:
        descriptor = todo.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        if descriptor.digest not in store.blobs:
            raise InvalidArchive("archive.tar", f"{descriptor.digest} is missing")
        if manifest.kind_of(descriptor.media_type):
            document = manifest.parse(store.blobs[descriptor.digest], descriptor.media_type)
            todo += [
                child.descriptor
                for child in document.children()
                if child.role is not ChildRole.SUBJECT
            ]
    return found


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


@dataclass
class Image:
    """An image with one layer, and the members of its archives."""

    content: bytes = b"hello\n"

    @property
    def layer(self) -> bytes:
        return gzip.compress(build.tar(build.file("hello", self.content)), mtime=0)

    @property
    def config(self) -> bytes:
        diff_id = "sha256:" + hashlib.sha256(gzip.decompress(self.layer)).hexdigest()
        rootfs = {"type": "layers", "diff_ids": [diff_id]}
        return encode({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": rootfs})

    @property
    def manifest(self) -> bytes:
        return encode(
            {
                "schemaVersion": 2,
                "mediaType": media_type.OCI_MANIFEST,
                "config": describe(self.config, media_type.OCI_CONFIG),
                "layers": [describe(self.layer, media_type.OCI_LAYER_GZIP)],
            }
        )

    @property
    def index_json(self) -> bytes:
        name = {"org.opencontainers.image.ref.name": "example.com/hello:1"}
        entry = {**describe(self.manifest, media_type.OCI_MANIFEST), "annotations": name}
        return encode(
            {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [entry]}
        )

    @property
    def blobs(self) -> list[bytes]:
        return [self.config, self.layer, self.manifest]

    def members(self) -> list[Any]:
        """Return the members of its OCI archive."""
        named = [(f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob) for blob in self.blobs]
        marker = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        return [build.file(*each) for each in [marker, ("index.json", self.index_json), *named]]

    def docker_members(self) -> list[Any]:
        """Return the members of its docker archive, in the old form of names."""
        listed = [{"Config": "c.json", "RepoTags": ["hello:1"], "Layers": ["l/layer.tar"]}]
        return [
            build.directory("l"),
            build.file("l/layer.tar", self.layer),
            build.file("c.json", self.config),
            build.file("manifest.json", encode(listed)),
        ]


def describe(content: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": str(kind), "digest": str(Digest.of(content)), "size": len(content)}
