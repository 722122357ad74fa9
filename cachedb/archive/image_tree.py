"""File tree of an image from the entries of its layers: visible, overwritten and deleted files."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cachedb.archive.body_stream import CHUNK
from cachedb.archive.compression import Decompressed
from cachedb.archive.file_tree import WHITEOUT, Tree, split_path
from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from cachedb.archive.file_tree import MemberOrigin, Node
    from cachedb.archive.tar.reader import Body


class LayerFile(NamedTuple):
    """An entry of a layer, and the SHA-256 of its content if it is a regular file."""

    member: Member
    sha256: bytes | None = None
    """Hash of the content of a regular file; None for another type, or if it was not read."""


class ImageFile(NamedTuple):
    """A visible file of an image.

    `path` is absolute and clean. `origin` is the entry that has its content; None for a directory
    that no layer describes. Hard links share the origin.
    """

    path: str
    member: Member
    origin: MemberOrigin | None
    sha256: bytes | None
    """SHA-256 of the content of a regular file; None for another type."""


class ShownEntry(NamedTuple):
    """Visible file at a clean absolute path: the entry that writes it, and its content.

    `layer` and `place` are those of the entry; None and -1 for a directory that is only implied.
    `origin` is another entry than that if it is a hard link.
    """

    path: str
    layer: int | None
    place: int
    origin: MemberOrigin | None


class HiddenState(StrEnum):
    """Why a container does not see an entry of a layer at the path that it has there."""

    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    MOVED = "moved"
    """The path leads through a symlink of a lower layer: a container sees the entry elsewhere."""


class HiddenFile(NamedTuple):
    """A regular file that a layer stores and no path of the image has; `size` is in bytes."""

    path: str
    layer: int
    size: int
    state: HiddenState
    """Whether a later layer overwrites or deletes it."""


def list_members(source: BinaryIO, *, name: str) -> Iterator[LayerFile]:
    """Yield the entries of a layer, compressed or not, in their order; content is not hashed.

    Raises:
        InvalidArchive: The layer is malformed; `name` is put before the reason.
        LimitExceeded: There are more members than the limit.
    """
    for entry in reader.read_layer(Decompressed(source, name=name), name=name):
        yield LayerFile(entry.member)


def hash_members(source: BinaryIO, *, name: str) -> Iterator[LayerFile]:
    """Yield the entries of a layer as `list_members` does, with the hash of regular files."""
    for entry in reader.read_layer(Decompressed(source, name=name), name=name):
        is_file = entry.member.kind is MemberKind.FILE
        yield LayerFile(entry.member, _hash(entry.body) if is_file else None)


def hash_members_of_sizes(
    source: BinaryIO, *, name: str, sizes: Container[int]
) -> Iterator[LayerFile]:
    """Yield the entries of a layer as `list_members` does, with the hash of files of `sizes`."""
    for entry in reader.read_layer(Decompressed(source, name=name), name=name):
        is_hashed = entry.member.kind is MemberKind.FILE and entry.member.size in sizes
        yield LayerFile(entry.member, _hash(entry.body) if is_hashed else None)


def _hash(body: Body) -> bytes:
    hasher = sha256()
    while chunk := body.read_next(CHUNK):
        hasher.update(chunk)
    return hasher.digest()


def own_path(member: Member) -> str:
    """Return the path of an entry as its layer has it, clean and absolute."""
    return "/" + "/".join(split_path(member.path, 0))


def is_own_path(member: Member, path: str) -> bool:
    """Return whether an entry has a clean absolute path in its layer, as `own_path` tells it."""
    given = member.path.removeprefix("./").removesuffix("/")
    return path[1:] == given or path == own_path(member)


def _place_in_walk(entry: ShownEntry) -> list[str]:
    return entry.path.split("/")


class _Exceptions(NamedTuple):
    """Visible paths of which an index of files needs more than their entry.

    `elsewhere` are those at which no layer has their entry, `linked` those with the content of
    another entry; `stored` is the number of visible entries of layers.
    """

    elsewhere: list[ShownEntry]
    linked: list[ShownEntry]
    stored: int


class ImageTree:
    """The file tree that layers show together, the lowest first (image-spec, layer.md).

    Holds every entry of every layer; building it takes time linear in their number.

    Raises:
        InvalidArchive: A layer has an entry that no file tree can hold.
        LimitExceeded: There are more names than the limit for the members of a layer.
    """

    def __init__(self, layers: Sequence[Sequence[LayerFile]]) -> None:
        self._layers = layers
        self._tree = Tree()
        self._shown: list[ShownEntry] = []
        self._found: _Exceptions | None = None
        for number, layer in enumerate(layers):
            for index, file in enumerate(layer):
                self._tree.apply(file.member, number, index)

    @property
    def notes(self) -> Sequence[str]:
        """Descriptions of the ignored entries of the layers."""
        return self._tree.notes

    def visible(self) -> Iterator[ImageFile]:
        """Yield the files that a container sees, parents first, names in order."""
        for path, node in self._tree.walk():
            yield self._content(f"/{path}", node.origin)

    def find(self, path: str) -> ImageFile | None:
        """Return the file that a path resolves to; symlinks are followed inside the tree.

        Raises:
            InvalidArchive: Symlinks go in circles.
        """
        node = self._tree.find(path, len(self._layers))
        return None if node is None else self._content(path, node.origin)

    def canonical(self, path: str) -> str | None:
        """Return the path of a file without symlinks on the way; None if there is no such file.

        A symlink at the end stays, unless the path ends with a slash. Takes time linear in the
        number of files.

        Raises:
            InvalidArchive: Symlinks go in circles.
        """
        find = self._tree.find if path.endswith("/") else self._tree.find_entry
        wanted = find(path, len(self._layers))
        if wanted is None:
            return None
        return next(f"/{path}" for path, node in self._tree.walk() if node is wanted)

    def hidden(self) -> Iterator[HiddenFile]:
        """Yield the overwritten and deleted regular files, layer by layer, in their order."""
        seen = {
            (node.origin.layer, node.origin.index) for _, node in self._tree.walk() if node.origin
        }
        for number, layer in enumerate(self._layers):
            for index, (member, _) in enumerate(layer):
                if member.kind is MemberKind.FILE and (number, index) not in seen:
                    path = member.path.removeprefix("./").lstrip("/")
                    if not path.rpartition("/")[2].startswith(WHITEOUT):
                        state = self._state(member, number)
                        yield HiddenFile(f"/{path}", number, member.size, state)

    def shown(self) -> Sequence[ShownEntry]:
        """Return each path that a container sees with its entry, parents first, names in order."""
        if not self._shown:
            self._shown = [
                ShownEntry(
                    f"/{path}",
                    None if node.origin is None else node.layer,
                    node.index,
                    node.origin,
                )
                for path, node in self._tree.walk()
            ]
        return self._shown

    def elsewhere(self) -> Sequence[ShownEntry]:
        """Return visible paths at which no layer has their entry, in the order of `shown`.

        They are implied directories, and entries whose path leads through a symlink of a lower
        layer.
        """
        return self._exceptions().elsewhere

    def linked(self) -> Sequence[ShownEntry]:
        """Return visible hard links, in the order of `shown`."""
        return self._exceptions().linked

    def _exceptions(self) -> _Exceptions:
        if self._found is None:
            elsewhere: list[ShownEntry] = []
            linked: list[ShownEntry] = []
            found = self._find_exceptions("", {"": self._tree.root}, elsewhere, linked)
            for prefix, nodes in self._tree.directories():
                found += self._find_exceptions(prefix, nodes, elsewhere, linked)
            elsewhere.sort(key=_place_in_walk)
            linked.sort(key=_place_in_walk)
            self._found = _Exceptions(elsewhere, linked, found)
        return self._found

    def _find_exceptions(
        self,
        prefix: str,
        nodes: Mapping[str, Node],
        elsewhere: list[ShownEntry],
        linked: list[ShownEntry],
    ) -> int:
        """Collect the exceptions among nodes by name; return how many are entries of layers."""
        led, implied = self._tree.led, 0
        for name, node in nodes.items():
            content, layer, index = node.origin, node.layer, node.index
            if content is None:
                implied += 1
                elsewhere.append(ShownEntry(f"/{prefix}{name}", None, index, None))
                continue
            if led and (layer, index) in led:
                path = f"/{prefix}{name}"
                if not is_own_path(self._layers[layer][index].member, path):
                    elsewhere.append(ShownEntry(path, layer, index, content))
            if content.index != index or content.layer != layer:
                linked.append(ShownEntry(f"/{prefix}{name}", layer, index, content))
        return len(nodes) - implied

    def file(self, entry: ShownEntry) -> ImageFile:
        """Return the file of a visible path."""
        return self._content(entry.path, entry.origin)

    def unseen(self) -> Iterator[tuple[int, int, HiddenState]]:
        """Yield layer and position of entries of any type that are not visible at their path.

        Whiteouts are omitted. Content that a hard link shows at another path is not hidden, but
        the entry of the removed path is unseen.
        """
        for entry in self.elsewhere():
            if entry.layer is not None:
                yield entry.layer, entry.place, HiddenState.MOVED
        if self._exceptions().stored == sum(map(len, self._layers)):
            return
        seen = {(entry.layer, entry.place) for entry in self.shown()}
        for number, layer in enumerate(self._layers):
            for index, (member, _) in enumerate(layer):
                if (number, index) in seen:
                    continue
                if not member.path.rstrip("/").rpartition("/")[2].startswith(WHITEOUT):
                    yield number, index, self._state(member, number)

    def member(self, layer: int, index: int) -> LayerFile:
        """Return an entry by its place."""
        return self._layers[layer][index]

    def _state(self, member: Member, layer: int) -> HiddenState:
        is_there = self._node_at(member, layer) is not None
        return HiddenState.OVERWRITTEN if is_there else HiddenState.DELETED

    def _node_at(self, member: Member, layer: int) -> Node | None:
        """Return the node at the path of an entry; None if later symlinks are cyclic."""
        try:
            return self._tree.find_entry(member.path, layer)
        except InvalidArchive:
            return None

    def _content(self, path: str, origin: MemberOrigin | None) -> ImageFile:
        if origin is None:
            implied = Member(path=path, kind=MemberKind.DIRECTORY, mode=0o755)
            return ImageFile(path, implied, None, None)
        member, digest = self._layers[origin.layer][origin.index]
        return ImageFile(path, member, origin, digest)
