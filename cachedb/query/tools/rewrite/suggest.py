"""Rewriting of plain words, SQL and filters of docker into a valid query, for error messages.

Rules over words, from left to right. Their result is suggested only if it is a valid query.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cachedb.errors import QueryError
from cachedb.patterns import lazy
from cachedb.query.semantics.check import check
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.rewrite import unanswerable
from cachedb.query.tools.rewrite.aggregates import AggregateRules
from cachedb.query.tools.rewrite.clauses import ClauseRules
from cachedb.query.tools.rewrite.fields import FieldRules
from cachedb.query.tools.rewrite.graph import GraphRules
from cachedb.query.tools.rewrite.known_names import AnyName
from cachedb.query.tools.rewrite.other_tools import plain_words
from cachedb.query.tools.rewrite.quantifiers import QuantifierRules
from cachedb.query.tools.rewrite.sets import SetRules
from cachedb.query.tools.rewrite.terms import TermRules
from cachedb.query.vocabulary import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cachedb.query.tools.rewrite.known_names import KnownNames

_PLAIN: Final = lazy(r"[\w.:/@*?\[\]^+\\-]+|\"[^\"]*\"|'[^']*'")
_LIMIT: Final = 4_000
"""Maximum number of characters of a text to rewrite."""
_WORD_MEANT: Final = lazy(r"did you mean `([^`]+)`\?")
_TERM_MEANT: Final = lazy(r"(\S.*?\S)(   \(.*\))")
"""A term in place of an ambiguous one, and what it means."""
_LISTED: Final = lazy(r"\w+ sort -\w+ limit \d+")
_PATH_MEANT: Final = lazy(r"belongs to \w+: write ((?:[a-z]+\.)+)")
_WORD: Final = lazy(r"\w|\*")
_ANY_NAME: Final = AnyName()


def suggest(
    text: str, noun: str, saved: Mapping[str, str], names: KnownNames = _ANY_NAME
) -> str | None:
    """Return a valid query that the text may mean; None if no rule applies.

    Every name in it selects something of its noun: a digest may be that of a blob and no image.
    """
    if len(text) > _LIMIT or not _WORD.search(text):
        return None
    words = plain_words(text)
    found = _Rewriter(words, noun, names, is_rewritten=words != text).rewrite()
    if found is None and words != text and _is_valid(words, noun, saved):
        # Such as one with parentheses, of which only the case of words was wrong.
        return words if names.are_matched(words, noun) else None
    if found is None or found in {text, f"{noun} {text}"}:
        return None
    is_useful = _is_valid(found, noun, saved) and names.are_matched(found, noun)
    return found if is_useful else None


def with_suggestion(
    error: QueryError,
    noun: str = "refs",
    saved: Mapping[str, str] | None = None,
    names: KnownNames = _ANY_NAME,
) -> QueryError:
    """Return the error with a suggested query as its first hint, if there is one.

    A suggestion replaces the hint `present(…)`, which is right only for a name. It is the whole
    query, also where only one word is mistyped. Where no query answers, a hint says so.
    """
    if isinstance(error.__cause__, QueryError):
        return error  # inside of a saved query
    saved = saved or {}
    told = unanswerable.why_not(error.source)
    if told is not None:
        return QueryError(error.why, error.source, error.span, hints=(told,))
    choices = _choices(error, noun, saved, names)
    if choices:
        return QueryError(error.why, error.source, error.span, hints=choices)
    found = suggest(error.source, noun, saved, names)
    if found is None:
        # Words of a command line, which were joined by `or` because they look like names.
        found = suggest(error.source.replace(" or ", " "), noun, saved, names)
    if found is not None:
        others = [hint for hint in error.hints if not _is_of_a_word(hint)]
        return QueryError(
            error.why, error.source, error.span, hints=(f"did you mean `{found}`?", *others)
        )
    told = unanswerable.what_is_missing(error.source)
    hints = (
        (told,) if told else tuple(_whole(one, error, noun, saved, names) for one in error.hints)
    )
    if hints == error.hints:
        return error
    return QueryError(error.why, error.source, error.span, hints=hints)


def _choices(
    error: QueryError, noun: str, saved: Mapping[str, str], names: KnownNames
) -> tuple[str, ...]:
    """Return the whole query with each term that an ambiguous one may mean.

    An unsigned `top 5 by size` alone may also mean the sorted list.
    """
    if not error.hints or not all(map(_TERM_MEANT.fullmatch, error.hints)):
        return ()
    found = tuple(_whole(hint, error, noun, saved, names) for hint in error.hints)
    if any(one == hint for one, hint in zip(found, error.hints, strict=True)):
        return ()
    listed = suggest(error.source, noun, saved, names)
    if listed is not None and _LISTED.fullmatch(listed):
        return (*found, f"{listed}   (the same, sorted)")
    return found


def _is_of_a_word(hint: str) -> bool:
    return hint.startswith("present(") or _WORD_MEANT.fullmatch(hint) is not None


def _whole(
    hint: str, error: QueryError, noun: str, saved: Mapping[str, str], names: KnownNames
) -> str:
    """Put the word that a hint names into the query, if that makes it valid."""
    start, end = error.span
    meant, path = _WORD_MEANT.fullmatch(hint), _PATH_MEANT.search(hint)
    choice = _TERM_MEANT.fullmatch(hint)
    if choice is not None:
        query = f"{error.source[:start]}{choice[1]}{error.source[end:]}"
        return f"{query}{choice[2]}" if _is_valid(query, noun, saved) else hint
    if meant is not None:
        word = _in_place(error.source[start:end], meant[1])
        query = f"{error.source[:start]}{word}{error.source[end:]}"
    elif path is not None:
        query = f"{error.source[:start]}{path[1]}{error.source[start:]}"
    else:
        return hint
    if _is_valid(query, noun, saved) and names.are_matched(query, noun):
        return f"did you mean `{query}`?"
    return hint if meant is None else f"`{meant[1]}` in place of `{error.source[start:end]}`"


def _in_place(bad: str, meant: str) -> str:
    """Keep the path before a mistyped field, and the colon behind it."""
    path = re.match(r"(?:[a-z]+\.)*", bad)[0] if "." not in meant else ""  # type: ignore[index]
    return f"{path}{meant}{':' if bad.endswith(':') else ''}"


def _is_valid(query: str, noun: str, saved: Mapping[str, str]) -> bool:
    try:
        check(parse(query, noun=noun, saved=saved), now=datetime.now(UTC))
    except QueryError:
        return False
    return True


class _Rewriter(
    AggregateRules, ClauseRules, GraphRules, SetRules, QuantifierRules, FieldRules, TermRules
):
    """Rewriter of a text; the order of the rules is that of their precedence."""

    def __init__(self, text: str, noun: str, names: KnownNames, *, is_rewritten: bool) -> None:
        super().__init__(text, noun, names)
        self._has_rewritten = is_rewritten
        self._rules: tuple[Callable[[], bool], ...] = (
            self._number_of, self._path_of_plural, self._ranked,
            self._select, self._columns, self._attribute, self._aggregate, self._total,
            self._for_each, self._order, self._group, self._limit, self._last, self._top,
            self._contents, self._of_images, self._of, self._unique, self._owned, self._inside,
            self._uses, self._part, self._based, self._named, self._using, self._whole_repository,
            self._tag_of, self._version_of, self._any_of,
            self._except, self._excluded, self._for_platform,
            self._duplicates, self._values, self._adverb, self._superlative,
            self._with_number, self._quantified, self._counted,
            self._comparison, self._bare_size, self._moment,
            self._docker_filter, self._never, self._within, self._author, self._presence,
            self._field, self._path, self._only,
            self._negation, self._package, self._package_noun, self._adjective, self._take_noun,
            self._parenthesis,
            self._flag, self._word_of_list,
            self._below, self._origin, self._platform, self._versioned, self._bare_package,
            self._connective, self._filler,
            self._host, self._member,
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
            is_wanted = self._is_selector(word) and not self._is_negated
            names += is_wanted and self._terms[-1:] != ["or"]
            self._emit(word)
        if not self._has_rewritten or self._is_negated or self._is_refused or names > 1:
            return None
        return self._query()

    def _is_selector(self, word: str) -> bool:
        field = word.partition(":")[0].rpartition(".")[2].lower()
        is_term = ":" in word and (field == "is" or field in FIELDS[self._sort])
        return word not in {"and", "or"} and not is_term

    def _rewritten_of(self, text: str) -> str | None:
        inner = _Rewriter(text, "refs", self._names, is_rewritten=True)
        found = inner.rewrite()
        if found is None or inner._clauses or inner._noun not in {None, "refs"}:
            return None
        return found.removeprefix("refs").strip() or "everything"

    def _query(self) -> str:
        if self._is_only:
            self._emit("not is:multiarch")
        self._grouped()
        if self._clauses.get("show") == "count" and "group" in self._clauses:
            self._clauses["show"] = f"{self._clauses['group']},count"
        clauses = [
            f"{word} {self._clauses[word]}"
            for word in ("group", "show", "sort", "limit", "offset")
            if word in self._clauses
        ]
        return " ".join((self._noun or self._default, *self._terms, *clauses))
