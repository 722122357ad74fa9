"""Import: images of an archive, OCI's or docker's, or of an image layout in a directory."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from cachedb.archive import image_archive
from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidArchive,
    InvalidManifest,
    InvalidReference,
    NotALayout,
    Refused,
)
from cachedb.feedback.progress import UNWATCHED, CountedStream, warn_of_algorithms
from cachedb.layout import Layout
from cachedb.layout.index_json import IndexJson
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import (
    Descriptor,
    Digest,
    Reference,
    media_type,
)
from cachedb.oci.names.entry_name import KIND, claims_other_content, is_attached_kind
from cachedb.operations.archives.import_closure import Closure, ClosureReader
from cachedb.operations.sync import history
from cachedb.operations.transfer.publish import Naming, leasing, publish

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cachedb.archive.docker_archive import Image
    from cachedb.catalog.connect import Catalog
    from cachedb.feedback.progress import Progress
    from cachedb.layout.blobs import BlobStore
    from cachedb.layout.staging.area import StagingArea
    from cachedb.operations.transfer.publish import Lease

_CHUNK = 1 << 20


class Imported(NamedTuple):
    """An imported image; `replaced` is the digest that its name had before, if another one."""

    name: str | None
    descriptor: Descriptor
    is_new: bool
    """Whether the name did not have this digest before."""
    replaced: Digest | None
    missing: tuple[Digest, ...]
    """Digests of required blobs that neither the archive nor the layout has."""


class ImportOptions(NamedTuple):
    """Options of an import: another name for the one image, and whether names may move."""

    name: str | None = None
    may_replace: bool = False
    """Whether a name of the archive may be moved from other content."""


def import_archive(
    layout: Layout,
    catalog: Catalog,
    stream: BinaryIO,
    source: str,
    options: ImportOptions,
    progress: Progress = UNWATCHED,
) -> tuple[Imported, ...]:
    """Import the images of an archive, all of them or none; one write of index.json.

    Every blob is hashed while it is staged. An image is imported if at least one platform of it is
    complete, including blobs of the cache; its other blobs are reported as missing. Blobs that no
    image needs are omitted. `source` names the archive in errors.

    Raises:
        InvalidArchive: The archive is damaged, or an image of it has no complete platform.
        Refused: A name has another digest in the cache, and `may_replace` is not set.
    """
    with layout.staging() as stage, leasing(layout, catalog) as lease:
        intake = _Intake(layout, stage, lease, progress)
        size = _size_of(stream)
        with progress.task(f"import {source}", size) as task:
            if size is not None:
                stream = cast("BinaryIO", CountedStream(stream, task))
            archive = image_archive.load(stream, intake.store, name=source)
        named = _named(archive.index_json, source) or intake.manifests_for(archive.images)
        return _import_images(layout, catalog, intake, named, source, options)


def import_directory(
    layout: Layout,
    catalog: Catalog,
    folder: Path,
    options: ImportOptions,
    progress: Progress = UNWATCHED,
) -> tuple[Imported, ...]:
    """Import the images of an OCI image layout in a directory, which is only read.

    As for an archive: all images or none, each with at least one complete platform, and no blobs
    that the images do not need.

    Raises:
        InvalidArchive: The directory is not a layout or is damaged, or an image of it has no
            complete platform.
        Refused: A name has another digest in the cache, and `may_replace` is not set.
    """
    source = str(folder)
    with (
        _opened(folder) as origin,
        layout.staging() as stage,
        leasing(layout, catalog) as lease,
    ):
        named = _named(origin.read_index_json(), source)
        intake = _DirectoryIntake(layout, stage, lease, progress, origin.blobs, source)
        with progress.task(f"import {source}"):
            return _import_images(layout, catalog, intake, named, source, options)


def _import_images(
    layout: Layout,
    catalog: Catalog,
    intake: _Intake,
    named: list[tuple[str | None, Descriptor]],
    source: str,
    options: ImportOptions,
) -> tuple[Imported, ...]:
    """Publish the named images with their content, in one write of index.json."""
    if not named:
        if options.name is not None:
            raise InvalidArchive(source, f"it contains no image for the name {options.name!r}")
        return ()
    _refuse_other_digests(named, source)
    reader = ClosureReader(intake, source)
    named, images = _read(reader, intake, named)
    weak = {d.digest for name, d in named if name is None and reader.is_referrer(d)}
    if options.name is not None:
        named = _renamed(reader, named, options.name, source, weak)
        _refuse_other_digests(named, source)
    replaced = _taken_over(layout, named, options)
    present = {(ref.name, ref.descriptor.digest) for ref in layout.index().refs}
    moved = {
        name
        for name, descriptor in named
        if name in replaced or (name, descriptor.digest) not in present
    }
    needed = dict.fromkeys(digest for image in images for digest in image.order)
    referrers = reader.referrers(needed)
    needed |= dict.fromkeys(digest for _, closure in referrers for digest in closure.order)
    staged = [digest for digest in needed if digest in intake.staged]
    namings = [
        Naming(name=name, descriptor=descriptor, source="import", origin=source)
        for name, descriptor in named
        if name in moved
    ]
    namings += (
        Naming(name=None, descriptor=descriptor, source="import", origin=source)
        for descriptor, _ in referrers
        if (None, descriptor.digest) not in present
    )
    if namings or staged:
        intake.warn_of_algorithms(needed)
        reused = needed.keys() - intake.staged.keys()
        publish(layout, catalog, intake.stage, staged, namings, reused)
    size = sum(intake.staged[digest] for digest in staged)
    _record(layout, catalog, named, size)
    return tuple(
        Imported(
            name=name,
            descriptor=descriptor,
            is_new=(name, descriptor.digest) not in present,
            replaced=replaced.get(name) if name else None,
            missing=tuple(image.missing),
        )
        for (name, descriptor), image in zip(named, images, strict=True)
    )


def _read(
    reader: ClosureReader, intake: _Intake, named: Iterable[tuple[str | None, Descriptor]]
) -> tuple[list[tuple[str | None, Descriptor]], list[Closure]]:
    """Read entries as their documents are, and what the images need.

    Blobs of a directory are copied for each image meanwhile.
    """
    entries, images = [], []
    for name, declared in named:
        intake.image = name or str(declared.digest)
        entry = intake.as_written(declared, reader)
        entries.append((name, entry))
        images.append(reader.read(entry))
    return entries, images


def _record(
    layout: Layout, catalog: Catalog, named: list[tuple[str | None, Descriptor]], size: int
) -> None:
    history.record(
        layout,
        catalog,
        history.IMPORT,
        names=[name for name, _ in named if name is not None],
        digests=[descriptor.digest for name, descriptor in named if name is None],
        size=size,
    )


def _size_of(stream: BinaryIO) -> int | None:
    """Return the size of a regular file; None for pipes and streams that are no files."""
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@contextmanager
def _opened(folder: Path) -> Iterator[Layout]:
    try:
        origin = Layout.open(folder)
    except NotALayout as error:
        raise InvalidArchive(str(folder), error.why) from error
    with origin:
        yield origin


class _Intake:
    """Staging of the blobs of an archive, except those in the layout.

    `image` is the name of the image that is read, for progress; an archive names its images last.
    """

    def __init__(
        self, layout: Layout, stage: StagingArea, lease: Lease, progress: Progress
    ) -> None:
        self._layout = layout
        self.stage = stage
        self._lease = lease
        self._progress = progress
        self._held: set[Digest] = set()
        self.image = ""
        self.staged: dict[Digest, int] = {}

    def hold(self, digests: Iterable[Digest]) -> None:
        """Protect blobs from the collector before their presence is checked; one transaction."""
        new = set(digests) - self._held
        if new:
            self._lease.hold(new)
            self._held |= new

    def store(self, chunks: Iterator[bytes], digest: Digest | None, size: int) -> Digest:
        """Stage a blob; implements `image_archive.Store`."""
        if digest is None:
            digest, size = self.stage.add_unnamed(chunks)
        else:
            self.hold([digest])
            if self._is_here(digest, size):
                return digest
            self._progress.expect(digest, size, self.image)
            with self.stage.writing(digest, size) as writer:
                if writer is not None:
                    writer.restart()
                    for chunk in chunks:
                        writer.write(chunk)
                        self._progress.advance(digest, writer.offset)
            self._progress.finish(digest, size)
        self.staged[digest] = size
        return digest

    def warn_of_algorithms(self, digests: Iterable[Digest]) -> None:
        """Report blobs whose digests other tools cannot read."""
        warn_of_algorithms(self._progress, digests)

    def as_written(self, entry: Descriptor, reader: ClosureReader) -> Descriptor:
        """Return an entry with the media type of its document; report one that differs."""
        found = reader.as_written(entry)
        if found != entry:
            self._progress.note(
                f"warning: {entry.digest} is declared {str(entry.media_type)!r}, and is imported "
                f"as {str(found.media_type)!r}, which it is"
            )
        return found

    def manifests_for(self, images: tuple[Image, ...]) -> list[tuple[str | None, Descriptor]]:
        """Stage the manifests made for docker's images; return them with their tags."""
        found: list[tuple[str | None, Descriptor]] = []
        for image in images:
            content = image.manifest
            digest = Digest.of(content)
            self.stage.add(digest, content)
            self.staged[digest] = len(content)
            descriptor = Descriptor(
                media_type=media_type.OCI_MANIFEST, digest=digest, size=len(content)
            )
            found += [(_canonical(tag), descriptor) for tag in image.tags] or [(None, descriptor)]
        return found

    def store_embedded(self, digest: Digest, content: bytes) -> int:
        """Store embedded content, since other tools read the blob alone; return its size."""
        self.hold([digest])
        self.stage.add(digest, content)
        self.staged[digest] = len(content)
        return len(content)

    def size_of(self, digest: Digest) -> int | None:
        """Return the size of a staged or present blob; None if it is neither."""
        if digest in self.staged:
            return self.staged[digest]
        file = self._layout.blobs.stat(digest)
        return None if file is None else file.size

    def small_blobs(self, without: Collection[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Yield the staged blobs that may be documents, except some."""
        for digest, size in self.staged.items():
            if digest not in without and size <= MANIFEST_BYTES.value:
                content = self.read(digest)
                if content is not None:
                    yield digest, content

    def read(self, digest: Digest) -> bytes | None:
        """Return the bytes of a staged or present document; None if it is neither."""
        if digest in self.staged:
            return self.stage.read(digest, MANIFEST_BYTES.value)
        try:
            return self._layout.blobs.read(digest, MANIFEST_BYTES)
        except (BlobNotFound, CorruptBlob):
            return None

    def _is_here(self, digest: Digest, size: int) -> bool:
        if not self._layout.blobs.has(digest, size):
            return False
        try:
            self._layout.blobs.verify(digest)
        except (BlobNotFound, CorruptBlob):
            return False
        return True


class _DirectoryIntake(_Intake):
    """Staging of blobs of another layout, each when its size is first requested."""

    def __init__(
        self,
        layout: Layout,
        stage: StagingArea,
        lease: Lease,
        progress: Progress,
        origin: BlobStore,
        source: str,
    ) -> None:
        super().__init__(layout, stage, lease, progress)
        self._origin = origin
        self._source = source
        self._brought: set[Digest] = set()

    def size_of(self, digest: Digest) -> int | None:
        if digest not in self._brought:
            self._bring(digest)
            self._brought.add(digest)
        return super().size_of(digest)

    def small_blobs(self, without: Collection[Digest]) -> Iterator[tuple[Digest, bytes]]:
        for file in self._origin.files():
            if file.digest in without or file.size > MANIFEST_BYTES.value:
                continue
            with suppress(BlobNotFound, CorruptBlob):
                if self._origin.starts_with(file.digest, b"{"):
                    yield file.digest, self._origin.read(file.digest, MANIFEST_BYTES)

    def _bring(self, digest: Digest) -> None:
        file = self._origin.stat(digest)
        if file is None:
            obstacle = self._origin.obstacle(digest)
            if obstacle is not None:
                raise InvalidArchive(self._source, f"blob {digest} {obstacle}")
            return
        try:
            with self._origin.open(digest) as stream:
                self.store(iter(lambda: stream.read(_CHUNK), b""), digest, file.size)
        except CorruptBlob as error:
            raise InvalidArchive(self._source, f"blob {digest} {error.why}") from error


def _named(index_json: bytes | None, source: str) -> list[tuple[str | None, Descriptor]]:
    """Return the entries of index.json, by containerd's name where there is one."""
    if index_json is None:
        return []
    try:
        index = IndexJson.parse(index_json)
    except InvalidManifest as error:
        raise InvalidArchive(source, str(error.of("index.json"))) from error
    if index.problems:
        raise InvalidArchive(source, f"index.json: {index.problems[0]}")
    return [(ref.name, ref.descriptor) for ref in index.refs]


def _refuse_other_digests(named: Iterable[tuple[str | None, Descriptor]], source: str) -> None:
    """Refuse names that hold the digest of other content than that of their image."""
    for name, descriptor in named:
        if name is not None and claims_other_content(name, descriptor.digest):
            raise InvalidArchive(source, f"it names {descriptor.digest} {name!r}, another digest")


def _renamed(
    reader: ClosureReader,
    named: list[tuple[str | None, Descriptor]],
    name: str,
    source: str,
    weak: Collection[Digest],
) -> list[tuple[str | None, Descriptor]]:
    """Rename the only image, also if it is one manifest a platform."""
    given = str(Reference.parse(name).with_default_tag())
    images = {d.digest for _, d in named if not is_attached_kind(d.annotations.get(KIND))}
    images -= set(weak)
    if len(images) > 1 and not _are_platforms_of_one(reader, named, images):
        raise InvalidArchive(source, "it contains several images, and one name was given")
    each_once = {d.digest: d for _, d in named}
    return [(None if digest in weak else given, d) for digest, d in each_once.items()]


def _are_platforms_of_one(
    reader: ClosureReader,
    named: Sequence[tuple[str | None, Descriptor]],
    images: Collection[Digest],
) -> bool:
    """Return whether images have one name and are manifests, each for a platform of its own."""
    found = {d.digest: (name, reader.platform_of(d)) for name, d in named if d.digest in images}
    names = {name for name, _ in found.values()}
    platforms = {platform for _, platform in found.values() if platform is not None}
    return len(names) == 1 and None not in names and len(platforms) == len(images)


def _taken_over(
    layout: Layout, named: list[tuple[str | None, Descriptor]], options: ImportOptions
) -> Mapping[str, Digest]:
    """Return the digests that names would lose; refuse to move names unless `may_replace`."""
    coming = {(name, descriptor.digest) for name, descriptor in named}
    names = {name for name, _ in named}
    found = {
        ref.name: ref.descriptor.digest
        for ref in layout.index().refs
        if ref.name is not None
        and ref.name in names
        and not ref.is_attached
        and (ref.name, ref.descriptor.digest) not in coming
    }
    if found and not options.may_replace:
        name = next(iter(found))
        raise Refused(
            f"{name!r} is the name of another image in the cache ({found[name]})",
            hint="--replace takes the name over; --name gives another one",
        )
    return found


def _canonical(tag: str) -> str:
    try:
        return str(Reference.parse(tag))
    except InvalidReference:
        return tag
