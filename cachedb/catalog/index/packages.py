"""Rows of packages: what documents name, entered at the manifests that they describe."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
)

from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import blob_package, package
from cachedb.limits import SBOM_TEXT_BYTES
from cachedb.packages.versions import key as version_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlalchemy import ColumnElement, Select

    from cachedb.catalog.executor import Connection
    from cachedb.packages.package import Package

_T = TypeVar("_T")

_ENTRY = ["blob_id", "package_id", "document_id"]
_COLUMNS = ("name", "version", "scheme", "purl", "license", "type")
PORTION = 20_000
"""How many rows are written at a time: others wait for less than a second."""

# Joining with a table is how several columns are looked up by an index: SQLite scans for a list
# of row values, and a statement for each package takes thrice as long.
_looked_up = Table(
    "looked_up_package",
    MetaData(),
    Column("key", Integer, primary_key=True),
    *(Column(name, Text, nullable=False) for name in _COLUMNS),
    prefixes=["TEMPORARY"],
)


class PackedPackages:
    """The packages of one document, each once, packed: there may be hundreds of thousands."""

    __slots__ = ("_packed", "_size")

    def __init__(self) -> None:
        self._packed: dict[bytes, None] = {}
        self._size = 0

    def add(self, found: Package) -> None:
        """Take a package, if it is not there.

        Raises:
            LimitExceeded: The document says more than is kept.
        """
        # None of the texts holds a NUL: `Package.stated` has seen to that.
        packed = "\0".join(getattr(found, name) for name in _COLUMNS).encode()
        if packed not in self._packed:
            self._size += len(packed)
            SBOM_TEXT_BYTES.check(self._size, "what the document says of packages")
            self._packed[packed] = None

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._packed)

    def parts(self) -> Iterator[list[bytes]]:
        """Cut it into parts that are worth a transaction of their own."""
        return _portions(self)


def enter(
    connection: Connection, found: Iterable[tuple[int, Collection[int], PackedPackages]]
) -> None:
    """Enter what documents name: the id of each, those of what it describes, its packages."""
    _looked_up.create(connection.alchemy)
    rows = (
        (packed, document, target)
        for document, targets, listed in found
        for target in sorted(targets)
        for packed in listed
    )
    for portion in _portions(rows):
        ids = _ids(connection, dict.fromkeys(packed for packed, _, _ in portion))
        connection.execute(
            insert(blob_package),
            [
                {"blob_id": target, "package_id": package_id, "document_id": document}
                for target, package_id, document in sorted(
                    (target, ids[packed], document) for packed, document, target in portion
                )
            ],
        )
    _looked_up.drop(connection.alchemy)


def enter_missing(
    connection: Connection, document: int, targets: Iterable[int], listed: Iterable[bytes]
) -> None:
    """Enter some of what a document names, where it is not there from an earlier attempt."""
    _looked_up.create(connection.alchemy)
    ids = _ids(connection, listed)
    here = blob_package.alias("here")
    for target in targets:
        for batch in chunks(ids.values()):
            found = select(literal(target), package.c.id, literal(document)).where(
                package.c.id.in_(batch),
                ~exists(
                    select(1).where(
                        here.c.blob_id == target,
                        here.c.package_id == package.c.id,
                        here.c.document_id == document,
                    )
                ),
            )
            connection.execute(insert(blob_package).from_select(_ENTRY, found))
    _looked_up.drop(connection.alchemy)


def copy(connection: Connection, document: int, source: int, target: int) -> None:
    """Enter all that a document names at one manifest at another, where nothing of it is."""
    listed = select(literal(target), blob_package.c.package_id, blob_package.c.document_id)
    own = (blob_package.c.document_id == document) & (blob_package.c.blob_id == source)
    connection.execute(insert(blob_package).from_select(_ENTRY, listed.where(own)))


def counts_of(connection: Connection, document: int) -> dict[int, int]:
    """Return how many packages of a document have been entered at each manifest."""
    rows = connection.execute(
        select(blob_package.c.blob_id, func.count())
        .where(blob_package.c.document_id == document)
        .group_by(blob_package.c.blob_id)
    )
    return dict(rows.all())


def withdraw(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Delete rows of `blob_package`, and the packages that nothing else names."""
    named = select(blob_package.c.package_id).where(condition).distinct()
    released = connection.scalars(named).all()
    if not released:
        return
    connection.execute(delete(blob_package).where(condition))
    is_named = exists(select(1).where(blob_package.c.package_id == package.c.id))
    for batch in chunks(released):
        connection.execute(delete(package).where(package.c.id.in_(batch), ~is_named))


def listed_at(targets: Collection[int]) -> Select[*tuple[Any, ...]]:
    """Select the packages that were found in some blobs, by name and version."""
    return (
        select(
            blob_package.c.blob_id,
            package.c.name,
            package.c.version,
            package.c.type,
            package.c.license,
            package.c.purl,
            package.c.vkey,
            package.c.id,
        )
        .join(package, package.c.id == blob_package.c.package_id)
        .where(blob_package.c.blob_id.in_(targets))
        .distinct()
        .order_by(package.c.name, package.c.vkey, package.c.id)
    )


def _ids(connection: Connection, wanted: Iterable[bytes]) -> dict[bytes, int]:
    """Return the ids of packages; those that are new get a row."""
    texts = {packed: packed.decode().split("\0") for packed in wanted}
    connection.execute(
        insert(_looked_up),
        [
            {"key": key, **dict(zip(_COLUMNS, values, strict=True))}
            for key, values in enumerate(texts.values())
        ],
    )
    same = and_(*(package.c[name] == _looked_up.c[name] for name in _COLUMNS))
    rows = connection.execute(select(_looked_up.c.key, package.c.id).join(package, same))
    known = dict(rows.all())
    connection.execute(delete(_looked_up))
    next_id = (connection.scalar(select(func.max(package.c.id))) or 0) + 1
    new: list[dict[str, object]] = []
    for key, values in enumerate(texts.values()):
        if key not in known:
            known[key] = next_id + len(new)
            row = dict(zip(_COLUMNS, values, strict=True))
            vkey = version_key(row["scheme"], row["version"])
            new.append({"id": known[key], "vkey": vkey, **row})
    if new:
        connection.execute(insert(package), new)
    return {packed: known[key] for key, packed in enumerate(texts)}


def _portions(rows: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(rows)
    while portion := list(islice(iterator, PORTION)):
        yield portion
