"""Disk usage: what each image takes, what it shares, and what its removal would free.

Sizes are bytes of files in the layout. They add up: what one image alone holds, plus what several
hold together, plus what none holds any longer, is what is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs, usage
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.oci.digest import Digest
    from cachedb.operations.read.resolve import Root


class ImageUsage(Record):
    """What one digest, under all of its names, takes.

    `exclusive` is freed when every one of `names` is removed, and nothing when one stays.
    """

    digest: Digest
    names: tuple[str | None, ...]
    size: int
    exclusive: int

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
    named = _names(connection)
    sizes = {row.root: row.size for row in connection.each(blobs.SIZES, targets=many(named))}
    alone = {row.root: row.size for row in connection.each(usage.EXCLUSIVE)}
    images = [
        ImageUsage(
            digest=digest,
            names=tuple(names),
            size=sizes.get(key, 0),
            exclusive=alone.get(key, 0),
        )
        for key, (digest, names) in named.items()
    ]
    total = connection.value(usage.ON_DISK) or 0
    live = live_size(connection)
    exclusive = sum(alone.values())
    return Usage(
        total=total,
        exclusive=exclusive,
        shared=live - exclusive,
        garbage=total - live,
        images=tuple(
            sorted(images, key=lambda image: (-image.exclusive, -image.size, image.digest))
        ),
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


def _names(connection: Connection) -> dict[int, tuple[Digest, list[str | None]]]:
    found: dict[int, tuple[Digest, list[str | None]]] = {}
    for row in connection.each(refs.ALL):
        _, names = found.setdefault(row.blob_id, (codecs.digest(row.digest), []))
        names.append(row.name)
    return found
