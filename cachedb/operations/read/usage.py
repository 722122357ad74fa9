"""Disk usage: what each image takes, what it shares, and what its removal would free.

Sizes are bytes of files in the layout. They add up: what one image alone holds, plus what several
hold together, plus what none holds any longer, is what is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, usage
from cachedb.operations.read import resolve
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.oci.digest import Digest
    from cachedb.operations.read.resolve import ResolvedImage, Root


class ImageUsage(Record):
    """What one digest, under all of its names, takes; or an image of one manifest a platform.

    `exclusive` is freed when every one of `names` is removed, and nothing when one stays.
    """

    digests: tuple[Digest, ...]
    names: tuple[str | None, ...]
    size: int
    exclusive: int

    @property
    def digest(self) -> Digest | None:
        """The digest of its only document; None if it has one a platform."""
        return self.digests[0] if len(self.digests) == 1 else None

    @property
    def shared(self) -> int:
        """What other images hold as well."""
        return self.size - self.exclusive


class SetUsage(Record):
    """What some images, taken together, take; `exclusive` is what removing all of them frees."""

    size: int
    exclusive: int

    @property
    def shared(self) -> int:
        """What other images hold as well."""
        return self.size - self.exclusive


class Usage(Record):
    """What the cache takes; `total` is `exclusive` + `shared` + `garbage`."""

    total: int
    exclusive: int
    shared: int
    garbage: int
    images: tuple[ImageUsage, ...]


def measure(connection: Connection) -> Usage:
    """Measure the whole cache; the largest exclusive images come first."""
    roots = resolve.every(connection)
    split = [image for image in resolve.images_of(connection, roots) if image.is_split]
    parts = {root.ref_id for image in split for root in image.entries}
    named: dict[int, list[Root]] = {}
    for root in roots:
        if root.ref_id not in parts:
            named.setdefault(root.blob_id, []).append(root)
    sizes = {row.root: row.size for row in connection.each(blobs.SIZES, targets=many(named))}
    alone = {row.root: row.size for row in connection.each(usage.EXCLUSIVE)}
    # What is alone in a target that is a platform of an image as well is counted by removal.
    for key in {root.blob_id for image in split for root in image.roots}:
        others = [root.ref_id for root in named.get(key, ()) if root.ref_id is not None]
        alone[key] = freed_by_removing(connection, others) if others else 0
    images = [
        *(
            ImageUsage(
                digests=(found[0].digest,),
                names=tuple(root.name for root in found),
                size=sizes.get(key, 0),
                exclusive=alone.get(key, 0),
            )
            for key, found in named.items()
        ),
        *(_usage_of_split(connection, image) for image in split),
    ]
    total = connection.value(usage.ON_DISK) or 0
    live = live_size(connection)
    exclusive = sum(image.exclusive for image in images)
    return Usage(
        total=total,
        exclusive=exclusive,
        shared=live - exclusive,
        garbage=total - live,
        images=tuple(
            sorted(images, key=lambda image: (-image.exclusive, -image.size, image.digests))
        ),
    )


def _usage_of_split(connection: Connection, image: ResolvedImage) -> ImageUsage:
    taken = measure_some(connection, image.entries)
    return ImageUsage(
        digests=tuple(root.digest for root in image.roots),
        names=(image.name,),
        size=taken.size,
        exclusive=taken.exclusive,
    )


def measure_some(connection: Connection, roots: Sequence[Root]) -> SetUsage:
    """Measure some images, taken together; one without a name of its own has nothing to lose."""
    targets = {root.blob_id for root in roots}
    own = {root.ref_id for root in roots if root.ref_id is not None}
    return SetUsage(
        size=connection.value(usage.CONTENT, targets=many(targets)) or 0,
        exclusive=freed_by_removing(connection, own),
    )


def freed_by_removing(connection: Connection, ref_ids: Collection[int]) -> int:
    """Return how many bytes only these refs, taken together, keep."""
    return connection.value(usage.FREED, refs=many(ref_ids)) or 0


def live_size(connection: Connection) -> int:
    """Return how many bytes all refs, taken together, keep."""
    return connection.value(usage.REFERENCED) or 0
