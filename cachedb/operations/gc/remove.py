"""Removal of names from index.json; blobs stay until the next collection."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cachedb.catalog.statements import refs
from cachedb.errors import Refused
from cachedb.layout import unreadable_entry
from cachedb.oci.names.entry_name import whole_digest
from cachedb.operations.gc import pins, weak_roots
from cachedb.operations.read import resolve, usage
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names, locking_names
from cachedb.records import Record, brief_repr

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.statements.refs import ReferrerRow
    from cachedb.errors import NotFound
    from cachedb.layout import Layout
    from cachedb.layout.index_json import IndexJson
    from cachedb.layout.unreadable_entry import UnreadableEntry
    from cachedb.operations.read.resolve import Root


class RemovalPlan(Record):
    """The refs to remove, and the bytes that become unreferenced.

    `absent` has an error for each name that does not exist.
    """

    roots: tuple[Root, ...]
    """Refs to remove."""
    freed: int
    """Bytes that become unreferenced."""
    absent: tuple[NotFound, ...] = ()
    weak: tuple[ReferrerRow, ...] = ()
    """Entries without a name of artifacts about the removed images, which go with them."""
    pinned: tuple[Root, ...] = ()
    """Refs that stay because they are pinned."""
    unnamed: tuple[Root, ...] = ()
    """Remaining entries without a name that reach part of the content of the removed refs."""
    tagged: tuple[Root, ...] = ()
    """Remaining refs whose tag has the digest of a blob that only the removed refs reach."""
    unreadable: tuple[UnreadableEntry, ...] = ()
    """Unreadable entries to remove; their content is unknown."""

    __repr__ = brief_repr

    @property
    def ref_ids(self) -> frozenset[int]:
        """Ids of the refs in the catalog, and of the weak roots that are removed with them."""
        named = (root.ref_id for root in self.roots if root.ref_id is not None)
        return frozenset([*named, *(row.id for row in self.weak)])


def find_unreadable_targets(
    layout: Layout, catalog: Catalog, names: Sequence[str]
) -> tuple[tuple[UnreadableEntry, ...], list[str]]:
    """Return the unreadable entries that texts resolve to, and the other texts.

    An address of an entry is never a name. A digest resolves to an unreadable entry only if no
    readable one has it.

    Raises:
        NotFound: No entry has that address.
        Refused: The entry at an address can be read, or has changed since it was listed.
    """
    found: list[UnreadableEntry] = []
    others: list[str] = []
    index = layout.index() if any(map(_may_be_unreadable, names)) else None
    for name in names:
        matching = []
        if index is not None and not _is_ref(catalog, name):
            matching = unreadable_entry.find_unreadable(index, name)
        found += matching
        others += [] if matching else [name]
    return tuple(dict.fromkeys(found)), others


def _may_be_unreadable(name: str) -> bool:
    return unreadable_entry.is_address(name) or whole_digest(name) is not None


def _is_ref(catalog: Catalog, name: str) -> bool:
    """Return whether a digest is that of an entry that can be read."""
    digest = whole_digest(name)
    if digest is None:
        return False
    with catalog.reading() as connection:
        return connection.first(refs.OF_DIGESTS, low=digest, high=digest) is not None


def plan(
    catalog: Catalog,
    roots: Sequence[Root],
    absent: tuple[NotFound, ...] = (),
    unreadable: tuple[UnreadableEntry, ...] = (),
    *,
    selected: Sequence[Root] = (),
) -> RemovalPlan:
    """Plan the removal of refs, with the bytes that it makes unreferenced.

    `roots` are given by name, `selected` by a query: of these, pinned ones stay.

    Raises:
        Refused: One of `roots` is pinned, or is a blob that has no ref of its own.
    """
    found: dict[int, Root] = {}
    for root in (*roots, *selected):
        if root.ref_id is None:
            raise Refused(
                f"{root.digest} is a blob without an entry in index.json",
                hint="cachedb gc removes unreferenced blobs",
            )
        found[root.ref_id] = root
    with catalog.reading() as connection:
        ids = set(connection.values(refs.PINNED))
        for root in roots:
            _refuse_pinned(root, ids)
        pinned = tuple(root for key, root in found.items() if key in ids)
        found = {key: root for key, root in found.items() if key not in ids}
        weak = weak_roots.orphaned(connection, found)
        gone = [*found, *(row.id for row in weak)]
        freed = usage.freed_by_removing(connection, gone)
        unnamed = resolve.unnamed_within(connection, gone) if found else []
        tagged = resolve.tagged_after(connection, gone) if found else []
    return RemovalPlan(
        roots=tuple(found.values()),
        freed=freed,
        absent=absent,
        weak=tuple(weak),
        pinned=pinned,
        unnamed=tuple(unnamed),
        tagged=tuple(tagged),
        unreadable=unreadable,
    )


def _texts_of_unreadable(index: IndexJson, entries: Sequence[UnreadableEntry]) -> list[str]:
    texts = unreadable_entry.texts_of(index, entries)
    if len(texts) < len(entries):
        raise Refused("index.json has changed since its entries were listed", hint="cachedb ls")
    return texts


def _refuse_pinned(root: Root, ids: Collection[int]) -> None:
    if root.ref_id in ids:
        name = root.name or root.digest
        raise Refused(f"{name!r} is pinned", hint=f"cachedb unpin {shlex.quote(name)}")


def apply(
    plan: RemovalPlan, layout: Layout, catalog: Catalog, operation: str = history.REMOVE
) -> tuple[Root, ...]:
    """Remove the entries of a plan from index.json, in one write; return those that were there.

    An entry counts by its whole JSON: an entry of the same name and digest that the plan keeps
    stays, and so does one that has changed or been pinned since the plan was made. Weak roots that
    no ref reaches any longer are removed in the same write. The history lists it as `operation`.

    Raises:
        Refused: An unreadable entry of the plan no longer exists; nothing is removed.
    """
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        history.bring_up_to_date(layout, catalog)  # a pin that was set since
        gone = _remove(plan, layout, catalog)
    if gone or plan.unreadable:
        history.record(
            layout,
            catalog,
            operation,
            names=[root.name for root in gone if root.name is not None],
            digests=[root.digest for root in gone if root.name is None],
            size=plan.freed,
        )
    return gone


def _remove(plan: RemovalPlan, layout: Layout, catalog: Catalog) -> tuple[Root, ...]:
    before = layout.index()
    with catalog.reading() as connection:
        pinned = pins.pinned_keys(before, history.pins(connection))
    texts = [
        root.entry
        for root in plan.roots
        if root.entry is not None and (root.name or root.digest) not in pinned
    ]
    texts += _texts_of_unreadable(before, plan.unreadable)
    index, removed = before.without_entries(texts)
    gone = tuple(root for root in plan.roots if root.entry in removed)
    if removed:
        with catalog.reading() as connection:
            ids = [root.ref_id for root in gone if root.ref_id is not None]
            weak = {row.digest for row in weak_roots.orphaned(connection, ids)}
        after = index.without(lambda ref: ref.name is None and ref.descriptor.digest in weak)
        layout.replace_index(pins.restored(after, pinned))
        with after_names(), catalog.writing() as connection:
            reconcile.absorb(layout, connection, ())
    return gone
