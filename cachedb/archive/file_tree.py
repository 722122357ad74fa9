"""A file tree in memory, to which layers are applied entry by entry (image-spec, layer.md).

The tree holds no content, only its origin: the layer, and the position of the entry in it. A
symlink that an upper layer writes through is followed inside the tree and never out of it, and a
whiteout hides entries of lower layers, whatever its position in its own layer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive
from cachedb.limits import LAYER_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_DOTS = frozenset({".", ".."})
_NO_NAMES = frozenset({"", ".", ".."})
_NOT_PLAIN = frozenset({"", ".", "/"})
LONGEST_PATH = 4096
_DEEPEST = 2048
_MOST_LINKS = 255
_DIRECTORY = MemberKind.DIRECTORY
_FILE = MemberKind.FILE
_HARD_LINK = MemberKind.HARD_LINK


class MemberOrigin:
    """Position of an entry; hard links to one file share the origin of its content."""

    __slots__ = ("index", "layer")

    def __init__(self, layer: int, index: int) -> None:
        self.layer: int = layer
        self.index: int = index


class Node:
    """One name in the tree.

    `layer` and `index` are the entry that put the name here; the content may be older, if it is a
    hard link. An implied directory has no origin and the index -1; `member` is kept for
    directories alone. `pruned` is the last layer whose whiteouts went through all that was below.
    """

    __slots__ = ("children", "index", "kind", "layer", "member", "origin", "pruned", "target")

    def __init__(
        self,
        kind: MemberKind,
        layer: int,
        origin: MemberOrigin | None = None,
        index: int = -1,
        target: str = "",
        children: dict[str, Node] | None = None,
    ) -> None:
        self.kind: MemberKind = kind
        self.layer: int = layer
        self.index: int = index
        self.origin: MemberOrigin | None = origin
        self.member: Member | None = None
        self.target: str = target
        self.children: dict[str, Node] | None = children
        self.pruned: int = -1


class Tree:
    """The result of the layers applied so far; `notes` describe ignored entries.

    `led` has layer and position of the entries whose path led through a symlink: others are where
    their own path tells.
    """

    def __init__(self) -> None:
        self.root: Node = _directory(0)
        self.notes: list[str] = []
        self.led: set[tuple[int, int]] = set()
        self._count = 0
        self._most = LAYER_MEMBERS.value
        # Directories by their path in members, while none above them is replaced or hidden.
        self._reached: dict[str, Node] = {}

    def apply(self, member: Member, layer: int, index: int) -> None:
        """Apply the next entry of a layer.

        Raises:
            InvalidArchive: A path is too long or cyclic, the target of a hard link does not exist,
            or the entry would remove or replace the root.
            LimitExceeded: There are more names than the limit for the members of a layer.
        """
        path = member.path
        if len(path) > LONGEST_PATH or "\0" in path:
            _check_length(path, layer)
        path = path.removesuffix("/")
        directory, _, name = path.rpartition("/")
        if name in _NO_NAMES or name.startswith(WHITEOUT):
            self._apply_special(member, layer, index)
            return
        origin = MemberOrigin(layer, index)
        # Resolved first: the target may be a file that a directory replaces.
        linked = self._linked(member, origin) if member.kind is _HARD_LINK else None
        parent = self._reached.get(directory)
        if parent is None:
            parent = self._make_directory(directory, layer)
            if directory not in self._reached:
                self.led.add((layer, index))
        siblings = parent.children
        assert siblings is not None
        existing = siblings.get(name)
        if existing is None:
            self._count += 1
            if self._count > self._most:
                self._check_count(layer)
        node = linked or (
            Node(member.kind, layer, origin, index)
            if member.kind is _FILE
            else _described(existing, member, origin)
        )
        if existing is not None and existing.children is not None and node is not existing:
            self._reached.clear()
        siblings[name] = node
        if node.children is not None and directory in self._reached:
            self._reached[path] = node

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Yield every path with its node, parents first, names in order; the root is ''."""
        stack = [("", self.root)]
        while stack:
            path, node = stack.pop()
            yield path, node
            if node.children:
                prefix = f"{path}/" if path else ""
                names = sorted(node.children.items(), reverse=True)
                stack += [(prefix + name, child) for name, child in names]

    def directories(self) -> Iterator[tuple[str, Mapping[str, Node]]]:
        """Yield the entries of each directory, with the beginning of their paths, in any order."""
        waiting = [("", self.root)]
        while waiting:
            prefix, directory = waiting.pop()
            children = _children(directory)
            yield prefix, children
            for name, node in children.items():
                if node.children:
                    waiting.append((f"{prefix}{name}/", node))

    def find(self, path: str, layer: int) -> Node | None:
        """Return the node that a path resolves to, or None; the last symlink is followed too.

        `layer` is the layer that an error names.

        Raises:
            InvalidArchive: Symlinks are cyclic, or the path is too long.
        """
        walk = _Walk(self.root, split_path(path, layer), layer)
        walk.advance()
        if not walk.rest:
            return walk.here
        return _children(walk.here).get(walk.rest[0]) if len(walk.rest) == 1 else None

    def find_entry(self, path: str, layer: int) -> Node | None:
        """Return the node with a path, or None; a symlink at its end is not followed.

        Raises as `find` does.
        """
        parts = split_path(path, layer)
        if not parts:
            return self.root
        directory = self._find_directory(parts[:-1], layer)
        return None if directory is None else _children(directory).get(parts[-1])

    def _apply_special(self, member: Member, layer: int, index: int) -> None:
        """Apply a whiteout, the root, or an entry whose path does not end with its name."""
        parts = split_path(member.path, layer)
        name = parts[-1] if parts else ""
        if not parts:
            self._put_root(member, MemberOrigin(layer, index))
        elif name == OPAQUE:
            self._reached.clear()
            self._hide_all(parts[:-1], layer)
        elif name.startswith(WHITEOUT):
            self._reached.clear()
            self._hide(parts, layer)
        else:
            self.apply(member._replace(path="/".join(parts)), layer, index)

    def _put_root(self, member: Member, origin: MemberOrigin) -> None:
        if member.kind is not MemberKind.DIRECTORY:
            raise _broken(
                origin.layer, f"{member.path!r} puts a {member.kind} in place of the root"
            )
        _described(self.root, member, origin)

    def _linked(self, member: Member, place: MemberOrigin) -> Node:
        layer = place.layer
        parts = split_path(member.target, layer)
        parent = self._find_directory(parts[:-1], layer) if parts else None
        found = _children(parent).get(parts[-1]) if parent else None
        if found is None or found.children is not None:
            what = "a missing file" if found is None else "a directory"
            raise _broken(layer, f"the hard link {member.path!r} refers to {what}")
        return Node(found.kind, layer, found.origin, index=place.index, target=found.target)

    def _hide(self, parts: Sequence[str], layer: int) -> None:
        if is_malformed_whiteout(parts[-1]):
            raise _broken(layer, f"{'/'.join(parts)!r} is not a whiteout: it names no file")
        name = parts[-1].removeprefix(WHITEOUT)
        if not name:
            self.notes.append(f"layer {layer}: ignored {'/'.join(parts)!r}, which hides no file")
            return
        parent = self._find_directory(parts[:-1], layer)
        if parent is not None and name in _children(parent):
            _prune(_children(parent), [name], layer)

    def _hide_all(self, parts: Sequence[str], layer: int) -> None:
        directory = self._find_directory(parts, layer)
        if directory is not None and directory.pruned != layer:
            siblings = _children(directory)
            _prune(siblings, list(siblings), layer)
            directory.pruned = layer

    def _find_directory(self, parts: Sequence[str], layer: int) -> Node | None:
        walk = _Walk(self.root, parts, layer)
        walk.advance()
        return None if walk.rest else walk.here

    def _make_directory(self, path: str, layer: int) -> Node:
        """Return the directory that a path resolves to; make missing parents.

        A file in place of a parent is replaced by a directory, as in umoci.
        """
        walk = _Walk(self.root, split_path(path, layer), layer)
        walk.advance()
        while walk.rest:
            self._count += 1
            self._check_count(layer)
            node = _directory(layer)
            _children(walk.here)[walk.rest[0]] = node
            walk.advance()
        if not walk.has_followed:
            self._reached[path] = walk.here
        return walk.here

    def _check_count(self, layer: int) -> None:
        if self._count > self._most:
            LAYER_MEMBERS.check(self._count, f"the tree of layer {layer}")


class _Walk:
    """A walk from the root to a directory; `rest` is the unresolved part of the path."""

    def __init__(self, root: Node, parts: Iterable[str], layer: int) -> None:
        self._stack = [root]
        self._layer = layer
        self._links = 0
        self.rest = deque(parts)

    @property
    def has_followed(self) -> bool:
        """Whether a symlink was on the path."""
        return self._links > 0

    @property
    def here(self) -> Node:
        """The directory that was reached."""
        return self._stack[-1]

    def advance(self) -> None:
        """Follow directories, and symlinks to directories, as far as they exist."""
        while self.rest:
            name = self.rest[0]
            child = _children(self.here).get(name)
            if name == "..":
                self._climb()
            elif child is not None and child.children is not None:
                self._enter(child)
            elif child is not None and child.kind is MemberKind.SYMLINK:
                self._follow(child.target)
            elif not self._cancel():
                return

    def _climb(self) -> None:
        self.rest.popleft()
        if len(self._stack) > 1:
            self._stack.pop()

    def _cancel(self) -> bool:
        """Drop a component that does not exist if ``..`` follows it, as containerd does."""
        if ".." not in self.rest:
            return False
        depth = 0
        for position, part in enumerate(self.rest):
            depth += -1 if part == ".." else 1
            if not depth:
                for _ in range(position + 1):
                    self.rest.popleft()
                return True
        return False

    def _enter(self, directory: Node) -> None:
        self.rest.popleft()
        self._stack.append(directory)
        if len(self._stack) > _DEEPEST:
            raise _broken(self._layer, f"directories are more than {_DEEPEST} deep")

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise _broken(self._layer, f"symlinks form a cycle at {target!r}")
        if target.startswith("/"):
            del self._stack[1:]
        self.rest.popleft()
        self.rest.extendleft(part for part in reversed(target.split("/")) if part not in {"", "."})


def is_malformed_whiteout(path: str) -> bool:
    """Return whether an entry is .wh.. or .wh..., a whiteout that names no file.

    A tree refuses it, and ignores .wh., which hides nothing, with a note, as linuxkit does.
    """
    name = path.rstrip("/").rpartition("/")[2]
    return name.startswith(WHITEOUT) and name.removeprefix(WHITEOUT) in _DOTS


def split_path(path: str, layer: int | str) -> list[str]:
    """Return the parts of a path below the root; ``..`` at the root stays at the root.

    Raises:
        InvalidArchive: The path is too long or holds a NUL; `layer` is the number or the digest
        of the layer that the error names.
    """
    _check_length(path, layer)
    given = path.removeprefix("./").removesuffix("/")
    if given[:1] not in _NOT_PLAIN and "/." not in given and "//" not in given:
        return given.split("/")
    parts: list[str] = []
    for part in given.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return parts


def _check_length(path: str, layer: int | str) -> None:
    if len(path) > LONGEST_PATH or "\0" in path:
        raise _broken(layer, f"{path[:60]!r}… is not a path")


def _prune(siblings: dict[str, Node], names: Iterable[str], layer: int) -> None:
    """Remove the entries that older layers hold under some names; those of `layer` stay."""
    found = [(siblings, name, siblings[name]) for name in names]
    for _, _, node in found:
        if node.children and node.pruned != layer:
            found += [(node.children, name, child) for name, child in node.children.items()]
            node.pruned = layer
    for holder, name, node in reversed(found):
        if node.layer == layer:
            continue
        if node.children:
            # Hidden, and made anew for the entries that this layer holds below.
            node.layer, node.index, node.origin, node.member = layer, -1, None, None
        else:
            del holder[name]


def _described(existing: Node | None, member: Member, origin: MemberOrigin) -> Node:
    """Return the node for an entry; a directory that exists already keeps its entries."""
    if member.kind is not _DIRECTORY:
        target = member.target
        if target:
            _check_length(target, origin.layer)
        return Node(member.kind, origin.layer, origin, origin.index, target)
    is_directory = existing is not None and existing.children is not None
    node = existing if existing and is_directory else _directory(origin.layer)
    node.layer, node.index, node.origin, node.member = origin.layer, origin.index, origin, member
    return node


def _directory(layer: int) -> Node:
    return Node(MemberKind.DIRECTORY, layer, children={})


def _children(directory: Node) -> dict[str, Node]:
    assert directory.children is not None
    return directory.children


def _broken(layer: int | str, why: str) -> InvalidArchive:
    return InvalidArchive(f"layer {layer}", why)
