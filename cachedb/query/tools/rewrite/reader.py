"""State of a rewriting: the remaining words, and the parts of the query so far."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.vocabulary import FIELDS, FLAGS, NOUNS, UNQUERIED
from cachedb.query.words import CONNECTIVES, Sort

if TYPE_CHECKING:
    from cachedb.query.tools.rewrite.known_names import KnownNames

_TOKEN: Final = lazy(
    r"""
    "[^"]*" | '[^']*'
    | [^\s"'<>=!~(),]*:[^\s,]+              # a term, a digest or a reference with a tag
    | >= | <= | != | == | && | \|\| | [=<>~(),!&|]
    | [^\s"'<>=!~(),&|]+
    """,
    re.VERBOSE,
)
_JOINED: Final = lazy(r"(\d+(?:\.\d+)?)([kmgt]i?b)")
"""A size whose unit has no upper case: `10kb`."""
_NAME: Final = lazy(r"[\w*?][\w.:/@*?+-]*")


class WordReader:
    """Reader of words from the left, and collector of noun, terms and clauses."""

    def __init__(self, text: str, noun: str, names: KnownNames) -> None:
        self._left: list[str] = _TOKEN.findall(text)
        self._default = noun
        self._noun: str | None = None
        self._terms: list[str] = []
        self._clauses: dict[str, str] = {}
        self._names = names
        self._is_negated = False
        self._has_rewritten = False
        self._is_refused = False

    def _next(self, place: int = 0) -> str:
        return self._left[place].lower() if place < len(self._left) else ""

    def _take(self, count: int = 1) -> str:
        taken, self._left = self._left[:count], self._left[count:]
        return taken[-1]

    def _emit(self, term: str) -> None:
        if self._is_negated and term not in {"and", "or"}:
            term = f"not {term}"
            self._is_negated = False
        self._terms.append(term)

    def _rewritten(self, term: str = "") -> bool:
        self._has_rewritten = True
        if term:
            self._emit(term)
        return True

    def _refused(self) -> bool:
        """End the rewriting: the words are understood and have no equivalent."""
        self._is_refused = True
        self._left = []
        return True

    @property
    def _sort(self) -> Sort:
        return NOUNS[self._noun or self._default].sort

    def _is_field(self, word: str) -> bool:
        return word in FIELDS[self._sort] and word not in UNQUERIED

    def _value(self) -> str:
        """Consume a value; `30 days` is one value, and so are values joined by commas."""
        value = self._take()
        while self._next() == "," and self._next(1):
            value += f",{self._take(2)}"
        joined = _JOINED.fullmatch(value)
        if joined is not None:
            value = f"{joined[1]}{words.UNITS[joined[2]]}"
        unit = words.UNITS.get(self._next())
        if value.replace(".", "", 1).isdecimal() and unit is not None:
            self._has_rewritten = True
            self._take()
            value += unit
        if self._next() == "ago":
            self._has_rewritten = True
            self._take()
        return value

    def _is_value(self, place: int) -> bool:
        """Return whether a word may be a value, and is no word between others."""
        word = self._next(place)
        return bool(word) and word not in words.STOPS and word not in {"(", ")", "="}

    def _rewritten_of(self, text: str) -> str | None:
        """Return the terms of references that a part of the text means; None if not known."""
        raise NotImplementedError

    def _is_known(self, word: str) -> bool:
        return (
            ":" in word
            or self._is_field(word)
            or word in FLAGS[self._sort]
            or word in words.FLAGS
            or word in words.COMPARATIVES
            or word in CONNECTIVES
            or word in words.ARCHITECTURES
            or word in words.SYSTEMS
            or word in words.FILLERS
            or word in words.SBOM
            or word.partition("/")[0] in words.SYSTEMS
        )

    def _later_sort(self) -> Sort:
        """Return the sort of the noun, which may follow the word: `shared layers`."""
        if self._noun is None:
            for word in self._left:
                if word in NOUNS:
                    return NOUNS[word].sort
        return self._sort

    def _is_name(self, place: int) -> bool:
        """Return whether a word may be a reference or a digest, and is no word of the language."""
        word = self._next(place)
        return (
            bool(_NAME.fullmatch(word))
            and word not in quoting.RESERVED
            and word not in words.PLURALS
            and (":" in word or not self._is_known(word))
            and (bool(words.DIGEST.fullmatch(word)) or self._names.matches(self._left[place]))
        )

    def _take_noun(self) -> bool:
        word = self._next()
        noun = word if word in NOUNS else quoting.SINGULARS.get(word)
        if noun is None or self._noun is not None:
            return False
        is_first = not self._terms and not self._clauses and word in NOUNS
        self._take()
        self._noun = "refs" if noun == "images" else noun
        return True if is_first else self._rewritten()
