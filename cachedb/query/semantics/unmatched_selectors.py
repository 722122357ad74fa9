"""Errors about bare words that match nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.query.messages import error_at, nearest
from cachedb.query.semantics.typed import Complement, walk
from cachedb.query.vocabulary import FIELD_NAMES, KEYED_FIELDS
from cachedb.query.words import Sort

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.errors import QueryError
    from cachedb.query.semantics.typed import CheckedQuery, SelectorTest


def unmatched(found: SelectorTest, checked: CheckedQuery, names: Iterable[str]) -> QueryError:
    """Make the error for a bare word without a match; `names` are the names in the cache.

    `present(…)` is a hint only where nothing but that term depends on the word: the complement of
    a mistyped word selects every member.
    """
    what = "reference" if found.sort is Sort.REF else "blob"
    why = f"no {what} matches `{found.text}`"
    hints = [*_field_meant(found.text), *_names_meant(found.text, names)]
    if not hints and not _is_negated(found, checked):
        hints.append(f"present({found.text}) accepts a name without a match")
    return error_at(found.span, why, *hints)


def _is_negated(found: SelectorTest, checked: CheckedQuery) -> bool:
    nodes = walk(checked.condition) if checked.condition else ()
    return any(isinstance(node, Complement) and found in walk(node) for node in nodes)


def _field_meant(text: str) -> list[str]:
    word, colon, rest = text.partition(":")
    field = nearest(word, (*FIELD_NAMES, *KEYED_FIELDS, "is")) if colon else None
    return [f"did you mean `{field}:{rest}`?"] if field else []


def _names_meant(text: str, names: Iterable[str]) -> list[str]:
    # Users type the end of a long name: compare with the ends.
    parts = text.count("/") + 1
    by_end = {"/".join(name.split("/")[-parts:]): name for name in names}
    by_repo = {end.partition(":")[0].partition("@")[0]: end for end in by_end}
    found = nearest(text, by_end)
    if found is None:
        repo = nearest(text.partition(":")[0], by_repo)
        # Without a tag, every tag of the repository is meant.
        found = None if repo is None else by_repo[repo] if ":" in text else repo
    return [f"did you mean `{found}`?"] if found else []
