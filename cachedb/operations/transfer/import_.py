"""Import: images of an archive, OCI's or docker's, or of an image layout in a directory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

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
from cachedb.layout import IndexJson, Layout
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import (
    Descriptor,
    Digest,
    Index,
    Reference,
    attestation,
    graph,
    manifest,
    media_type,
)
from cachedb.oci.names.entry_name import KIND, claims_other_content, is_attached_kind
from cachedb.oci.salvage import leads_on
from cachedb.operations.transfer.progress import UNWATCHED
from cachedb.operations.transfer.publish import Naming, leasing, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cachedb.archive.docker_archive import Image
    from cachedb.catalog.connect import Catalog
    from cachedb.layout.blobs import BlobStore
    from cachedb.layout.staging.area import StagingArea
    from cachedb.oci import Manifest
    from cachedb.oci.graph import ContentGraph, RequiredContent
    from cachedb.operations.transfer.progress import Progress
    from cachedb.operations.transfer.publish import Lease

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An imported image; `replaced` is the digest that its name had before, if another one."""

    name: str | None
    descriptor: Descriptor
    is_new: bool
    replaced: Digest | None
    missing: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Options of an import: another name for the one image, and whether names may move."""

    name: str | None = None
    may_replace: bool = False


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
    image needs are left out. `source` names the archive in errors.

    Raises:
        InvalidArchive: The archive is damaged, or an image of it has no complete platform.
        Refused: A name has another digest in the cache, and `may_replace` is not set.
    """
    with layout.staging() as stage, leasing(layout, catalog) as lease:
        intake = _Intake(layout, stage, lease, progress)
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
        return _import_images(layout, catalog, intake, named, source, options)


def _import_images(
    layout: Layout,
    catalog: Catalog,
    intake: _Intake,
    named: list[tuple[str | None, Descriptor]],
    source: str,
    options: ImportOptions,
) -> tuple[Imported, ...]:
    """Publish the named images with all that they need, in one write of index.json."""
    if not named:
        if options.name is not None:
            raise InvalidArchive(
                source, f"there is no image in it that {options.name!r} could name"
            )
        return ()
    named = _renamed(named, options.name, source)
    reader = _ClosureReader(intake, source)
    images = [reader.read(descriptor) for _, descriptor in named]
    replaced = _taken_over(layout, named, options)
    present = {(ref.name, ref.descriptor.digest) for ref in layout.index().refs}
    moved = {
        name
        for name, descriptor in named
        if name in replaced or (name, descriptor.digest) not in present
    }
    needed = dict.fromkeys(digest for image in images for digest in image.order)
    staged = [digest for digest in needed if digest in intake.staged]
    namings = [
        Naming(name=name, descriptor=descriptor, source="import", origin=source)
        for name, descriptor in named
        if name in moved
    ]
    if namings or staged:
        reused = needed.keys() - intake.staged.keys()
        publish(layout, catalog, intake.stage, staged, namings, reused)
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


@contextmanager
def _opened(folder: Path) -> Iterator[Layout]:
    try:
        origin = Layout.open(folder)
    except NotALayout as error:
        raise InvalidArchive(str(folder), error.why) from error
    with origin:
        yield origin


class _Intake:
    """Stages the blobs of an archive, unless the layout has them."""

    def __init__(
        self, layout: Layout, stage: StagingArea, lease: Lease, progress: Progress
    ) -> None:
        self._layout = layout
        self.stage = stage
        self._lease = lease
        self._progress = progress
        self.staged: dict[Digest, int] = {}

    def store(self, chunks: Iterator[bytes], digest: Digest | None, size: int) -> Digest:
        """Stage a blob; implements `image_archive.Store`."""
        if digest is None:
            digest, size = self.stage.add_unnamed(chunks)
        else:
            self._lease.hold([digest])
            if self._is_here(digest, size):
                return digest
            self._progress.expect(digest, size)
            with self.stage.writing(digest, size) as writer:
                if writer is not None:
                    writer.restart()
                    for chunk in chunks:
                        writer.write(chunk)
                        self._progress.advance(digest, writer.offset)
            self._progress.finish(digest, size)
        self.staged[digest] = size
        return digest

    def manifests_for(self, images: tuple[Image, ...]) -> list[tuple[str | None, Descriptor]]:
        """Stage the manifests that were made for docker's images; return them with their tags."""
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
        """Store what a descriptor embeds; returns its size. Other tools read the blob alone."""
        self._lease.hold([digest])
        self.stage.add(digest, content)
        self.staged[digest] = len(content)
        return len(content)

    def size_of(self, digest: Digest) -> int | None:
        """Return the size of a staged or present blob; None if it is neither."""
        if digest in self.staged:
            return self.staged[digest]
        file = self._layout.blobs.stat(digest)
        return None if file is None else file.size

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
    """Stages blobs of another layout, each when its size is first asked for."""

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

    def _bring(self, digest: Digest) -> None:
        file = self._origin.stat(digest)
        if file is None:
            return
        try:
            with self._origin.open(digest) as stream:
                self.store(iter(lambda: stream.read(_CHUNK), b""), digest, file.size)
        except CorruptBlob as error:
            raise InvalidArchive(self._source, f"blob {digest} {error.why}") from error


class _Closure(NamedTuple):
    """What one image needs: `order` has children before parents, `missing` is not there."""

    order: tuple[Digest, ...]
    missing: tuple[Digest, ...]


class _ClosureReader:
    """Reads closures of images from staged and present blobs; each document is parsed once."""

    def __init__(self, intake: _Intake, source: str) -> None:
        self._intake = intake
        self._source = source
        self._parsed: dict[Digest, Index | Manifest] = {}

    def read(self, root: Descriptor) -> _Closure:
        """Collect the closure of a root.

        Raises:
            InvalidArchive: No platform of the image is whole, a document breaks the rules, or a
                blob has another size than its descriptor says.
            LimitExceeded: The image is nested too deeply, or has too many documents.
        """
        if not graph.is_document(root.media_type):
            return self._read_blob(root)
        found = graph.explore([root], self._read_level, f"{root.digest} in {self._source}")
        order: list[Digest] = []
        missing = [each.digest for each in found.missing]
        broken: set[Digest] = set(missing)
        for digest in found.documents:
            leaves = self._present_leaves(digest, found.content[digest])
            absent = [d.digest for d in found.content[digest].blobs if d.digest not in leaves]
            if absent:
                broken.add(digest)
            missing += absent
            order += [*leaves, digest]
        self._refuse_broken(found, broken, missing)
        return _Closure(tuple(dict.fromkeys(order)), tuple(dict.fromkeys(missing)))

    def _read_blob(self, root: Descriptor) -> _Closure:
        if not self._is_there(root):
            raise InvalidArchive(self._source, f"{root.digest} is missing")
        self._refuse_unknown_document(root)
        return _Closure((root.digest,), ())

    def _read_level(self, level: Sequence[Descriptor]) -> Iterator[RequiredContent | None]:
        for descriptor in level:
            if self._is_there(descriptor):
                document = self._parse(descriptor)
                self._parsed[descriptor.digest] = document
                yield graph.required_content(document)
            else:
                yield None

    def _present_leaves(self, parent: Digest, needed: RequiredContent) -> list[Digest]:
        """Return the blobs of a document that are there, those that may be absent among them."""
        found = list(filter(self._is_there, needed.leaves))
        if isinstance(self._parsed[parent], Index):
            for each in found:
                self._refuse_unknown_document(each)
        return [each.digest for each in found]

    def _refuse_broken(
        self, found: ContentGraph, broken: set[Digest], missing: Sequence[Digest]
    ) -> None:
        """Refuse an image that lacks something and has no platform that is whole.

        An attestation is not a platform, unless there is nothing else.
        """
        platforms = [key for key in found.descriptors if self._is_platform(found, key)]
        if missing and broken.issuperset(platforms):
            (root,) = found.roots
            raise InvalidArchive(
                self._source, f"no platform of {root} is whole: {missing[0]} is missing"
            )

    def _is_platform(self, found: ContentGraph, digest: Digest) -> bool:
        if attestation.is_attestation(found.descriptors[digest].annotations):
            return False
        document = self._parsed.get(digest)
        if isinstance(document, Index):
            return bool(found.content[digest].blobs)
        return document is not None and not document.is_attestation

    def _refuse_unknown_document(self, descriptor: Descriptor) -> None:
        """Refuse a document of an unknown type that points at other content.

        Its content cannot be carried along, and no collector could tell what it needs.
        """
        if descriptor.media_type.is_layer or descriptor.size > MANIFEST_BYTES.value:
            return
        content = self._intake.read(descriptor.digest)
        if content is not None and leads_on(content):
            raise InvalidArchive(
                self._source,
                f"{descriptor.digest} is a document of the unknown type "
                f"{str(descriptor.media_type)!r}",
            )

    def _is_there(self, descriptor: Descriptor) -> bool:
        size = self._intake.size_of(descriptor.digest)
        if size is None and descriptor.data is not None:
            size = self._intake.store_embedded(descriptor.digest, descriptor.data)
        if size is not None and size != descriptor.size:
            raise InvalidArchive(
                self._source,
                f"blob {descriptor.digest} has {size} bytes, and its descriptor says "
                f"{descriptor.size}",
            )
        return size is not None

    def _parse(self, descriptor: Descriptor) -> Index | Manifest:
        content = self._intake.read(descriptor.digest)
        if content is None:
            raise InvalidArchive(self._source, f"blob {descriptor.digest} cannot be read")
        try:
            return manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise InvalidArchive(self._source, str(error.of(descriptor.digest))) from error


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
    for ref in index.refs:
        if ref.name is not None and claims_other_content(ref.name, ref.descriptor.digest):
            raise InvalidArchive(
                source, f"index.json names {ref.descriptor.digest} {ref.name!r}, another digest"
            )
    return [(ref.name, ref.descriptor) for ref in index.refs]


def _renamed(
    named: list[tuple[str | None, Descriptor]], name: str | None, source: str
) -> list[tuple[str | None, Descriptor]]:
    if name is None:
        return named
    given = str(Reference.parse(name).with_default_tag())
    images = {d.digest for _, d in named if not is_attached_kind(d.annotations.get(KIND))}
    if len(images) > 1:
        raise InvalidArchive(source, "there are several images in it, and one name was given")
    return list({d.digest: (given, d) for _, d in named}.values())


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
            f"{name!r} stands for another image here ({found[name]})",
            hint="--replace takes the name over; --name gives another one",
        )
    return found


def _canonical(tag: str) -> str:
    try:
        return str(Reference.parse(tag))
    except InvalidReference:
        return tag
