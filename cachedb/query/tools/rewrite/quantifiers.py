"""Rules for quantifiers and counts: `a layer larger than 1M`, `more than 3 layers`."""

from __future__ import annotations

from typing import Final

from cachedb.patterns import lazy
from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import RELATIONS
from cachedb.query.words import SYMBOLS, Sort

_QUANTIFIERS: Final = {
    "any": "any",
    "a": "any",
    "an": "any",
    "every": "all",
    "no": "no",
    "without": "no",
}
_COUNT: Final = lazy(r"\d{1,4}")
_SIZE: Final = lazy(r"\d+(?:\.\d+)?(?:[kmgt]i?b?|b)")


class QuantifierRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _relation(self, place: int) -> str | None:
        word = self._next(place)
        relation = quoting.SINGULAR_OF.get(word, word)
        return relation if relation in RELATIONS[self._sort] else None

    def _number_of(self) -> bool:
        """Read `number of layers > 3` and `layers > 3` as a count of related rows."""
        place = 2 if (self._next(), self._next(1)) == ("number", "of") else 0
        relation = self._relation(place)
        is_count = _COUNT.fullmatch(self._next(place + 2)) is not None
        if relation is None or self._next(place + 1) not in SYMBOLS or not is_count:
            return False
        if not place and (self._noun or self._next(3) in words.UNITS or self._next() == relation):
            return False
        op = SYMBOLS[self._left[place + 1]]
        return self._rewritten(f"count {relation} {op} {self._take(place + 3)}")

    def _with_number(self) -> bool:
        """Read `with 3 layers`, `with >= 2 layers`, `more than 1 platform`."""
        place = 1 if self._next() in words.WITH | {"of"} else 0
        op = "eq"
        if self._next(place) in SYMBOLS:
            op, place = SYMBOLS[self._left[place]], place + 1
        elif (found := words.COMPARATIVES.get(self._next(place))) and found[0] == "size":
            op, place = found[1], place + 1 + (self._next(place + 1) == "than")
        elif not place:
            return False
        word = words.COUNTED.get(self._next(place + 1))
        relation = word or self._relation(place + 1)
        if not _COUNT.fullmatch(self._next(place)) or relation not in RELATIONS[self._sort]:
            return False
        number = self._take(place + 1)
        self._take()
        return self._rewritten(f"count {relation} {op} {number}")

    def _quantified(self) -> bool:
        """Read `with a layer larger than 1M`, `no layer > 1M` as a quantifier."""
        if self._sort is not Sort.REF:
            return False
        place = 1 if self._next() in words.WITH else 0
        word = _QUANTIFIERS.get(self._next(place))
        place += word is not None
        relation = self._relation(place)
        if relation is None or not place:
            return False
        place += 1
        place += self._next(place) == "size"
        found = words.COMPARATIVES.get(self._next(place))
        if found is not None and found[0] == "size":
            op, place = found[1], place + 1 + (self._next(place + 1) == "than")
        elif self._next(place) in SYMBOLS:
            op, place = SYMBOLS[self._left[place]], place + 1
        else:
            return self._bare(word, relation)
        unit = words.UNITS.get(self._next(place + 1), "")
        if not _SIZE.fullmatch(f"{self._next(place)}{unit}".lower()):
            return False
        self._noun = self._noun or "refs"
        self._take(place)
        term = f"{word or 'any'} {relation}(size {op} {self._value()})"
        return self._rewritten(term)

    def _bare(self, word: str | None, relation: str) -> bool:
        """Read `without layers`, `with packages`, where no condition follows."""
        place = (self._next() in words.WITH) + (word is not None)
        is_end = self._next(place + 1) in {"", "and", "or", *words.CLAUSES}
        if not is_end or (word is None and self._next() not in words.WITH):
            return False
        if self._next() in {"any", "a", "an"} or (self._noun is None and not self._is_negated):
            return False
        self._take(place + 1)
        return self._rewritten(f"{word or 'any'} {relation}")

    def _path_of_plural(self) -> bool:
        """Read `layers.size > 1M` as a path."""
        relation, dot, field = self._next().partition(".")
        one = quoting.SINGULAR_OF.get(relation)
        if not dot or one not in RELATIONS[self._sort] or self._next(1) not in SYMBOLS:
            return False
        self._take()
        op = SYMBOLS[self._take()]
        return self._rewritten(f"{one}.{field} {op} {self._value()}")
