"""Tree of one image: its documents, configs, layers and referrers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from cachedb.catalog.batches import chunks
from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.schema import blob, edge, link, platform
from cachedb.oci import Digest, Platform, graph

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.operations.read.resolve import Root


class TreeNode(NamedTuple):
    """A blob in the tree of an image; its children are listed in the first of its places only.

    `role` is what the blob is to its parent: manifest, config, layer, or referrer; empty for the
    root. `size` is in bytes.
    """

    digest: Digest
    kind: str
    role: str
    state: str
    size: int
    platform: Platform | None
    is_repeated: bool
    children: tuple[TreeNode, ...]


def tree(connection: Connection, root: Root) -> TreeNode:
    """Return the tree of what a root contains, referrers after the content of their subject.

    Costs a few statements for each level of the graph.

    Raises:
        LimitExceeded: It is nested too deeply, or has too many documents.
    """
    rows = _TreeRows(connection)
    rows.read(root.blob_id, repr(root.name or root.digest))
    return _grow(rows, root.blob_id)


class _Row(NamedTuple):
    """A blob of a tree, without its place."""

    digest: Digest
    kind: Kind
    state: State
    size: int
    platform_id: int | None


class _Branch(NamedTuple):
    """A child of a blob: its role there, and the platform that its parent gives it."""

    child: int
    role: str
    platform_id: int | None


class _TreeRows:
    """The rows that a tree is made of, read by a few statements a level."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.blobs: dict[int, _Row] = {}
        self.branches: dict[int, list[_Branch]] = {}
        self.platforms: dict[int, Platform] = {}

    def read(self, root: int, what: str) -> None:
        """Read everything below a blob.

        Raises:
            LimitExceeded: It is nested too deeply, or has too many documents.
        """
        self._read_blobs([root])
        graph.walk([root], self._below, what)
        self._read_platforms()

    def _below(self, level: Sequence[int]) -> Iterator[list[int]]:
        for batch in chunks(level):
            self._read_branches(batch)
        found = {one.child for key in level for one in self.branches.get(key, ())}
        self._read_blobs(sorted(found - self.blobs.keys()))
        owning = self._owning(found)
        for key in level:
            yield [one.child for one in self.branches.get(key, ()) if one.child in owning]

    def _read_branches(self, batch: Sequence[int]) -> None:
        listed = self._connection.execute(
            select(link.c.parent_id, link.c.child_id, link.c.role, link.c.platform_id)
            .where(link.c.parent_id.in_(batch), link.c.role != int(Role.SUBJECT))
            .order_by(link.c.parent_id, link.c.role, link.c.position)
        )
        for parent, child, role, platform_id in listed:
            branch = _Branch(child, Role(role).name.lower(), platform_id)
            self.branches.setdefault(parent, []).append(branch)
        owned = self._connection.execute(
            select(edge.c.parent_id, edge.c.child_id)
            .where(edge.c.parent_id.in_(batch))
            .order_by(edge.c.parent_id, edge.c.child_id)
        ).all()
        known = {(parent, one.child) for parent in batch for one in self.branches.get(parent, ())}
        for parent, child in owned:
            if (parent, child) not in known:
                self.branches.setdefault(parent, []).append(_Branch(child, "referrer", None))

    def _owning(self, keys: Collection[int]) -> set[int]:
        """Return which blobs have any below them: most are layers and configs, which have none."""
        return {
            key
            for batch in chunks(sorted(keys))
            for key in self._connection.scalars(
                select(edge.c.parent_id).where(edge.c.parent_id.in_(batch)).distinct()
            )
        }

    def _read_blobs(self, keys: Collection[int]) -> None:
        for batch in chunks(keys):
            rows = self._connection.execute(
                select(
                    blob.c.id,
                    blob.c.digest,
                    blob.c.kind,
                    blob.c.state,
                    blob.c.size,
                    blob.c.platform_id,
                ).where(blob.c.id.in_(batch))
            )
            for key, digest, kind, state, size, platform_id in rows:
                self.blobs[key] = _Row(
                    Digest.declared(digest), Kind(kind), State(state), size, platform_id
                )

    def _read_platforms(self) -> None:
        declared = {one.platform_id for found in self.branches.values() for one in found}
        keys = {row.platform_id for row in self.blobs.values()} | declared
        for batch in chunks(sorted(key for key in keys if key is not None)):
            rows = self._connection.execute(select(platform).where(platform.c.id.in_(batch)))
            for row in rows:
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


@dataclass(slots=True)
class _Growing:
    branch: _Branch
    is_entered: bool = False
    is_repeated: bool = False
    pending: list[_Growing] = field(default_factory=list)
    children: list[TreeNode] = field(default_factory=list)


def _node(rows: _TreeRows, here: _Growing) -> TreeNode:
    row = rows.blobs[here.branch.child]
    return TreeNode(
        digest=row.digest,
        kind=row.kind.name.lower(),
        role=here.branch.role,
        state=row.state.name.lower(),
        size=row.size,
        platform=rows.platforms.get(here.branch.platform_id or row.platform_id or 0),
        is_repeated=here.is_repeated,
        children=tuple(here.children),
    )
