"""Hints: what only the catalog knows, carried from one that is given up into a new one.

A hint is taken over as far as it is still true: what is known of a name, if the name means the
same digest; that a blob was hashed, if its file is the same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from cachedb.catalog.enums import State
from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import blob, lease, lease_item, ref, repository_blob
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection

Rows = list[dict[str, Any]]

_OF_NAMES = ("source", "origin", "added", "pulled", "used")


@dataclass(slots=True)
class Hints:
    """The rows of hints of one catalog, by digest instead of by id."""

    names: Rows = field(default_factory=list)
    hashed: Rows = field(default_factory=list)
    corrupt: Rows = field(default_factory=list)
    repositories: Rows = field(default_factory=list)
    leases: Rows = field(default_factory=list)
    leased: Rows = field(default_factory=list)

    @classmethod
    def read(cls, catalog: Catalog) -> Hints:
        """Read what can be read; a damaged catalog gives some of its hints."""
        found = cls()
        parts: dict[str, Callable[[Connection], Rows]] = {
            "names": _names,
            "hashed": _hashed,
            "corrupt": _corrupt,
            "repositories": _repositories,
            "leases": lambda connection: _rows(connection, select(lease)),
            "leased": lambda connection: _rows(connection, select(lease_item)),
        }
        for name, query in parts.items():
            with suppress(CacheError), catalog.reading() as connection:
                setattr(found, name, query(connection))
        return found

    def write(self, connection: Connection) -> int:
        """Put into a catalog what is still true there; returns how many rows took a hint.

        Leases are put there as they are: the next collection knows which of them live.
        """
        ids = _ids(connection, {row["key"] for row in (*self.names, *self.repositories)})
        taken = 0
        for row in self.names:
            target = ids.get(row["key"])
            values = {name: row[name] for name in _OF_NAMES if row[name] is not None}
            same = (ref.c.target_id == target) & ref.c.name.is_not_distinct_from(row["name"])
            if target is not None and values:
                taken += connection.execute(update(ref).where(same).values(values)).rowcount
        same_file = (
            (blob.c.digest == bindparam("key"))
            & (blob.c.size == bindparam("bytes"))
            & (blob.c.touched == bindparam("file"))
        )
        if self.hashed:
            right = update(blob).where(same_file).values(verified=bindparam("moment"))
            taken += connection.execute(right, self.hashed).rowcount
        if self.corrupt:
            # A document has been read again just now, and what is wrong with it has been told.
            wrong = update(blob).where(same_file, blob.c.parsed == 0)
            wrong = wrong.values(state=int(State.CORRUPT), problem=bindparam("why"))
            taken += connection.execute(wrong, self.corrupt).rowcount
        seen = [
            {"blob_id": ids[row["key"]], "repository": row["repository"], "seen": row["seen"]}
            for row in self.repositories
            if row["key"] in ids
        ]
        for table, rows in ((repository_blob, seen), (lease, self.leases)):
            if rows:
                connection.execute(insert(table), rows)
        known = {row["id"] for row in self.leases}
        items = [row for row in self.leased if row["lease_id"] in known]
        if items:
            connection.execute(insert(lease_item), items)
        return taken + len(seen)


def _names(connection: Connection) -> Rows:
    columns = [ref.c[name] for name in _OF_NAMES]
    query = select(blob.c.digest.label("key"), ref.c.name, *columns)
    return _rows(connection, query.join(blob, blob.c.id == ref.c.target_id))


def _hashed(connection: Connection) -> Rows:
    return _rows(
        connection,
        select(
            blob.c.digest.label("key"),
            blob.c.size.label("bytes"),
            blob.c.touched.label("file"),
            blob.c.verified.label("moment"),
        ).where(blob.c.verified.is_not(None)),
    )


def _corrupt(connection: Connection) -> Rows:
    return _rows(
        connection,
        select(
            blob.c.digest.label("key"),
            blob.c.size.label("bytes"),
            blob.c.touched.label("file"),
            blob.c.problem.label("why"),
        ).where(blob.c.state == int(State.CORRUPT)),
    )


def _repositories(connection: Connection) -> Rows:
    return _rows(
        connection,
        select(
            blob.c.digest.label("key"), repository_blob.c.repository, repository_blob.c.seen
        ).join(blob, blob.c.id == repository_blob.c.blob_id),
    )


def _rows(connection: Connection, query: Any) -> Rows:
    return [dict(row) for row in connection.execute(query).mappings()]


def _ids(connection: Connection, digests: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in chunks(sorted(digests)):
        rows = connection.execute(select(blob.c.digest, blob.c.id).where(blob.c.digest.in_(batch)))
        found.update((row.digest, row.id) for row in rows)
    return found
