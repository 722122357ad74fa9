"""Rows of packages that documents name, entered at the manifests that these describe."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import package_rows
from cachedb.limits import SBOM_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.packages.package import Package

_T = TypeVar("_T")

_COLUMNS = ("name", "version", "scheme", "purl", "license", "type")
PORTION = 20_000
"""Rows per transaction: other writers wait for less than a second."""


class PackedPackages:
    """The packages of one document, each once, packed: there may be hundreds of thousands."""

    __slots__ = ("_packed", "_size")

    def __init__(self) -> None:
        self._packed: dict[bytes, None] = {}
        self._size = 0

    def add(self, found: Package) -> None:
        """Add a package, unless it was added before.

        Raises:
            LimitExceeded: The document names more packages than the limit.
        """
        # None of the texts holds a NUL: `Package.stated` has seen to that.
        packed = "\0".join(getattr(found, name) for name in _COLUMNS).encode()
        if packed not in self._packed:
            self._size += len(packed)
            SBOM_TEXT_BYTES.check(self._size, "the text of the packages of the document")
            self._packed[packed] = None

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._packed)

    def parts(self) -> Iterator[list[bytes]]:
        """Split the packages into parts, each for a transaction of its own."""
        return _portions(self)


def enter(
    connection: Connection, found: Iterable[tuple[int, Collection[int], PackedPackages]]
) -> None:
    """Enter packages: per document its id, the ids of the manifests it describes, its packages."""
    rows = (
        (packed, document, target)
        for document, targets, listed in found
        for target in sorted(targets)
        for packed in listed
    )
    for portion in _portions(rows):
        ids = _ids(connection, dict.fromkeys(packed for packed, _, _ in portion))
        connection.insert(
            package_rows.ENTER,
            sorted((target, ids[packed], document) for packed, document, target in portion),
        )


def enter_missing(
    connection: Connection, document: int, targets: Iterable[int], listed: Iterable[bytes]
) -> None:
    """Enter some packages of a document, except those of an earlier attempt."""
    ids = many(_ids(connection, listed).values())
    for target in targets:
        connection.write(
            package_rows.ENTER_MISSING, ids=ids, document_id=document, target_id=target
        )


def copy(connection: Connection, document: int, source: int, target: int) -> None:
    """Copy the packages of a document from one manifest to another that has none of them."""
    connection.write(package_rows.COPY, document_id=document, source_id=source, target_id=target)


def counts_of(connection: Connection, document: int) -> dict[int, int]:
    """Return how many packages of a document have been entered at each manifest."""
    rows = connection.each(package_rows.COUNTS, document_id=document)
    return {row.blob_id: row.packages for row in rows}


def withdraw_in(connection: Connection, blobs: Collection[int]) -> None:
    """Delete the packages entered at some blobs, and those that no other document names."""
    released = connection.values(package_rows.NAMED_IN, ids=many(blobs))
    if released:
        connection.write(package_rows.DELETE_IN, ids=many(blobs))
        _delete_unnamed(connection, released)


def withdraw_by(connection: Connection, documents: Collection[int]) -> None:
    """Delete the entries of some documents, and the packages that no other document names."""
    released = connection.values(package_rows.NAMED_BY, ids=many(documents))
    if released:
        connection.write(package_rows.DELETE_BY, ids=many(documents))
        _delete_unnamed(connection, released)


def withdraw_by_in(connection: Connection, document: int, target: int) -> None:
    """Delete the entries of a document at one blob, and packages that no other document names."""
    where = {"document_id": document, "target_id": target}
    released = connection.values(package_rows.NAMED_BY_IN, **where)
    if released:
        connection.write(package_rows.DELETE_BY_IN, **where)
        _delete_unnamed(connection, released)


def _delete_unnamed(connection: Connection, packages: Collection[int]) -> None:
    connection.write(package_rows.DELETE_UNNAMED, ids=many(packages))


def _ids(connection: Connection, wanted: Iterable[bytes]) -> dict[bytes, int]:
    """Return the ids of packages; insert new ones."""
    from cachedb.packages import versions  # noqa: PLC0415  (only layouts with SBOMs need it)

    texts = {packed: packed.decode().split("\0") for packed in wanted}
    keyed = json.dumps([[key, *values] for key, values in enumerate(texts.values())])
    known = {row.key: row.id for row in connection.each(package_rows.LOOK_UP, packages=keyed)}
    next_id = connection.value(package_rows.NEXT_ID) or 1
    new: list[tuple[str | int, ...]] = []
    for key, (name, version, scheme, purl, licence, kind) in enumerate(texts.values()):
        if key not in known:
            known[key] = next_id + len(new)
            vkey = versions.key(scheme, version)
            new.append((known[key], name, version, scheme, vkey, purl, licence, kind))
    connection.insert(package_rows.INSERT, new)
    return {packed: known[key] for key, packed in enumerate(texts)}


def _portions(rows: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(rows)
    while portion := list(islice(iterator, PORTION)):
        yield portion
