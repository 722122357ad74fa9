"""Is the catalog in step with the files? Four calls of stat answer that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.codes import FINGERPRINT
from cachedb.catalog.questions import Question
from cachedb.layout.fingerprint import Fingerprint

if TYPE_CHECKING:
    from cachedb.catalog.questions import Asking
    from cachedb.layout import Layout


def is_in_step(layout: Layout, ask: Asking) -> bool:
    """Whether the rows are known to stand for the files as they are."""
    recorded = next((text for (text,) in ask(Question.REMEMBERED, key=FINGERPRINT)), "")
    unchanged = layout.fingerprint().proves_unchanged(Fingerprint.parse(recorded))
    return unchanged and not list(ask(Question.UNREAD_SBOMS))
