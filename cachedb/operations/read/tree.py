"""Tree of one image: its documents, configs, layers and referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import State
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, links
from cachedb.oci import Platform, graph
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest
    from cachedb.operations.read.resolve import ResolvedImage


class TreeNode(NamedTuple):
    """A blob in the tree of an image; its children are listed in the first of its places only.

    `role` is the role of the blob in its parent: manifest, config, layer, or referrer; empty for
    the root. `size` is in bytes. The root of an image that is one manifest a platform is not a
    blob: it has the kind `image`, no digest, and the manifests as children.
    """

    digest: Digest | None
    kind: str
    role: str
    state: str
    """Name of a `State`, in lower case."""
    size: int
    platform: Platform | None
    is_repeated: bool
    """Whether the blob is listed with its children at another place."""
    children: tuple[TreeNode, ...]


def tree(connection: Connection, image: ResolvedImage) -> TreeNode:
    """Return the tree of the content of an image, referrers after the content of their subject.

    Costs a few statements for each level of the graph.

    Raises:
        LimitExceeded: The image is nested too deeply, or has too many documents.
    """
    rows = _TreeRows(connection)
    rows.read(image)
    return _grow(rows, _SPLIT if image.is_split else image.roots[0].blob_id)


_SPLIT = 0
"""The key of the root of an image that is one manifest a platform: no blob has it."""


class _Row(NamedTuple):
    """A blob of a tree, without its place."""

    digest: Digest | None
    kind: str
    state: State
    size: int
    platform_id: int | None


class _Branch(NamedTuple):
    """A child of a blob: its role there, and the platform that its parent gives it."""

    child: int
    role: str
    platform_id: int | None


class _TreeRows:
    """The rows of a tree, read by a few statements a level."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.blobs: dict[int, _Row] = {}
        self.branches: dict[int, list[_Branch]] = {}
        self.platforms: dict[int, Platform] = {}

    def read(self, image: ResolvedImage) -> None:
        """Read everything below an image.

        Raises:
            LimitExceeded: The image is nested too deeply, or has too many documents.
        """
        roots = [root.blob_id for root in image.roots]
        self._read_blobs(roots)
        graph.walk(roots, self._below, repr(image.label))
        if image.is_split:
            self.blobs[_SPLIT] = _Row(None, "image", State.PRESENT, 0, None)
            self.branches[_SPLIT] = [
                _Branch(root.blob_id, "manifest", root.declared_id) for root in image.roots
            ]
        self._read_platforms()

    def _below(self, level: Sequence[int]) -> Iterator[list[int]]:
        self._read_branches(level)
        found = {one.child for key in level for one in self.branches.get(key, ())}
        self._read_blobs(found - self.blobs.keys())
        # Most children are layers and configs, which have no children.
        owning = set(self._connection.values(links.OWNERS, parents=many(found)))
        for key in level:
            yield [one.child for one in self.branches.get(key, ()) if one.child in owning]

    def _read_branches(self, parents: Sequence[int]) -> None:
        for row in self._connection.each(links.CHILDREN, parents=many(parents)):
            role = codecs.role(row.role).name.lower()
            branch = _Branch(row.child_id, role, row.platform_id)
            self.branches.setdefault(row.parent_id, []).append(branch)
        known = {(key, one.child) for key in parents for one in self.branches.get(key, ())}
        for parent, child in self._connection.each(links.EDGES, parents=many(parents)):
            if (parent, child) not in known:
                self.branches.setdefault(parent, []).append(_Branch(child, "referrer", None))

    def _read_blobs(self, keys: Collection[int]) -> None:
        for row in self._connection.each(blobs.NODES, ids=many(keys)):
            self.blobs[row.id] = _Row(
                codecs.digest(row.digest),
                codecs.kind(row.kind).name.lower(),
                codecs.state(row.state),
                codecs.size(row.size),
                row.platform_id,
            )

    def _read_platforms(self) -> None:
        declared = {one.platform_id for found in self.branches.values() for one in found}
        keys = {row.platform_id for row in self.blobs.values()} | declared
        named = many(key for key in keys if key is not None)
        for row in self._connection.each(blobs.PLATFORMS, ids=named):
            self.platforms[row.id] = Platform(
                os=row.os,
                architecture=row.architecture,
                variant=row.variant,
                os_version=row.os_version,
            )


def _grow(rows: _TreeRows, root: int) -> TreeNode:
    """Make nodes from the leaves up; a blob has its children in the first of its places."""
    top = _Growing(_Branch(root, "", None))
    opened: set[int] = set()
    stack = [top]
    while stack:
        here = stack[-1]
        key = here.branch.child
        if not here.is_entered:
            here.is_entered = True
            here.is_repeated = key in opened
            opened.add(key)
            if not here.is_repeated:
                here.pending = list(map(_Growing, reversed(rows.branches.get(key, ()))))
        if here.pending:
            stack.append(here.pending.pop())
            continue
        stack.pop()
        node = _node(rows, here)
        if not stack:
            return node
        stack[-1].children.append(node)
    raise AssertionError  # the root is on the stack until its node is returned


class _Growing:
    def __init__(self, branch: _Branch) -> None:
        self.branch = branch
        self.is_entered = False
        self.is_repeated = False
        self.pending: list[_Growing] = []
        self.children: list[TreeNode] = []


def _node(rows: _TreeRows, here: _Growing) -> TreeNode:
    row = rows.blobs[here.branch.child]
    return TreeNode(
        digest=row.digest,
        kind=row.kind,
        role=here.branch.role,
        state=row.state.name.lower(),
        size=row.size,
        platform=rows.platforms.get(here.branch.platform_id or row.platform_id or 0),
        is_repeated=here.is_repeated,
        children=tuple(here.children),
    )
