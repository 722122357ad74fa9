"""Saved queries: texts that other queries use as `@name`.

A set of them is a plain mapping of names to texts, which comes from a file that is read
elsewhere. An invalid one invalidates only the queries that use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.errors import QueryError
from cachedb.patterns import lazy
from cachedb.query.messages import error_at
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse_saved
from cachedb.query.syntax.tree import Saved, Source, Span, walk
from cachedb.query.words import KEYWORDS
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cachedb.query.syntax.tree import Query

_NAME: Final = lazy(r"[a-z][a-z0-9_-]*")
_LONGEST_NAME: Final = 64


class SavedQueries(Record):
    """Saved queries that were read: the valid ones, and the errors of the others."""

    queries: Mapping[str, Query]
    problems: Mapping[str, QueryError]
    """Error of each query that is not valid, by its name."""


def read(texts: Mapping[str, str], *, now: datetime) -> SavedQueries:
    """Read and check every saved query.

    Example:
        >>> from datetime import UTC, datetime
        >>> found = read({"stale": "refs used before 90d", "x": "refs @y"}, now=datetime.now(UTC))
        >>> str(found.queries["stale"]), found.problems["x"].why
        ('refs used before 90d', 'no saved query `y`')
    """
    queries: dict[str, Query] = {}
    problems: dict[str, QueryError] = {}
    for name, text in texts.items():
        try:
            _check_name(name)
            query = parse_saved(name, {**texts, name: text})
            check(query, now=now)
        except QueryError as error:
            problems[name] = error
        else:
            queries[name] = query
    return SavedQueries(queries=queries, problems=problems)


def add(texts: Mapping[str, str], name: str, text: str, *, now: datetime) -> dict[str, str]:
    """Return the texts with one more, or with another text for a name.

    Raises:
        QueryError: The name or the text is invalid, or a query that uses the name becomes invalid.
    """
    _check_name(name)
    changed = {**texts, name: text}
    check(parse_saved(name, changed), now=now)
    before = read(texts, now=now).problems
    for user, error in read(changed, now=now).problems.items():
        if user not in before:
            raise error
    return changed


def remove(texts: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the texts without one.

    Raises:
        QueryError: There is no such name, or another saved query uses it.
    """
    if name not in texts:
        raise _about(name, f"no saved query `{name}`")
    users = sorted(user for user in texts if user != name and _uses(user, name, texts))
    if users:
        raise _about(name, f"the saved query `{users[0]}` uses `{name}`")
    return {other: text for other, text in texts.items() if other != name}


def _uses(user: str, name: str, texts: Mapping[str, str]) -> bool:
    try:
        query = parse_saved(user, texts)
    except QueryError:
        return False
    nodes = walk(query.expression) if query.expression else ()
    return any(isinstance(node, Saved) and node.name == name for node in nodes)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or name in KEYWORDS:
        why = "this is not a name for a query: a-z, then a-z 0-9 _ -"
        raise _about(name, why, "stale", "not-in-production")


def _about(name: str, why: str, *hints: str) -> QueryError:
    return error_at(Span(source=Source(text=name), start=0, end=len(name)), why, *hints)
