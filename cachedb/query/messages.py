"""Errors of queries: construction, suggestions and rendering."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from cachedb.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.query.syntax.tree import Span

_TAB = 4
_SHOWN = 160
"""Columns of a line that are shown; the rest of a long line is elided."""


def error_at(span: Span, why: str, *hints: str) -> QueryError:
    """Return an error at a span of a query, with hints that can be typed.

    Inside of a saved query the error has the span of its use, and its cause is the error in the
    saved text.
    """
    source = span.source
    if source.used_at is None:
        return QueryError(why, source.text, (span.start, span.end), hints=hints)
    inner = QueryError(why, source.text, (span.start, span.end), hints=hints)
    outer = error_at(source.used_at, f"in the saved query `{source.name}`: {why}", *hints)
    deepest = outer
    while isinstance(deepest.__cause__, QueryError):
        deepest = deepest.__cause__
    deepest.__cause__ = inner
    return outer


def did_you_mean(word: str, words: Iterable[str]) -> tuple[str, ...]:
    """Return a hint with the nearest of `words`, or with all of them if there are few."""
    known = sorted(set(words))
    near = _close(word, known, 0.65)
    if near:
        return (f"did you mean `{near[0]}`?",)
    return (f"one of {', '.join(known)}",) if known else ()


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the nearest of `words` within the cutoff, else None."""
    found = _close(word, sorted(set(words)), 0.7)
    return found[0] if found else None


def _close(word: str, words: list[str], cutoff: float) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415  (only for errors)

    return get_close_matches(word, words, n=1, cutoff=cutoff)


def render(error: QueryError) -> str:
    """Render an error: the line, a caret under the span, the hints.

    Example:
        >>> print(render(QueryError("unknown field `arhc`", "refs arhc eq arm", (5, 9))))
        error: unknown field `arhc`
          |
        1 | refs arhc eq arm
          |      ^^^^
    """
    lines = [f"error: {printable(error.why)}", *_excerpt(error)]
    inner = error.__cause__
    hints = error.hints
    while isinstance(inner, QueryError):
        lines += ["  = in the saved query:", *_excerpt(inner)]
        inner = inner.__cause__
    lines += [f"  = hint: {printable(hint)}" for hint in hints]
    return "\n".join(lines)


def as_json(error: QueryError) -> dict[str, Any]:
    """Return the error as JSON values; offsets count characters from 0."""
    start, end = error.span
    found: dict[str, Any] = {
        "error": error.why,
        "source": error.source,
        "start": start,
        "end": end,
        "hints": list(error.hints),
    }
    if isinstance(error.__cause__, QueryError):
        found["cause"] = as_json(error.__cause__)
    return found


def printable(text: str) -> str:
    """Escape control and invisible characters by their code points."""
    return "".join(
        char if char == "\t" or _is_plain(char) else f"\\u{{{ord(char):x}}}" for char in text
    )


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _excerpt(error: QueryError) -> list[str]:
    start, end = error.span
    number = error.source.count("\n", 0, start) + 1
    first = error.source.rfind("\n", 0, start) + 1
    last = error.source.find("\n", start)
    last = len(error.source) if last < 0 else last
    end = max(min(end, last), start)
    before, under, after = (
        _columns(error.source[a:b]) for a, b in ((first, start), (start, end), (end, last))
    )
    before, under, after = _window(before, under, after)
    margin = " " * len(str(number))
    caret = "^" * max(_width(under), 1)
    return [
        f"{margin} |",
        f"{number} | {before}{under}{after}".rstrip(),
        f"{margin} | {' ' * _width(before)}{caret}",
    ]


def _columns(text: str) -> str:
    """Make a text safe to print; a tab is a fixed number of blanks."""
    return printable(text).replace("\t", " " * _TAB)


def _window(before: str, under: str, after: str) -> tuple[str, str, str]:
    """Elide text far from the span."""
    if len(under) > _SHOWN:
        under = f"{under[:_SHOWN]}…"
    room = max((_SHOWN - len(under)) // 2, _SHOWN // 8)
    if len(before) > room:
        before = f"…{before[-room:]}"
    if len(after) > room:
        after = f"{after[:room]}…"
    return before, under, after


def _width(text: str) -> int:
    """Count the terminal columns of a text."""
    return sum(_width_of(char) for char in text)


def _width_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
