"""Weak roots: entries of index.json without a name, of artifacts that refer to an image.

cachedb, oras and zot write such entries for signatures, SBOMs and attestations, so that collectors
that follow entries alone keep these blobs. Such an entry does not protect an image: it is removed
in the same write of index.json in which the last other entry that reaches its artifact is removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.refs import ReferrerRow


def orphaned(connection: Connection, ref_ids: Collection[int]) -> list[ReferrerRow]:
    """Return the weak roots that no other ref reaches once some refs are removed.

    Costs a walk down from these refs, and one up from each weak root that they reach.
    """
    weak = [
        row
        for row in connection.rows(refs.UNNAMED_REFERRERS, ids=many(ref_ids))
        if row.id not in ref_ids
    ]
    going = {*ref_ids, *(row.id for row in weak)}
    return [
        row
        for row in weak
        if all(
            above.id in going for above in connection.rows(refs.CONTAINING, blob_id=row.blob_id)
        )
    ]
