"""Paths from refs to a blob: the reasons why it is referenced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, links, refs
from cachedb.errors import BlobNotFound
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.catalog.enums import Kind
    from cachedb.catalog.executor import Connection
    from cachedb.oci.digest import Digest


class Step(Record):
    """A blob on a path from a ref to the referenced blob."""

    digest: Digest
    kind: Kind


class Route(Record):
    """One path by which a ref references a blob: from its target, first, to the blob, last."""

    name: str | None
    """Name of the ref; None without one."""
    steps: tuple[Step, ...]
    """Blobs on the path, the target of the ref first."""


def reaching(connection: Connection, digest: Digest) -> tuple[Route, ...]:
    """Return every ref that reaches a blob, in the order of index.json, with a shortest path.

    Costs in proportion to the number of ancestors of the blob.

    Raises:
        BlobNotFound: The catalog does not know the blob.
    """
    start = connection.value(blobs.ID, digest=digest)
    if start is None:
        raise BlobNotFound(digest)
    parents: dict[int, list[int]] = {}
    for row in connection.each(links.EDGES_ABOVE, blob_id=start):
        parents.setdefault(row.child_id, []).append(row.parent_id)
    down = _ways_down(start, parents)
    steps = _steps(connection, down)
    return tuple(
        Route(name=row.name, steps=_walk(row.blob_id, down, steps))
        for row in connection.each(refs.CONTAINING, blob_id=start)
    )


def _ways_down(start: int, parents: dict[int, list[int]]) -> dict[int, int | None]:
    """Return for each ancestor its next step down on a shortest path."""
    down: dict[int, int | None] = {start: None}
    level = [start]
    while level:
        above = []
        for child in level:
            for parent in parents.get(child, ()):
                if parent not in down:
                    down[parent] = child
                    above.append(parent)
        level = above
    return down


def _steps(connection: Connection, down: dict[int, int | None]) -> dict[int, Step]:
    return {
        row.id: Step(digest=codecs.digest(row.digest), kind=codecs.kind(row.kind))
        for row in connection.each(blobs.NODES, ids=many(down))
    }


def _walk(target: int, down: dict[int, int | None], steps: dict[int, Step]) -> tuple[Step, ...]:
    way = []
    here: int | None = target
    while here is not None:
        way.append(steps[here])
        here = down[here]
    return tuple(way)
