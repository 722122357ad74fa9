"""Is there anything to settle before a question can be answered? A few calls of stat say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import FINGERPRINT
from cachedb.catalog.named_queries import Question
from cachedb.layout.fingerprint import Fingerprint

if TYPE_CHECKING:
    from cachedb.catalog.named_queries import Asking
    from cachedb.layout import Layout


def is_in_step(layout: Layout, ask: Asking) -> bool:
    """Whether the rows are known to stand for the files as they are."""
    recorded = next((text for (text,) in ask(Question.REMEMBERED, key=FINGERPRINT)), "")
    unchanged = layout.fingerprint().proves_unchanged(Fingerprint.parse(recorded))
    return unchanged and not list(ask(Question.UNREAD_SBOMS))


def is_settled(layout: Layout, ask: Asking) -> bool:
    """Whether the rows stand for the files, and no collection has left anything to be undone.

    That is when none was killed, and nothing that one has removed can be needed again.
    """
    return is_in_step(layout, ask) and not _has_to_give_back(layout, ask)


def _has_to_give_back(layout: Layout, ask: Asking) -> bool:
    with layout.trash() as trash:
        if trash.runs():
            return True
        removed = {digest for run in trash.finished() for digest in trash.blobs(run)}
    return bool(removed) and any(digest in removed for (digest,) in ask(Question.GONE))
