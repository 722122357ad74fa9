"""Import: images of an archive, OCI's or docker's, or of an image layout in a directory."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from cachedb.archive import image_archive
from cachedb.errors import (
    InvalidArchive,
    InvalidManifest,
    NotALayout,
    Refused,
)
from cachedb.feedback.progress import UNWATCHED, CountedStream
from cachedb.layout import Layout
from cachedb.layout.index_json import IndexJson
from cachedb.oci import (
    Descriptor,
    Digest,
    Reference,
)
from cachedb.oci.names.entry_name import KIND, claims_other_content, is_attached_kind
from cachedb.operations.archives.import_closure import Closure, ClosureReader
from cachedb.operations.archives.intake import ArchiveIntake, DirectoryIntake
from cachedb.operations.sync import history
from cachedb.operations.transfer.publish import Naming, leasing, publish

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cachedb.catalog.connect import Catalog
    from cachedb.feedback.progress import Progress


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
        intake = ArchiveIntake(layout, stage, lease, progress)
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
        intake = DirectoryIntake(layout, stage, lease, progress, origin.blobs, source)
        with progress.task(f"import {source}"):
            return _import_images(layout, catalog, intake, named, source, options)


def _import_images(
    layout: Layout,
    catalog: Catalog,
    intake: ArchiveIntake,
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
    reader: ClosureReader, intake: ArchiveIntake, named: Iterable[tuple[str | None, Descriptor]]
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
