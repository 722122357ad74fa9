"""Content graph of a whole cache in memory: the children of each blob, and the bytes of its file.

Measurements of every image at once walk it much faster than SQL does, which would store a row for
each pair of image and blob. It takes some 110 bytes for a blob, and 8 for an edge and for each
pair of owner and blob: ids are kept in arrays, which hold no Python objects.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from cachedb.catalog.statements import usage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cachedb.catalog.executor import Connection


class OwnershipGraph:
    """The edges of all documents, and the sizes of all files.

    Blobs are ids of rows. `sizes` has the bytes of the file of each blob, 0 where there is none;
    `children` has the blobs that a document owns.
    """

    def __init__(self, connection: Connection) -> None:
        self.sizes: dict[int, int] = connection.mapping(usage.FILES)
        self.children: dict[int, array[int]] = {
            parent: _ids(map(int, children.split(",")))
            for parent, children in connection.each(usage.CHILDREN)
        }

    def content(self, roots: Iterable[int]) -> set[int]:
        """Return the content of some blobs, themselves included; cycles terminate.

        Costs time in proportion to their content.
        """
        found = set(roots)
        level: Collection[int] = found & self.children.keys()
        while level:
            new = set().union(*map(self.children.__getitem__, level)) - found
            found |= new
            level = new & self.children.keys()
        return found

    def size(self, blobs: Iterable[int]) -> int:
        """Return the bytes of the files of some blobs together."""
        return sum(map(self.sizes.__getitem__, blobs))


class Sharing:
    """Content of several owners, shared and exclusive.

    An owner is a set of blobs: an image, or all images of a repository.
    """

    def __init__(self, graph: OwnershipGraph, owners: Iterable[Iterable[int]]) -> None:
        self.graph = graph
        self.contents: list[array[int]] = []
        """The blobs of each owner, in the order of the owners."""
        self.shared: set[int] = set()
        """The blobs of several owners."""
        held: set[int] = set()
        for roots in owners:
            content = graph.content(roots)
            self.shared |= content & held
            held |= content
            self.contents.append(_ids(content))
        self.count: int = len(held)
        """Number of blobs of all owners, each counted once."""
        self.size: int = graph.size(held)
        """Bytes of these blobs."""

    @property
    def shared_size(self) -> int:
        """The bytes of what several owners hold."""
        return self.graph.size(self.shared)

    def held(self) -> set[int]:
        """Return what any owner holds; made for the caller, as it takes 70 bytes a blob."""
        return set().union(*self.contents)

    def measured(self) -> list[tuple[int, int]]:
        """Return total and exclusive bytes of each owner."""
        size = self.graph.size
        return [(size(content), size(set(content) - self.shared)) for content in self.contents]


def _ids(values: Iterable[int]) -> array[int]:
    return array("q", values)
