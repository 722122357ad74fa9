"""Completion: words and values that fit at a position of an unfinished query.

Words come from the vocabulary; values of the catalog are named, not looked up. An unfinished text
does not parse, so completion reads its words alone and never fails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.vocabulary import (
    AGGREGATES,
    FIELDS,
    FLAGS,
    FUNCTIONS,
    KEYED_FIELDS,
    NOUNS,
    RELATIONS,
    UNQUERIED,
)
from cachedb.query.words import (
    CLAUSES,
    CONSTANTS,
    OPERATORS,
    QUANTIFIERS,
    WORD_OPERATORS,
    Field,
    Relation,
    Sort,
    Type,
)
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN: Final = lazy(
    r"""(?P<open>\()|(?P<close>\))|(?P<blank>\s+)|(?P<word>(?:[^\s()"']|"[^"]*"|'[^']*')+)|."""
)
_EXAMPLES: Final = {
    Type.TIME: ("today", "yesterday", "7d", "30d", "90d", "1y", "never"),
    Type.SIZE: ("1M", "100M", "1G", "500M.."),
}
_ONE_NUMBER: Final = frozenset({"limit", "offset", "top"})
_BEFORE_COLUMNS: Final = frozenset({"sort", "show", "group", "by", "per"})
_BEFORE_TERM: Final = frozenset({"and", "or", "not"})


class Suggestion(Record):
    """A word that can be inserted, and its description."""

    text: str
    """Text that replaces the word at the cursor."""
    doc: str = ""
    """Description in one line; '' without one."""


class ValuesOf(Record):
    """Values of a field that the catalog knows; with `key`, of that key."""

    sort: Sort
    field: str
    key: str | None = None


class Completion(Record):
    """Replacements of the text from `start` to the cursor, which is `prefix` now.

    `words` come from the table and fit the prefix; `values` are for the caller to look up.
    """

    start: int
    prefix: str
    words: tuple[Suggestion, ...] = ()
    values: ValuesOf | None = None


def complete(
    text: str,
    cursor: int | None = None,
    *,
    noun: str = "refs",
    saved: Mapping[str, str] | None = None,
) -> Completion:
    """Complete the text at the cursor, by default its end.

    `noun` is that of a query without one; `saved` are the queries that `@` can name.

    Example:
        >>> [word.text for word in complete("refs is:un").words]
        ['untagged']
        >>> complete("refs tag:v1.0,lat").prefix
        'lat'
    """
    place = _Place.at(text[: len(text) if cursor is None else cursor], NOUNS[noun].sort)
    return _Completer(place, saved or {}).complete()


class _Place(Record):
    """The context of the cursor."""

    start: int
    word: str
    before: list[str]
    sort: Sort
    is_first: bool
    is_argument: bool

    @classmethod
    def at(cls, text: str, sort: Sort) -> _Place:
        """Read the words before the end of `text`; parentheses change the sort of terms."""
        sorts, nouns = [sort], [False]
        words: list[list[str]] = [[]]
        start, word = len(text), ""
        for found in _TOKEN.finditer(text):
            if found["open"]:
                inner = _sort_inside(word, words[-1], sorts[-1])
                words[-1].append(f"{word}(")
                sorts.append(inner)
                words.append([])
                nouns.append(word in FUNCTIONS)
                word = ""
            elif found["close"] and len(sorts) > 1:
                sorts.pop()
                words.pop()
                nouns.pop()
                word = ""
            elif found["word"]:
                start, word = found.start(), found[0]
                continue
            elif found["blank"] and word:
                if not words[-1] and word in NOUNS:
                    sorts[-1] = NOUNS[word].sort
                words[-1].append(word)
                word = ""
            start = found.end()
        return cls(
            start=start if word else len(text),
            word=word,
            before=words[-1],
            sort=sorts[-1],
            is_first=not words[-1] and len(sorts) == 1,
            is_argument=not words[-1] and nouns[-1],
        )


class _Completer:
    def __init__(self, place: _Place, saved: Mapping[str, str]) -> None:
        self._place = place
        self._saved = saved

    def complete(self) -> Completion:
        """Return the suggestions that fit."""
        place = self._place
        last = place.before[-1] if place.before else ""
        if place.word.startswith("@"):
            return self._words(
                Suggestion(text=f"@{n}", doc=text) for n, text in self._saved.items()
            )
        if last in {*QUANTIFIERS, "count"}:
            return self._words(
                Suggestion(text=r.name, doc=r.doc) for r in self._relations(place.sort)
            )
        if last in _BEFORE_COLUMNS:
            return self._columns(last)
        if last in _ONE_NUMBER:
            return self._words(())
        if last in WORD_OPERATORS and len(place.before) > 1:
            return self._after_operator(place.before[-2])
        if any(word in CLAUSES for word in place.before):
            return self._words(Suggestion(text=word) for word in CLAUSES)
        if ":" in place.word:
            return self._values()
        return self._terms()

    def _words(self, words: Iterable[Suggestion], prefix: str | None = None) -> Completion:
        place = self._place
        prefix = place.word if prefix is None else prefix
        fitting = tuple(word for word in words if word.text.startswith(prefix))
        start = place.start + len(place.word) - len(prefix)
        return Completion(start=start, prefix=prefix, words=fitting)

    def _relations(self, sort: Sort) -> Iterable[Relation]:
        return RELATIONS[sort].values()

    def _columns(self, after: str) -> Completion:
        place = self._place
        grouped = "group" in place.before and after in {"show", "sort"}
        fields = [field for field in FIELDS[place.sort].values() if field.is_scalar]
        words = [Suggestion(text=field.name, doc=field.doc) for field in fields]
        if grouped:
            words += [Suggestion(text=name, doc=doc) for name, doc in AGGREGATES.items()]
        prefix = re.split(r"[,-]", place.word)[-1]
        return self._words(words, prefix)

    # -- values ----------------------------------------------------------------------------

    def _values(self) -> Completion:
        path, _, rest = self._place.word.partition(":")
        sort, name = self._resolve(path)
        if name == "is":
            prefix = rest.rpartition(",")[2]
            return self._words(
                (Suggestion(text=flag.name, doc=flag.doc) for flag in FLAGS[sort].values()), prefix
            )
        field = FIELDS[sort].get(name)
        if field is None:
            return self._references(self._place.word)
        if field.name in KEYED_FIELDS:
            return self._pair(field, rest)
        return self._of_field(field, _last_value(rest))

    def _after_operator(self, path: str) -> Completion:
        head, colon, key = path.partition(":")
        sort, name = self._resolve(head)
        field = FIELDS[sort].get(name)
        if field is None:
            return self._words(())
        value = _last_value(self._place.word)
        return (
            self._keyed(field, value, key if colon else None)
            if colon
            else self._of_field(field, value)
        )

    def _pair(self, field: Field, rest: str) -> Completion:
        key, equals, value = rest.partition("=")
        if equals:
            return self._keyed(field, _last_value(value), key)
        return self._keyed(field, key.rpartition(",")[2], None)

    def _keyed(self, field: Field, prefix: str, key: str | None) -> Completion:
        place = self._place
        start = place.start + len(place.word) - len(prefix)
        wanted = ValuesOf(sort=field.sort, field=field.name, key=key)
        return Completion(start=start, prefix=prefix, values=wanted)

    def _of_field(self, field: Field, prefix: str) -> Completion:
        place = self._place
        if field.type is Type.ENUM:
            return self._words((Suggestion(text=word) for word in field.words), prefix)
        if field.type in _EXAMPLES:
            return self._words((Suggestion(text=text) for text in _EXAMPLES[field.type]), prefix)
        start = place.start + len(place.word) - len(prefix)
        if field.type is Type.NUMBER or field.computed:
            return Completion(start=start, prefix=prefix)
        wanted = ValuesOf(sort=field.sort, field=field.name)
        return Completion(start=start, prefix=prefix, values=wanted)

    def _resolve(self, path: str) -> tuple[Sort, str]:
        """Follow a dotted path; returns the sort at its end and its last word."""
        *relations, name = path.split(".")
        sort = self._place.sort
        for relation in relations:
            found = RELATIONS[sort].get(relation)
            if found is None:
                return sort, ""
            sort = found.to
        return sort, name

    # -- terms -----------------------------------------------------------------------------

    def _terms(self) -> Completion:
        place = self._place
        path, dot, _ = place.word.rpartition(".")
        if dot and path.split(".")[0] in RELATIONS[place.sort]:
            sort, _ = self._resolve(place.word)
            return self._words(_of_sort(sort, f"{path}."))
        words = list(_of_sort(place.sort, ""))
        if place.is_first or place.is_argument:
            words = [Suggestion(text=noun.name, doc=noun.doc) for noun in NOUNS.values()] + words
        words += [Suggestion(text=f"{one.name}(", doc=one.doc) for one in FUNCTIONS.values()]
        words += [
            Suggestion(text=word) for word in ("not", *QUANTIFIERS, "count", "top", *CONSTANTS)
        ]
        words += [Suggestion(text=f"@{name}", doc=text) for name, text in self._saved.items()]
        is_open = not place.before or place.before[-1] in _BEFORE_TERM
        if not is_open:
            words += [Suggestion(text=word) for word in ("and", "or", *CLAUSES)]
            words += [Suggestion(text=word) for word in self._operators(place.before[-1])]
        found = self._words(words)
        return self._with_references(found)

    def _operators(self, before: str) -> tuple[str, ...]:
        head, colon, _ = before.partition(":")
        sort, name = self._resolve(head)
        field = FIELDS[sort].get(name)
        keyed = field is not None and field.name in KEYED_FIELDS
        return OPERATORS[field.type] if field is not None and (keyed or not colon) else ()

    def _references(self, prefix: str) -> Completion:
        start = self._place.start + len(self._place.word) - len(prefix)
        return self._with_references(Completion(start=start, prefix=prefix))

    def _with_references(self, found: Completion) -> Completion:
        if self._place.sort not in {Sort.REF, Sort.BLOB}:
            return found
        wanted = ValuesOf(sort=Sort.REF, field="name")
        return Completion(start=found.start, prefix=found.prefix, words=found.words, values=wanted)


def _of_sort(sort: Sort, before: str) -> Iterable[Suggestion]:
    for field in FIELDS[sort].values():
        if field.name not in UNQUERIED:
            yield Suggestion(text=f"{before}{field.name}:", doc=field.doc)
    if FLAGS[sort]:
        yield Suggestion(text=f"{before}is:", doc=", ".join(FLAGS[sort]))
    for relation in RELATIONS[sort].values():
        yield Suggestion(text=f"{before}{relation.name}.", doc=relation.doc)


def _sort_inside(word: str, before: list[str], sort: Sort) -> Sort:
    """Return the sort of the terms after `word(`."""
    if word in FUNCTIONS:
        return FUNCTIONS[word].takes or (sort if word == "present" else Sort.REF)
    if before and before[-1] in {*QUANTIFIERS, "count"} and word in RELATIONS[sort]:
        return RELATIONS[sort][word].to
    return sort


def _last_value(text: str) -> str:
    """Return the unfinished value: the text behind the last comma, range or operator."""
    return re.split(r",|\.\.|[<>=~]+", text)[-1]
