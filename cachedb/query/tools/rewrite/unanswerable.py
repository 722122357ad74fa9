"""Questions that no query answers, with the command that does or the nearest query."""

from __future__ import annotations

import re
from typing import Final

from cachedb.patterns import lazy

_ALONE: Final = r"(?<![\w.:/*%-])(?:{})(?![\w./*%:-])"
_TABLE: Final = tuple(
    (lazy(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            _ALONE.format(
                r"user|users|exposed|expose|ports?|cmd|workdir|volumes?|healthcheck|stopsignal|"
                r"runs? as"
            ),
            "the catalog does not have it; cachedb inspect --config NAME prints it",
        ),
        (
            r"\bcve-\d+|" + _ALONE.format(r"cves?|vulnerabilit(?:y|ies)"),
            "vulnerabilities are not known here; packages by version are: pkg:openssl lt 3.0.7",
        ),
        (
            _ALONE.format(r"count\s*\(?\s*(?:distinct|unique)"),
            "distinct values are listed, not counted: group repo",
        ),
        (
            r"\bhaving\s+[\w.]+\s*(?:\([^)]*\))?\s*[<>=!]",
            "groups are not filtered; sort them: group repo sort -count",
        ),
        (
            _ALONE.format("join|union|insert|update|delete|drop"),
            "a query selects from one noun; cachedb rm --where QUERY and cachedb gc remove",
        ),
    )
)

_TIME: Final = lazy(
    r"(?<![\w.:/-])(?:before|since|until|after|older than|newer than)(?![\w./:-])", re.IGNORECASE
)


def what_is_missing(text: str) -> str | None:
    """Return the hint for a time that is neither a date nor an image of the cache, else None."""
    if _TIME.search(text) is None:
        return None
    return "a time is a date, an age or the name of an image in the cache: created before 30d"


def why_not(text: str) -> str | None:
    """Return the hint for a text that no query answers, else None."""
    return next((hint for pattern, hint in _TABLE if pattern.search(text)), None)
