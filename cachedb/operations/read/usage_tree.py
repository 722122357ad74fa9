"""Disk usage as a tree: registries, their repositories, and the images in these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.operations.read import usage
from cachedb.operations.read.content import OwnershipGraph, Sharing
from cachedb.operations.read.usage import SetUsage, repository_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.usage import NameRow

    Place = tuple[str | None, str | None]


class UsageBranch(SetUsage):
    """A registry, a repository in it, or an image in that, with its children.

    `names` is empty for names that are not references; only an image may have several. The largest
    children come first.
    """

    names: tuple[str | None, ...]
    images: int
    children: tuple[UsageBranch, ...] = ()


def measure_tree(
    connection: Connection, only: Collection[int] | None = None
) -> tuple[UsageBranch, ...]:
    """Measure registries, their repositories, and the images in these, the largest first.

    `only` are the ids of the refs to measure. An image with names in several repositories is a
    child of each.
    """
    found = usage.images(connection)
    sharing = Sharing(
        OwnershipGraph(connection), [{row.blob_id for row in rows} for rows in found]
    )
    held: dict[Place, set[int]] = {}
    leaves: dict[Place, list[UsageBranch]] = {}
    for rows, (size, exclusive) in zip(found, sharing.measured(), strict=True):
        for place, named in _by_place(rows, only).items():
            names = tuple(dict.fromkeys(row.name for row in named))
            leaf = UsageBranch(names=names, images=1, size=size, exclusive=exclusive)
            leaves.setdefault(place, []).append(leaf)
            held.setdefault(place, set()).update(row.blob_id for row in named)
    repositories = _branches(sharing.graph, held, leaves)
    of_registries: dict[Place, set[int]] = {}
    below: dict[Place, list[UsageBranch]] = {}
    for place, branch in repositories.items():
        registry = (place[0], place[0])
        of_registries.setdefault(registry, set()).update(held[place])
        below.setdefault(registry, []).append(branch)
    return _largest_first(_branches(sharing.graph, of_registries, below).values())


def _by_place(rows: Iterable[NameRow], only: Collection[int] | None) -> dict[Place, list[NameRow]]:
    """Return the refs of an image by registry and repository."""
    found: dict[Place, list[NameRow]] = {}
    for row in rows:
        if only is None or row.ref_id in only:
            found.setdefault((row.registry, repository_of(row)), []).append(row)
    return found


def _branches(
    graph: OwnershipGraph,
    held: Mapping[Place, set[int]],
    children: Mapping[Place, list[UsageBranch]],
) -> dict[Place, UsageBranch]:
    """Make a branch of each place, with its children."""
    sizes = Sharing(graph, held.values()).measured()
    return {
        place: UsageBranch(
            names=() if place[1] is None else (place[1],),
            images=sum(child.images for child in children[place]),
            size=size,
            exclusive=exclusive,
            children=_largest_first(children[place]),
        )
        for place, (size, exclusive) in zip(held, sizes, strict=True)
    }


def _largest_first(branches: Iterable[UsageBranch]) -> tuple[UsageBranch, ...]:
    return tuple(sorted(branches, key=lambda each: (-each.size, [n or "" for n in each.names])))
