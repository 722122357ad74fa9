"""Freshness of a catalog: whether it is up to date with the files, by a few calls of stat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import FINGERPRINT, JOURNAL, NAMES
from cachedb.catalog.statements import blobs, sboms, state
from cachedb.errors import CacheError
from cachedb.layout.fingerprint import Fingerprint

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout


def is_up_to_date(layout: Layout, connection: Connection) -> bool:
    """Return whether the rows are known to be derived from the files as they are now.

    Costs four calls of stat; while index.json is too young for its time to be proof, it is read
    and compared with the copy in the catalog.
    """
    recorded = Fingerprint.parse(connection.value(state.RECORDED, key=FINGERPRINT) or "")
    current = layout.fingerprint()
    is_unchanged = current.proves_unchanged(recorded) or (
        # Once it is old enough, the proof is recorded, and the next command need not read it.
        not current.settled and has_same_content(layout, connection, current, recorded)
    )
    return is_unchanged and connection.value(sboms.UNREAD) is None


def is_derived_from_files(layout: Layout, connection: Connection) -> bool:
    """Return whether the rows are derived from the files as they are now, whatever proves it.

    Costs four calls of stat, or one reading of index.json as well.
    """
    recorded = Fingerprint.parse(connection.value(state.RECORDED, key=FINGERPRINT) or "")
    current = layout.fingerprint()
    return current.proves_unchanged(recorded) or has_same_content(
        layout, connection, current, recorded
    )


def has_same_content(
    layout: Layout, connection: Connection, current: Fingerprint, recorded: Fingerprint | None
) -> bool:
    """Return whether no blob has changed, and index.json has the bytes that were derived last."""
    return current.proves_same_blobs(recorded) and has_same_names(layout, connection)


def has_same_names(layout: Layout, connection: Connection) -> bool:
    """Return whether index.json has the bytes that the rows were derived from last."""
    copy = connection.value(state.RECORDED, key=NAMES)
    try:
        return copy is not None and copy.encode() == layout.read_index_json()
    except CacheError:  # of a file that is unreadable now, which a reconciliation reports
        return False


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
