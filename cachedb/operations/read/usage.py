"""Disk usage of images: total, shared and exclusive bytes.

Sizes are bytes of files in the layout. The sum of exclusive, shared and unreferenced bytes is the
size of all blobs on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import usage
from cachedb.layout.temporary_files import TRASH
from cachedb.operations.read import resolve
from cachedb.operations.read.content import OwnershipGraph, Sharing
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.usage import NameRow
    from cachedb.layout import Layout
    from cachedb.oci.digest import Digest
    from cachedb.operations.read.resolve import Root


class SetUsage(Record):
    """Disk usage of several images; `exclusive` is freed when all of them are removed."""

    size: int
    """Bytes on disk of their content, shared blobs once."""
    exclusive: int

    @property
    def shared(self) -> int:
        """Bytes that other images reference too."""
        return self.size - self.exclusive

    def totals(self) -> dict[str, int]:
        """Return the parts and, last, their sum."""
        return {"exclusive": self.exclusive, "shared": self.shared, "total": self.size}


class ImageUsage(NamedTuple):
    """Disk usage of a digest, under all of its names, or of an image of one manifest a platform.

    `exclusive` is freed when all of `names` are removed, and only then.
    """

    digests: tuple[Digest, ...]
    names: tuple[str | None, ...]
    size: int
    """Bytes on disk of its content."""
    exclusive: int

    @property
    def digest(self) -> Digest | None:
        """The digest of its only document; None if it has one a platform."""
        return self.digests[0] if len(self.digests) == 1 else None

    @property
    def shared(self) -> int:
        """Bytes that other images reference too."""
        return self.size - self.exclusive


class Usage(Record):
    """Disk usage of the cache: exclusive, shared and unreferenced blobs, and other files."""

    exclusive: int
    shared: int
    garbage: int
    """Bytes of unreferenced blobs."""
    trash: int
    """Removed blobs in the quarantine, which can be restored."""
    temporary: int
    """Partial downloads, and other temporary files of cachedb and of other tools."""
    images: tuple[ImageUsage, ...]
    """Usage of each image, the largest first."""

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.exclusive + self.shared + self.garbage + self.trash + self.temporary

    def totals(self) -> dict[str, int]:
        """Return the parts and, last, their sum."""
        return {
            "exclusive": self.exclusive,
            "shared": self.shared,
            "garbage": self.garbage,
            "trash": self.trash,
            "temporary": self.temporary,
            "total": self.total,
        }


def measure(layout: Layout, connection: Connection) -> Usage:
    """Measure the whole cache; the largest images come first."""
    trash, temporary = measure_leftovers(layout)
    images, sharing = measure_images(connection)
    shared = sharing.shared_size
    return Usage(
        exclusive=sharing.size - shared,
        shared=shared,
        garbage=sum(sharing.graph.sizes.values()) - sharing.size,
        trash=trash,
        temporary=temporary,
        images=images,
    )


def measure_leftovers(layout: Layout) -> tuple[int, int]:
    """Return the bytes of removed blobs that can be restored, and of temporary files.

    Costs a listing of the directories of blobs.
    """
    trash = temporary = 0
    for found in layout.temporary_files.find():
        if found.path.startswith(f"{TRASH}/"):
            trash += found.size
        else:
            temporary += found.size
    return trash, temporary


def measure_images(connection: Connection) -> tuple[tuple[ImageUsage, ...], Sharing]:
    """Measure every image, the largest first; returns their content as well."""
    found = images(connection)
    sharing = Sharing(
        OwnershipGraph(connection), [{row.blob_id for row in rows} for rows in found]
    )
    measured = map(_image, found, sharing.measured())
    return tuple(sorted(measured, key=_largest_first)), sharing


def images(connection: Connection) -> list[list[NameRow]]:
    """Return the refs of each image, in the order of index.json.

    The refs of one digest are one image; so are those of one name that are one manifest a
    platform.
    """
    rows = connection.rows(usage.NAMES)
    parts = _parts_of_split_images(connection, rows)
    found: dict[object, list[NameRow]] = {}
    for row in rows:
        found.setdefault(row.name if row.ref_id in parts else row.blob_id, []).append(row)
    return list(found.values())


def _parts_of_split_images(connection: Connection, rows: Sequence[NameRow]) -> set[int | None]:
    """Return the ids of the refs that are one platform of an image of several."""
    targets: dict[str, int] = {}
    several = {
        row.name
        for row in rows
        if row.name is not None and targets.setdefault(row.name, row.blob_id) != row.blob_id
    }
    if not several:
        return set()
    roots = resolve.of_refs(connection, [row.ref_id for row in rows if row.name in several])
    split = resolve.split_names(connection, roots)
    return {root.ref_id for root in roots if root.name in split and not root.is_attached}


def measure_each(connection: Connection, roots: Sequence[Root]) -> tuple[ImageUsage, ...]:
    """Measure each of some images; the largest come first.

    Several images cost as much as the whole cache.
    """
    wanted = {root.ref_id for root in roots}
    found = [rows for rows in images(connection) if any(row.ref_id in wanted for row in rows)]
    if len(found) == 1:
        targets = many({row.blob_id for row in found[0]})
        size = connection.value(usage.CONTENT, targets=targets) or 0
        exclusive = freed_by_removing(connection, [row.ref_id for row in found[0]])
        return (_image(found[0], (size, exclusive)),)
    chosen = {_key(rows) for rows in found}
    measured, _ = measure_images(connection)
    return tuple(image for image in measured if (image.digests, image.names) in chosen)


def measure_some(connection: Connection, roots: Sequence[Root]) -> SetUsage:
    """Measure some images together; one without an entry has no exclusive bytes."""
    targets = {root.blob_id for root in roots}
    own = {root.ref_id for root in roots if root.ref_id is not None}
    return SetUsage(
        size=connection.value(usage.CONTENT, targets=many(targets)) or 0,
        exclusive=freed_by_removing(connection, own),
    )


def freed_by_removing(connection: Connection, ref_ids: Collection[int]) -> int:
    """Return the bytes that become unreferenced if these refs are removed."""
    return connection.value(usage.FREED, refs=many(ref_ids)) or 0


def live_size(connection: Connection) -> int:
    """Return the bytes of the content of all refs together."""
    return connection.value(usage.REFERENCED) or 0


def repository_of(row: NameRow) -> str | None:
    """Return the repository of a name with its registry, None if the name is no reference."""
    return None if row.repo is None else f"{row.registry}/{row.repo}"


def _image(rows: list[NameRow], sizes: tuple[int, int]) -> ImageUsage:
    return ImageUsage(*_key(rows), *sizes)


def _key(rows: list[NameRow]) -> tuple[tuple[Digest, ...], tuple[str | None, ...]]:
    """Return the digests and the names of an image, each once."""
    if len(rows) == 1:
        return (codecs.digest(rows[0].digest),), (rows[0].name,)
    digests = dict.fromkeys(codecs.digest(row.digest) for row in rows)
    # One digest may have one name twice, which are two entries of index.json.
    names = [row.name for row in rows] if len(digests) == 1 else [rows[0].name]
    return tuple(digests), tuple(names)


def _largest_first(image: ImageUsage) -> tuple[int, int, tuple[Digest, ...]]:
    return -image.size, -image.exclusive, image.digests
