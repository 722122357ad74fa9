"""OCI image layouts in tar archives: read as a stream of events, and written.

An archive is read once from front to back, so a pipe is accepted, and its members may have any
order. Nothing is extracted: the name of a member determines its kind. Members other than files and
directories are refused, but for hard links to earlier files of the archive and the symlinks
between layers of old docker archives.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from cachedb.archive.body_stream import CHUNK, BodyStream
from cachedb.archive.compression import Decompressed
from cachedb.archive.tar import reader, writer
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive, InvalidDigest, InvalidManifest
from cachedb.limits import INDEX_JSON_BYTES, MANIFEST_BYTES, MARKER_BYTES
from cachedb.oci import Digest, layout_marker
from cachedb.oci.strict_json import encode
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from cachedb.archive.tar.reader import Body, MemberEntry
    from cachedb.limits import Limit

    OpenBlob: TypeAlias = Callable[[Digest], BinaryIO]

INDEX = "index.json"
DOCKER_MANIFEST = "manifest.json"
_DOCKER_LAYER = "layer.tar"
# Files whose content is required when they are read, so that they cannot be links to earlier ones.
_HELD_IN_MEMORY = frozenset({layout_marker.FILE_NAME, INDEX, DOCKER_MANIFEST})
_BLOB_PARTS = 3


class Marker(Record):
    """The ``oci-layout`` file, checked."""

    content: bytes


class ArchivedIndex(Record):
    """The bytes of ``index.json``."""

    content: bytes


class DockerManifest(Record):
    """The bytes of ``manifest.json`` of docker save."""

    content: bytes


class Blob(Record):
    """A member below ``blobs``; its body is checked against the digest as it is read."""

    name: str
    """Clean name of the member."""
    digest: Digest
    size: int
    """Bytes."""
    body: BlobBody


class LooseFile(Record):
    """A file that is not part of an OCI layout: one of docker's, or the target of a link."""

    name: str
    """Clean name of the member."""
    size: int
    """Bytes."""
    body: Body


class LooseLink(Record):
    """A layer of an old docker archive that is a symlink to another; both names are clean."""

    name: str
    target: str
    """Name of the other layer."""


class HardLink(Record):
    """A second name of an earlier file of the archive; both names are clean.

    `digest` is that in the name, if it is the name of a blob; it is not checked.
    """

    name: str
    target: str
    """Name of the earlier file."""
    digest: Digest | None


Event: TypeAlias = (
    Marker | ArchivedIndex | DockerManifest | Blob | LooseFile | LooseLink | HardLink
)


class BlobBody(BodyStream):
    """Content of a blob, hashed as it is read; its end is an error if the digest differs."""

    def __init__(self, body: Body, digest: Digest, name: str) -> None:
        self._body = body
        self._digest = digest
        self._name = name
        self._hasher = digest.hasher()

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end.

        Raises:
            InvalidArchive: At the end, the content does not have the digest.
        """
        found = self._body.read(size)
        self._hasher.update(found)
        if not found and size and self._hasher.hexdigest() != self._digest.encoded:
            actual = f"{self._digest.algorithm}:{self._hasher.hexdigest()}"
            raise InvalidArchive(self._name, f"blob {self._digest} holds {actual}")
        return found


def read(stream: BinaryIO, *, name: str) -> Iterator[Event]:
    """Yield the members of an archive, compressed or not, in their order.

    Bodies are readable until the next event; the rest of a blob is then read and checked. Errors
    name the archive `name`.

    Raises:
        InvalidArchive: The archive is damaged, holds a member of a type that image archives do
            not have, or has neither oci-layout and index.json nor manifest.json.
        LimitExceeded: There are too many members, or one that is held in memory is too large.
    """
    return _Reader(name).events(Decompressed(stream, name=name))


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: dict[str, bytes] = {}

    def events(self, stream: BinaryIO) -> Iterator[Event]:
        """Yield the events of the members of the archive, in their order."""
        for entry in reader.read(stream, name=self._name):
            event = self._event(entry)
            if event is not None:
                yield event
            if isinstance(event, Blob):
                for _ in event.body.chunks():
                    pass
        self._check_whole()

    def _event(self, entry: MemberEntry) -> Event | None:
        member = entry.member
        name = self._clean(member.path)
        if member.kind is MemberKind.DIRECTORY:
            return None
        if member.kind is MemberKind.SYMLINK and posixpath.basename(name) == _DOCKER_LAYER:
            target = posixpath.join(posixpath.dirname(name), member.target)
            return LooseLink(name=name, target=self._clean(posixpath.normpath(target)))
        if member.kind is MemberKind.HARD_LINK and name not in _HELD_IN_MEMORY:
            target = self._clean(member.target)
            return HardLink(name=name, target=target, digest=_digest_of(name))
        if member.kind is not MemberKind.FILE or member.is_sparse:
            kind = "sparse file" if member.is_sparse else member.kind
            raise self._broken(f"{member.path!r} is a {kind}, which no image archive holds")
        match name:
            case layout_marker.FILE_NAME:
                return self._marker(entry)
            case "index.json":
                content = self._content(entry, name, INDEX_JSON_BYTES)
                return None if content is None else ArchivedIndex(content=content)
            case "manifest.json":
                content = self._content(entry, name, MANIFEST_BYTES)
                return None if content is None else DockerManifest(content=content)
        return self._blob(entry, name) or LooseFile(name=name, size=member.size, body=entry.body)

    def _marker(self, entry: MemberEntry) -> Marker | None:
        content = self._content(entry, layout_marker.FILE_NAME, MARKER_BYTES)
        if content is None:
            return None
        try:
            layout_marker.parse(content)
        except InvalidManifest as error:
            raise self._broken(str(error.of(layout_marker.FILE_NAME))) from error
        return Marker(content=content)

    def _content(self, entry: MemberEntry, name: str, limit: Limit) -> bytes | None:
        """Return the content of a file that may occur once; None for an identical copy."""
        limit.check(entry.member.size, f"{name} in {self._name}")
        content = entry.body.read()
        if name not in self._kept:
            self._kept[name] = content
            return content
        if self._kept[name] != content:
            raise self._broken(f"{name} occurs twice with different content")
        return None

    def _blob(self, entry: MemberEntry, name: str) -> Blob | None:
        digest = _digest_of(name)
        if digest is None:
            return None
        body = BlobBody(entry.body, digest, self._name)
        return Blob(name=name, digest=digest, size=entry.member.size, body=body)

    def _clean(self, path: str) -> str:
        """Return the parts of a name below the archive, or refuse a name that leaves it."""
        parts = path.split("/")
        if path.startswith("/") or ".." in parts:
            raise self._broken(f"{path!r} leaves the archive")
        return "/".join(part for part in parts if part not in {"", "."})

    def _check_whole(self) -> None:
        found = self._kept.keys()
        if DOCKER_MANIFEST in found or {layout_marker.FILE_NAME, INDEX} <= found:
            return
        if not found:
            raise self._broken("it contains no image")
        missing = INDEX if layout_marker.FILE_NAME in found else layout_marker.FILE_NAME
        raise self._broken(f"it contains no {missing}")

    def _broken(self, why: str) -> InvalidArchive:
        return InvalidArchive(self._name, why)


def _digest_of(name: str) -> Digest | None:
    """Return the digest in a name below ``blobs``; None if the name is not that of a blob."""
    parts = name.split("/")
    if len(parts) != _BLOB_PARTS or parts[0] != "blobs":
        return None
    try:
        return Digest(f"{parts[1]}:{parts[2]}")
    except InvalidDigest:
        return None


def stream(
    index_json: bytes, blobs: Iterable[tuple[Digest, int]], open_blob: OpenBlob
) -> Generator[bytes]:
    """Yield a layout as a tar archive: the marker, each blob once, and the index.json last.

    `blobs` are digests with their sizes. `open_blob` opens one to be read to its end and closed.

    Raises:
        InvalidArchive: A blob does not have its size.
    """
    marker = encode({"imageLayoutVersion": layout_marker.VERSION})
    yield from small_file(layout_marker.FILE_NAME, marker)
    yield from _directory("blobs")
    written: set[str] = set()
    for digest, size in blobs:
        if digest.algorithm not in written:
            yield from _directory(f"blobs/{digest.algorithm}")
        if digest not in written:
            name = f"blobs/{digest.algorithm}/{digest.encoded}"
            yield from blob_file(name, size, open_blob(digest))
        written |= {digest.algorithm, digest}
    yield from small_file(INDEX, index_json)
    yield writer.END


def small_file(name: str, content: bytes) -> Iterator[bytes]:
    """Yield a small file of an image archive."""
    return writer.entry(Member(path=name, kind=MemberKind.FILE, size=len(content)), [content])


def blob_file(name: str, size: int, source: BinaryIO) -> Iterator[bytes]:
    """Yield a blob as a file of an image archive, and close it."""
    with source:
        chunks = iter(lambda: source.read(CHUNK), b"")
        yield from writer.entry(Member(path=name, kind=MemberKind.FILE, size=size), chunks)


def _directory(name: str) -> Iterator[bytes]:
    return writer.entry(Member(path=name, kind=MemberKind.DIRECTORY, mode=0o755))
