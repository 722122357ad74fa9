"""Freshness of a catalog: whether it is up to date with the files, by a few calls of stat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import FINGERPRINT, JOURNAL
from cachedb.catalog.statements import blobs, sboms, state
from cachedb.layout.fingerprint import Fingerprint

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout


def is_up_to_date(layout: Layout, connection: Connection) -> bool:
    """Return whether the rows are known to be derived from the files as they are now."""
    recorded = connection.value(state.RECORDED, key=FINGERPRINT) or ""
    unchanged = layout.fingerprint().proves_unchanged(Fingerprint.parse(recorded))
    return unchanged and connection.value(sboms.UNREAD) is None


def is_behind(layout: Layout, connection: Connection) -> bool:
    """Return whether the journal has records that are not in the catalog; six system calls.

    Raises:
        CacheError: The journal cannot be read, or is not trusted.
    """
    position = connection.value(state.RECORDED, key=JOURNAL) or ""
    if not layout.may_have_records_behind(position):
        return False
    from cachedb.layout.journal import Position  # noqa: PLC0415  (parses JSON)

    recorded = Position.parse(position)
    tail = layout.read_journal(recorded)
    return tail is not None and tail.position != recorded


def is_ready(layout: Layout, connection: Connection) -> bool:
    """Return whether the rows are up to date and no interrupted collection has to be undone.

    That is so when none was killed, and no quarantined blob can be needed again.
    """
    return is_up_to_date(layout, connection) and not _has_to_restore(layout, connection)


def _has_to_restore(layout: Layout, connection: Connection) -> bool:
    if not layout.has_quarantine:
        return False
    with layout.quarantine() as quarantine:
        if quarantine.runs():
            return True
        removed = {digest for run in quarantine.finished() for digest in quarantine.blobs(run)}
    if not removed:
        return False
    return any(digest in removed for digest in connection.values(blobs.WITHOUT_FILE))
