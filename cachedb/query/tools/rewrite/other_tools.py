"""Shapes that other tools give a question, as the words that they stand for: options, jq."""

from __future__ import annotations

import re
from typing import Final

from cachedb.patterns import lazy

_RULES: Final = tuple(
    (lazy(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # docker image ls, podman images, cachedb ls
        (r"^\s*(?:docker|podman|nerdctl|cachedb)\s+", ""),
        (r"^\s*(?:images?\s+ls|images?\s+list|ls)\b", ""),
        # --filter dangling=true, -f label=a
        (r"(?:^|\s)(?:--filter|-f)[ =]+", " "),
        # -n 5, --limit=5, --last 5
        (r"(?:^|\s)(?:-n|--limit|--last|--max-count|head\s+-n?)[ =]*(?=\d)", " limit "),
        # --sort=size, --sort-by -size
        (r"(?:^|\s)--sort(?:-by)?[ =]+", " sort "),
        # --since=2.weeks, --until yesterday
        (r"(?:^|\s)--(since|until|before|after)[ =]+", r" created \1 "),
        (r"\bcreated until\b", "created before"),
        (r"(?<=\d)\.(?=(?:minute|hour|day|week|month|year)s?\b)", " "),
        # .[] | select(.size > 1000000) | .name
        (r"\.\[\]\s*\|\s*select\((.*?)\)(?:\s*\|.*)?$", r"\1"),
        (r"(?<![\w./:])\.(?=[a-z])", ""),
        # images ending in -dev; repo starts with team, tag endsWith -dev
        (
            r"\b(?:images|refs)\s+(?:that\s+)?(start|begin|end)(?:s|ing|ning)?\s+",
            r"refs name \1s ",
        ),
        (
            r"\b(?:startswith|(?:start|begin)s? with|hasprefix)\s+['\"]?([^\s'\"]+)['\"]?",
            r"like \1%",
        ),
        (r"\b(?:endswith|ends? (?:with|in)|hassuffix)\s+['\"]?([^\s'\"]+)['\"]?", r"like %\1"),
        (r"\s=~\s*", " ~ "),
        (r"\bvulnerable\s+to\b", "with"),
        (r"\b(?:select\s+)?(?:distinct|unique)\s+(\w+)(?:\s+from\s+(\w+))?\s*$", r"\2 group \1"),
    )
)
_SYNONYMS: Final = {
    "architecture": "arch",
    "architectures": "arch",
    "repositories": "repo",
}
"""Names of fields in other tools, but for those that the language has."""
_SYNONYM: Final = lazy(rf"\b(?:{'|'.join(_SYNONYMS)})\b", re.IGNORECASE)


def plain_words(text: str) -> str:
    """Return the words that a text of another tool stands for; other texts as they are."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _SYNONYM.sub(lambda found: _SYNONYMS[found[0].lower()], text).strip()
