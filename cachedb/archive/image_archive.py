"""One pass over an image archive of either kind that stores every file."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, BinaryIO, Protocol

from cachedb.archive import docker_archive, oci_archive
from cachedb.archive.compression import sniff
from cachedb.archive.docker_archive import Image, ListedImage, StoredFile
from cachedb.archive.oci_archive import (
    ArchivedIndex,
    Blob,
    DockerManifest,
    HardLink,
    LooseFile,
    LooseLink,
)
from cachedb.errors import InvalidArchive, InvalidManifest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachedb.archive.oci_archive import Event
    from cachedb.oci import Digest


class Store(Protocol):
    """Destination of blobs."""

    def __call__(self, chunks: Iterator[bytes], digest: Digest | None, size: int) -> Digest:
        """Store `size` bytes and return their digest.

        `digest` is their digest, which has been checked when the chunks end, or None if it is not
        known. The chunks of a blob that the store has need not be read.
        """
        ...


class ImageArchive(Record):
    """Images of an archive.

    `index_json` lists them by digest. Where index.json is absent or empty, `images` are those of
    docker's manifest.json, whose manifests are not stored yet.
    """

    index_json: bytes | None
    images: tuple[Image, ...] = ()


def load(stream: BinaryIO, store: Store, *, name: str) -> ImageArchive:
    """Read an archive to its end and store its files; errors name it `name`.

    Files outside of images are stored as well: a later member may be a link to one. Files that
    were stored before an error stay stored.

    Raises:
        InvalidArchive: The archive is damaged, is not an archive, or holds a member that no image
        archive has.
        LimitExceeded: It has more members, or larger documents, than the limits.
    """
    loader = _Loader(store, name)
    for event in oci_archive.read(stream, name=name):
        loader.take(event)
    return loader.result()


class _Loader:
    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._index_json: bytes | None = None
        self._listed: tuple[ListedImage, ...] | None = None
        self._needed: frozenset[str] = frozenset()
        self._files: dict[str, StoredFile] = {}
        self._links: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Keep the content of a member until the archive has been read."""
        match event:
            case ArchivedIndex():
                self._index_json = event.content
            case DockerManifest():
                self._listed = docker_archive.parse_manifest(event.content, name=self._name)
                self._needed = frozenset(
                    member for each in self._listed for member in (each.config, *each.layers)
                )
            case Blob():
                self._put(event.name, event.body.chunks(), event.digest, event.size)
            case LooseFile() if self._may_be_named(event.name):
                self._put(event.name, event.body.chunks(), None, event.size)
            case LooseLink():
                self._links[event.name] = event.target
            case HardLink():
                self._put_link(event)
            case _:
                pass

    def result(self) -> ImageArchive:
        """Return the images of index.json, or of manifest.json where that names none."""
        images: Iterable[Image] = ()
        if self._listed is not None and not self._index_names_anything():
            images = (
                docker_archive.assemble(each, self._files, self._links, name=self._name)
                for each in self._listed
            )
        return ImageArchive(index_json=self._index_json, images=tuple(images))

    def _put(self, name: str, chunks: Iterator[bytes], digest: Digest | None, size: int) -> None:
        first = next(chunks, b"")
        stored = StoredFile(
            digest=self._store(itertools.chain([first] if first else [], chunks), digest, size),
            size=size,
            compression=sniff(first),
        )
        if self._files.setdefault(name, stored) != stored:
            raise InvalidArchive(self._name, f"{name!r} occurs twice with different content")

    def _put_link(self, link: HardLink) -> None:
        """Record a second name of a stored file."""
        stored = self._files.get(link.target)
        if stored is None:
            raise InvalidArchive(
                self._name,
                f"{link.name!r} is a hard link to {link.target!r}, which is not a file before it",
            )
        if link.digest is not None and link.digest != stored.digest:
            raise InvalidArchive(self._name, f"blob {link.digest} holds {stored.digest}")
        if self._files.setdefault(link.name, stored) != stored:
            raise InvalidArchive(self._name, f"{link.name!r} occurs twice with different content")

    def _may_be_named(self, name: str) -> bool:
        # Docker writes manifest.json last, and bsdtar writes a second name of a file as a hard
        # link: before manifest.json, every file counts.
        if self._listed is None:
            return not name.startswith("blobs/")
        # A named file may be a link to a file that manifest.json does not name.
        return name in self._needed or name.endswith("/layer.tar")

    def _index_names_anything(self) -> bool:
        if self._index_json is None:
            return False
        try:
            return any(Fields(decode_object(self._index_json)).objects("manifests"))
        except InvalidManifest:
            # The reader of index.json reports faults of it.
            return True
