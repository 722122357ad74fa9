"""Layers to one file tree, in two passes over their streams and without extracting anything.

The first pass reads headers and decides for each path which entry of which layer wins; the second
emits the winners in archive order, a directory before its entries and a file before the hard links
to it. Memory grows with the number of names, not with the size of their content.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from cachedb.archive.compression import Decompressed
from cachedb.archive.file_tree import Node, Tree
from cachedb.archive.tar import reader, writer
from cachedb.archive.tar.reader import Member, MemberEntry, MemberKind
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    OpenLayer: TypeAlias = Callable[[int], BinaryIO]


class FlatTree(Record):
    """Entries of layers that make up the tree.

    `winners` gives for each layer the visible entries, by their position in it, and the paths of
    each: the first is the file, the others are hard links to it. `directories` has every
    directory, with the header that describes it. `notes` describe ignored entries.
    """

    winners: Mapping[int, Mapping[int, tuple[str, ...]]]
    directories: Mapping[str, Member] = {}
    notes: tuple[str, ...] = ()


def plan(count: int, open_layer: OpenLayer) -> FlatTree:
    """Read the headers of `count` layers, the lowest first, and decide which entries are visible.

    `open_layer` opens the bytes of a layer as they are stored, compressed or not, for reading
    once to the end; it is called again by `members`.

    Raises:
        InvalidArchive: A layer is malformed, or has an entry that no file tree can hold.
        LimitExceeded: There are more members than the limit.
    """
    tree = Tree()
    for layer in range(count):
        for index, entry in _entries(layer, open_layer):
            tree.apply(entry.member, layer, index)
    return _winners(tree)


def members(flat: FlatTree, open_layer: OpenLayer) -> Iterator[tuple[Member, Iterable[bytes]]]:
    """Yield the members of the tree with their content, which is valid until the next member.

    Paths are relative, clean and unique; parents come first and so do the targets of hard links.
    A directory that no layer describes belongs to root, with mode 0755.
    """
    return _Emitter(flat).members(open_layer)


def stream(count: int, open_layer: OpenLayer, notes: list[str]) -> Generator[bytes]:
    """Yield the tree of `count` layers as one tar archive, in pieces of at most 1 MiB.

    Remarks about the layers are added to `notes` before the first piece.
    """
    flat = plan(count, open_layer)
    notes += flat.notes
    for member, content in members(flat, open_layer):
        yield from writer.entry(member, content)
    yield writer.END


def _entries(layer: int, open_layer: OpenLayer) -> Iterator[tuple[int, MemberEntry]]:
    name = f"layer {layer}"
    with closing(open_layer(layer)) as source:
        stream = Decompressed(source, name=name)
        yield from enumerate(reader.read_layer(stream, name=name))


def _winners(tree: Tree) -> FlatTree:
    found: dict[int, dict[int, list[str]]] = {}
    directories: dict[str, Member] = {}
    for path, node in tree.walk():
        if node.kind is MemberKind.DIRECTORY and (path or node.origin):
            directories[path] = _directory(path, node)
        if node.origin is not None:
            found.setdefault(node.origin.layer, {}).setdefault(node.origin.index, []).append(path)
    return FlatTree(
        winners={
            layer: {index: tuple(paths) for index, paths in entries.items()}
            for layer, entries in found.items()
        },
        directories=directories,
        notes=tuple(tree.notes),
    )


def _directory(path: str, node: Node) -> Member:
    name = path or "."
    if node.member is None:
        return Member(path=name, kind=MemberKind.DIRECTORY, mode=0o755)
    return node.member._replace(path=name, size=0)


class _Emitter:
    def __init__(self, flat: FlatTree) -> None:
        self._flat = flat
        self._written: set[str] = set()

    def members(self, open_layer: OpenLayer) -> Iterator[tuple[Member, Iterable[bytes]]]:
        """Yield the winners of each layer in its order, directories before their entries."""
        for layer, entries in sorted(self._flat.winners.items()):
            for index, entry in _entries(layer, open_layer):
                if index in entries:
                    yield from self._emit(entry, entries[index])
        # Directories that an upper layer emptied and no layer describes.
        for path in self._flat.directories:
            for directory in self._missing(path):
                yield directory, ()

    def _emit(
        self, entry: MemberEntry, paths: tuple[str, ...]
    ) -> Iterator[tuple[Member, Iterable[bytes]]]:
        for path in paths:
            for directory in self._missing(path):
                yield directory, ()
        if entry.member.kind is MemberKind.DIRECTORY:
            return
        first, *others = paths
        member = entry.member
        if member.path != first or member.is_sparse:
            member = member._replace(path=first, is_sparse=False)
        yield member, entry.body.chunks()
        for path in others:
            yield _link(entry.member, first, path), ()

    def _missing(self, path: str) -> Iterator[Member]:
        """Yield the directories above a path, itself included, that are not written yet."""
        found = []
        # All directories above a written one are written.
        while path not in self._written:
            if path in self._flat.directories:
                found.append(path)
            if not path:
                break
            path = path.rpartition("/")[0]
        for each in reversed(found):
            self._written.add(each)
            yield self._flat.directories[each]


def _link(member: Member, first: str, path: str) -> Member:
    # Not every tar can hard-link to a symlink or a device, so a second one is written.
    if member.kind is not MemberKind.FILE:
        return member._replace(path=path)
    return member._replace(kind=MemberKind.HARD_LINK, path=path, target=first, size=0)
