"""Questions that no query answers, with the command that does or the nearest query."""

from __future__ import annotations

import re
from typing import Final

from cachedb.patterns import lazy

_ALONE: Final = r"(?<![\w.:/*%-])(?:{})(?![\w./*%:-])"
_MORE_THAN_ONE: Final = (
    r"more than (?!1 )|at least (?![12] )|(?:exactly|fewer than|less than|at most) (?!1 )"
)
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
        (
            r"^\s*(?:layers|blobs)\b.*\b(?:in|by|of|to) (?:" + _MORE_THAN_ONE + r")\d+ "
            r"(?:images|refs|references)\s*$",
            "the number of references is a column: layers sort -refs show digest,refs,size",
        ),
    )
)

_TIME: Final = lazy(
    r"(?<![\w.:/-])(?:before|since|until|after|older than|newer than)(?![\w./:-])", re.IGNORECASE
)
_PARTS_OF_TWO: Final = lazy(
    r"^\s*(layers|blobs|packages|files|manifests|configs) (?:of|in|from) (\S+) and (\S+?)\s*$",
    re.IGNORECASE,
)


def what_is_missing(text: str) -> str | None:
    """Return the hint for two images, of which both or either may be meant, or for a time.

    A time is meant by a word before it, and is neither a date nor an image of the cache.
    """
    found = _PARTS_OF_TWO.search(text)
    if found is not None:
        noun, first, second = found.groups()
        function = noun if noun in {"packages", "files"} else "blobs"
        both = f"{noun} {function}({first}) {function}({second})"
        return f"of both: {both}; of either: {noun} {function}({first} or {second})"
    if _TIME.search(text) is None:
        return None
    return "a time is a date, an age or the name of an image in the cache: created before 30d"


def why_not(text: str) -> str | None:
    """Return the hint for a text that no query answers, else None."""
    return next((hint for pattern, hint in _TABLE if pattern.search(text)), None)
