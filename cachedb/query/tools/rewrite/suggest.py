"""Rewriting of plain words, SQL and filters of docker into a valid query, for error messages.

Rules over words, from left to right. Their result is suggested only if it is a valid query.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cachedb.errors import QueryError
from cachedb.patterns import lazy
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.rewrite.clauses import ClauseRules
from cachedb.query.tools.rewrite.fields import FieldRules
from cachedb.query.tools.rewrite.other_tools import plain_words
from cachedb.query.tools.rewrite.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLAIN: Final = lazy(r"[\w.:/@*?\[\]^+\\-]+|\"[^\"]*\"|'[^']*'")
_LIMIT: Final = 4_000
"""Maximum number of characters of a text to rewrite."""


def suggest(text: str, noun: str, saved: Mapping[str, str]) -> str | None:
    """Return a valid query that the text may mean; None if no rule applies."""
    if len(text) > _LIMIT:
        return None
    words = plain_words(text)
    found = _Rewriter(words, noun, is_rewritten=words != text).rewrite()
    if found is None or found in {text, f"{noun} {text}"}:
        return None
    try:
        check(parse(found, noun=noun, saved=saved), now=datetime.now(UTC))
    except QueryError:
        return None
    return found


def with_suggestion(
    error: QueryError, noun: str = "refs", saved: Mapping[str, str] | None = None
) -> QueryError:
    """Return the error with a suggested query as its first hint, if there is one.

    A suggestion replaces the hint `present(…)`, which is right only for a name.
    """
    if isinstance(error.__cause__, QueryError):
        return error  # inside of a saved query
    found = suggest(error.source, noun, saved or {})
    if found is None:
        # Words of a command line, which were joined by `or` because they look like names.
        found = suggest(error.source.replace(" or ", " "), noun, saved or {})
    if found is None:
        return error
    others = (hint for hint in error.hints if not hint.startswith("present("))
    hints = (f"did you mean `{found}`?", *others)
    return QueryError(error.why, error.source, error.span, hints=hints)


class _Rewriter(ClauseRules, FieldRules, TermRules):
    """Rewriter of a text; the order of the rules is that of their precedence."""

    def __init__(self, text: str, noun: str, *, is_rewritten: bool) -> None:
        super().__init__(text, noun)
        self._has_rewritten = is_rewritten
        self._rules: tuple[Callable[[], bool], ...] = (
            self._select, self._total, self._order, self._group, self._limit, self._top,
            self._superlative,
            self._counted, self._comparison, self._uses, self._docker_filter, self._never,
            self._within, self._field,
            self._negation, self._package, self._package_noun, self._take_noun, self._flag,
            self._origin, self._platform, self._versioned, self._connective, self._filler,
            self._member,
        )  # fmt: skip

    def rewrite(self) -> str | None:
        """Return the query; None if no rule has changed anything."""
        names = 0
        while self._left:
            if any(rule() for rule in self._rules):
                continue
            word = self._take()
            if not _PLAIN.fullmatch(word):
                return None
            # Two bare words side by side would mean one reference with both names, which matches
            # nothing.
            names += word not in {"and", "or"} and self._terms[-1:] != ["or"]
            self._emit(word)
        if not self._has_rewritten or self._is_negated or names > 1:
            return None
        clauses = [
            f"{word} {self._clauses[word]}"
            for word in ("group", "show", "sort", "limit")
            if word in self._clauses
        ]
        return " ".join((self._noun or self._default, *self._terms, *clauses))
