"""Disk usage: what each image takes, what it shares, and what its removal would free.

Sizes are bytes of files in the layout. They add up: what one image alone holds, plus what several
hold together, plus what none holds any longer, is what is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cachedb.catalog.queries import graph, statements
from cachedb.catalog.schema import blob, ref
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select

    from cachedb.catalog.executor import Connection
    from cachedb.operations.read.resolve import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUsage:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUsage:
    """What some images, taken together, take; `exclusive` is what removing all of them frees."""

    size: int
    exclusive: int

    @property
    def shared(self) -> int:
        """What other images hold as well."""
        return self.size - self.exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the cache takes; `total` is `exclusive` + `shared` + `garbage`."""

    total: int
    exclusive: int
    shared: int
    garbage: int
    images: tuple[ImageUsage, ...]


def measure(connection: Connection) -> Usage:
    """Measure the whole cache; the largest exclusive images come first."""
    targets = select(ref.c.target_id).distinct()
    sizes = dict(connection.execute(statements.size_of_each(targets)).all())
    alone = dict(connection.execute(statements.exclusive_size_of_each(targets)).all())
    images = [
        ImageUsage(
            digest=digest,
            names=tuple(names),
            size=sizes.get(key, 0),
            exclusive=alone.get(key, 0),
        )
        for key, (digest, names) in _names(connection).items()
    ]
    total = connection.scalar(_on_disk()) or 0
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
    refs = {root.ref_id for root in roots if root.ref_id is not None}
    seed = select(blob.c.id).where(blob.c.id.in_({root.blob_id for root in roots}))
    content = graph.descendants(seed, "measured")
    return SetUsage(
        size=connection.scalar(graph.size_on_disk(content)) or 0,
        exclusive=freed_by_removing(connection, refs),
    )


def freed_by_removing(connection: Connection, ref_ids: Collection[int]) -> int:
    """Return how many bytes only these refs, taken together, keep."""
    chosen = graph.listed(ref_ids)
    return connection.scalar(graph.size_on_disk(graph.exclusive(chosen, "freed"))) or 0


def live_size(connection: Connection) -> int:
    """Return how many bytes all refs, taken together, keep."""
    return connection.scalar(graph.size_on_disk(graph.reachable("live"))) or 0


def _on_disk() -> Select[int]:
    return select(func.coalesce(func.sum(blob.c.size), 0)).where(
        blob.c.state.in_(list(map(int, graph.ON_DISK)))
    )


def _names(connection: Connection) -> dict[int, tuple[Digest, list[str | None]]]:
    found: dict[int, tuple[Digest, list[str | None]]] = {}
    for row in connection.execute(statements.refs_with_targets()):
        _, names = found.setdefault(row.target_id, (Digest.declared(row.digest), []))
        names.append(row.name)
    return found
