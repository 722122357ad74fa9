"""Pins: names that no removal, policy or collection removes from a cache.

A name is pinned if its entry in index.json has the annotation ``io.cachedb.pin``, or if the
journal of the cache says so: other tools may drop annotations when they rewrite index.json, and
the catalog can be deleted. The next write of index.json by cachedb restores the annotation. A pin
belongs to the name, whichever image it has; that of an entry without a name, to its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.index.ref_rows import PIN
from cachedb.errors import RefNotFound, Refused
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names, locking_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.errors import NotFound
    from cachedb.layout import Layout
    from cachedb.layout.index_json import IndexJson, Ref
    from cachedb.operations.read.resolve import Root

_VALUE = "true"


def pin(layout: Layout, catalog: Catalog, roots: Sequence[Root]) -> tuple[Root, ...]:
    """Pin the names of some refs, durably; return those that were not pinned before.

    The journal is written first: a crash before index.json is written leaves the names pinned.

    Raises:
        Refused: One of them is a blob that has no entry of its own.
    """
    keys = _keys(roots)
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        before = _pinned(layout, catalog)
        history.record_durably(layout, history.PIN_NAMES, **_named(roots))
        index = layout.index()
        _replace(layout, catalog, index, _annotating(index, keys))
    return tuple(root for root in roots if _key(root) not in before)


def unpin(
    layout: Layout, catalog: Catalog, roots: Sequence[Root], left: Collection[str] = ()
) -> tuple[Root, ...]:
    """Remove the pins of the names of some refs, durably; return those that were pinned.

    `left` are pinned names without an entry, which lose their pins too. The journal is written
    last: a crash before that leaves the names pinned.

    Raises:
        Refused: One of them is a blob that has no entry of its own.
    """
    keys = _keys(roots)
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        before = _pinned(layout, catalog)
        index = layout.index()
        after = index.without_annotation(lambda ref: key_of(ref) in keys, PIN)
        if after != index:
            layout.replace_index(after)
        named = _named(roots)
        names = [*named["names"], *left]
        history.record_durably(layout, history.UNPIN_NAMES, names=names, digests=named["digests"])
        _absorb(layout, catalog)
    return tuple(root for root in roots if _key(root) in before)


def left_behind(connection: Connection, absent: Sequence[NotFound]) -> list[str]:
    """Return the pinned names without an entry; raise the error of any other name.

    Raises:
        NotFound: A name is neither in an entry nor pinned.
    """
    recorded = history.pins(connection)
    for error in absent:
        if getattr(error, "text", None) not in recorded:
            raise error
    return [error.text for error in absent if isinstance(error, RefNotFound)]


def restored(index: IndexJson, pinned: Collection[str]) -> IndexJson:
    """Return index.json with the annotation on every entry of the names `pinned`."""
    return _annotating(index, pinned) if pinned else index


def pinned_keys(index: IndexJson, recorded: Collection[str]) -> frozenset[str]:
    """Return the keys that are pinned by an annotation in `index`, or `recorded` as pinned."""
    annotated = (key_of(ref) for ref in index.refs if PIN in ref.descriptor.annotations)
    return frozenset([*recorded, *annotated])


def key_of(ref: Ref) -> str:
    """Return the key of the pin of an entry: its name, or its digest without one."""
    return str(ref.descriptor.digest) if ref.name is None else ref.name


def _annotating(index: IndexJson, keys: Collection[str]) -> IndexJson:
    def lacks(ref: Ref) -> bool:
        return key_of(ref) in keys and PIN not in ref.descriptor.annotations

    return index.annotating(lacks, PIN, _VALUE)


def _replace(layout: Layout, catalog: Catalog, before: IndexJson, after: IndexJson) -> None:
    if after != before:
        layout.replace_index(after)
    _absorb(layout, catalog)


def _absorb(layout: Layout, catalog: Catalog) -> None:
    with after_names(), catalog.writing() as connection:
        reconcile.absorb(layout, connection, ())


def _pinned(layout: Layout, catalog: Catalog) -> frozenset[str]:
    with catalog.reading() as connection:
        return pinned_keys(layout.index(), history.pins(connection))


def _keys(roots: Sequence[Root]) -> frozenset[str]:
    for root in roots:
        if root.ref_id is None:
            raise Refused(
                f"{root.digest} has no entry in index.json that could be pinned",
                hint=f"cachedb why {root.digest} lists the images that contain it",
            )
    return frozenset(map(_key, roots))


def _key(root: Root) -> str:
    return str(root.digest) if root.name is None else root.name


def _named(roots: Sequence[Root]) -> dict[str, list[str]]:
    return {
        "names": [root.name for root in roots if root.name is not None],
        "digests": [str(root.digest) for root in roots if root.name is None],
    }
