"""Is there anything to settle before a question can be answered? A few calls of stat say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import FINGERPRINT
from cachedb.catalog.statements import blobs, sboms, state
from cachedb.layout.fingerprint import Fingerprint

if TYPE_CHECKING:
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout


def is_in_step(layout: Layout, connection: Connection) -> bool:
    """Whether the rows are known to stand for the files as they are."""
    recorded = connection.value(state.RECORDED, key=FINGERPRINT) or ""
    unchanged = layout.fingerprint().proves_unchanged(Fingerprint.parse(recorded))
    return unchanged and connection.value(sboms.UNREAD) is None


def is_settled(layout: Layout, connection: Connection) -> bool:
    """Whether the rows stand for the files, and no collection has left anything to be undone.

    That is when none was killed, and nothing that one has removed can be needed again.
    """
    return is_in_step(layout, connection) and not _has_to_give_back(layout, connection)


def _has_to_give_back(layout: Layout, connection: Connection) -> bool:
    with layout.quarantine() as trash:
        if trash.runs():
            return True
        removed = {digest for run in trash.finished() for digest in trash.blobs(run)}
    if not removed:
        return False
    return any(digest in removed for digest in connection.values(blobs.WITHOUT_FILE))
