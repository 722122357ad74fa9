"""Transfer of user state from an old catalog to a new one, as far as it is still valid.

The state of a name is kept if the name still resolves to the same digest; that of a hashed blob,
if its file is unchanged. Leases are kept, since the next collection deletes those of ended
processes, except leases that expire later than any lease can. Rows with a value out of range are
dropped.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cachedb.catalog import domains, state
from cachedb.catalog.enums import ADOPTED
from cachedb.catalog.statement import many
from cachedb.catalog.statements import leases, user_state
from cachedb.catalog.user_state import distrusted_layers
from cachedb.catalog.user_state.leases import is_overlong
from cachedb.errors import CacheError

if TYPE_CHECKING:
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.user_state import (
        CorruptFile,
        HashedFile,
        LeaseItemRow,
        LeaseRow,
        NameState,
        SeenBlob,
    )


class UserState:
    """The rows of user state of one catalog, by digest instead of by id."""

    def __init__(self) -> None:
        self.names: list[NameState] = []
        self.hashed: list[HashedFile] = []
        self.corrupt: list[CorruptFile] = []
        self.repositories: list[SeenBlob] = []
        self.leases: list[LeaseRow] = []
        self.leased: list[LeaseItemRow] = []
        self.adopted: str | None = None
        self.distrusted: frozenset[str] = frozenset()

    @classmethod
    def read(cls, catalog: Catalog) -> UserState:
        """Read all readable rows; a damaged catalog yields a part of its user state."""
        found = cls()
        parts: dict[str, Rows[Any]] = {
            "names": user_state.NAMES,
            "hashed": user_state.HASHED,
            "corrupt": user_state.CORRUPT,
            "repositories": user_state.REPOSITORIES,
            "leases": user_state.LEASES,
            "leased": user_state.LEASE_ITEMS,
        }
        for name, statement in parts.items():
            with suppress(CacheError), catalog.reading() as connection:
                rows = connection.rows(statement)
                setattr(found, name, [row for row in rows if _is_in_range(row)])
        with suppress(CacheError), catalog.reading() as connection:
            found.adopted = state.read(connection, ADOPTED)
            found.distrusted = distrusted_layers.read(connection)
        return found

    def write(self, connection: Connection) -> int:
        """Write the rows that are still valid; return the number of rows that changed."""
        wanted = {row.digest for row in self.names} | {row.digest for row in self.repositories}
        rows = connection.rows(user_state.IDS, digests=many(sorted(wanted)))
        ids = {row.digest: row.id for row in rows}
        taken = connection.write_each(
            user_state.SET_NAME,
            [
                {**row._asdict(), "target_id": ids[row.digest]}
                for row in self.names
                if row.digest in ids
            ],
        )
        taken += connection.write_each(
            user_state.SET_VERIFIED, [row._asdict() for row in self.hashed]
        )
        # A document has just been read again, and its problem was recorded then.
        taken += connection.write_each(
            user_state.SET_CORRUPT, [row._asdict() for row in self.corrupt]
        )
        seen = [
            (ids[row.digest], row.repository, row.seen)
            for row in self.repositories
            if row.digest in ids
        ]
        connection.insert(user_state.INSERT_REPOSITORIES, seen)
        if self.adopted is not None:
            state.write(connection, ADOPTED, self.adopted)
        if self.distrusted:
            distrusted_layers.add(connection, self.distrusted)
        now = time.time_ns() // 1000
        kept = [row for row in self.leases if not is_overlong(row.host, row.expires, now)]
        connection.insert(leases.INSERT, kept)
        known = {row.id for row in kept}
        connection.insert(
            leases.INSERT_ITEMS, [row for row in self.leased if row.lease_id in known]
        )
        return taken + len(seen)


_DOMAINS = {
    "source": domains.SOURCE,
    "pid": domains.COUNT,
    "size": domains.SIZE,
    "digest": domains.DIGEST,
    **dict.fromkeys(
        ("added", "pulled", "used", "verified", "seen", "created", "expires"), domains.TIME
    ),
}


def _is_in_range(row: Any) -> bool:
    """Return whether every field of a row is NULL or in the domain of its column."""
    values = row._asdict()
    return all(
        value is None or name not in _DOMAINS or _DOMAINS[name].holds(value)
        for name, value in values.items()
    )
