"""Routes: on which ways refs keep a blob, which is why it is not garbage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.enums import Kind
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, edge, ref
from cachedb.errors import BlobNotFound
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A blob on the way from a ref to what it keeps."""

    digest: Digest
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way on which a ref keeps a blob: from its target, first, to the blob, last."""

    name: str | None
    steps: tuple[Step, ...]


def reaching(connection: Connection, digest: Digest) -> tuple[Route, ...]:
    """Return every ref that keeps a blob, in the order of index.json, with a shortest route.

    Costs in proportion to the number of ancestors of the blob.

    Raises:
        BlobNotFound: The catalog does not know the blob.
    """
    start = connection.scalar(select(blob.c.id).where(blob.c.digest == digest))
    if start is None:
        raise BlobNotFound(digest)
    above = graph.ancestors(select(blob.c.id).where(blob.c.id == start), "above")
    edges = connection.execute(
        select(edge.c.parent_id, edge.c.child_id)
        .join(above, above.c.id == edge.c.child_id)
        .order_by(edge.c.parent_id)
    )
    parents: dict[int, list[int]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    down = _ways_down(start, parents)
    steps = _steps(connection, down)
    refs = connection.execute(
        select(ref.c.name, ref.c.target_id)
        .where(ref.c.target_id.in_(select(above.c.id)))
        .order_by(ref.c.position)
    )
    return tuple(Route(name=name, steps=_walk(target, down, steps)) for name, target in refs)


def _ways_down(start: int, parents: dict[int, list[int]]) -> dict[int, int | None]:
    """Return for each ancestor its next step down on a shortest way."""
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
    keys = sorted(down)
    found: dict[int, Step] = {}
    for start in range(0, len(keys), 500):
        rows = connection.execute(
            select(blob.c.id, blob.c.digest, blob.c.kind).where(
                blob.c.id.in_(keys[start : start + 500])
            )
        )
        for key, digest, kind in rows:
            found[key] = Step(digest=Digest.declared(digest), kind=Kind(kind))
    return found


def _walk(target: int, down: dict[int, int | None], steps: dict[int, Step]) -> tuple[Step, ...]:
    way = []
    here: int | None = target
    while here is not None:
        way.append(steps[here])
        here = down[here]
    return tuple(way)
