"""Rules for clauses: SELECT, ORDER BY, GROUP BY, LIMIT, `top 3 … by`, `largest`."""

from __future__ import annotations

from typing import Final

from cachedb.patterns import lazy
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import AGGREGATES, FIELDS, NOUNS
from cachedb.query.words import Sort, Type

_COUNT: Final = lazy(r"count\((?:\*|\w*)\)")
_CALL: Final = lazy(r"(sum|min|max|avg)\((?:\w+\.)?(\w+)\)")


def _aggregates(columns: str) -> str:
    """Write the aggregates of SQL as those of the language: `sum(size)` as `sum.size`."""
    return _CALL.sub(r"\1.\2", _COUNT.sub("count", columns.lower()))


class ClauseRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _select(self) -> bool:
        if self._next() != "select" or "from" not in map(str.lower, self._left):
            return False
        place = [word.lower() for word in self._left].index("from")
        columns = _aggregates("".join(self._left[1:place]))
        if columns != "*":
            self._clauses["show"] = columns
        self._take(place + 1)
        return self._rewritten()

    def _order(self) -> bool:
        if self._is_field(self._next()) and self._next(1) in words.DIRECTIONS:
            self._left.insert(0, "by")
        if self._next() not in words.ORDER:
            return False
        is_plain = self._next() == "sort" and self._next(1) != "by"
        is_by = self._next() == "by"
        self._take()
        if self._next() == "by":
            self._take()
        keys = []
        while self._left:
            key = self._take()
            if self._next() == "(" and ")" in self._left:
                key = _aggregates(key + "".join(self._left[: self._left.index(")") + 1]))
                self._take(self._left.index(")") + 1)
            if self._next() in words.DIRECTIONS:
                is_plain = False
                key = ("-" if self._take().lower().startswith("desc") else "") + key.lstrip("-")
            elif is_by and self._clauses.get("sort", "").startswith("-"):
                key = f"-{key.lstrip('-')}"  # `largest 3 images by size`
            keys.append(key)
            if self._next() != ",":
                break
            is_plain = False
            self._take()
        self._clauses["sort"] = ",".join(keys)
        return True if is_plain else self._rewritten()

    def _group(self) -> bool:
        if self._next() not in {"group", "grouped", "show"} or not self._next(1):
            return False
        if self._next() == "show" and not self._is_column(self._next(1)):
            return self._is_first_show()
        word, has_by = self._take().lower(), self._next() == "by"
        if has_by:
            self._take()
        value = self._value()
        self._clauses["show" if word == "show" else "group"] = words.PLURALS.get(value, value)
        return self._rewritten() if has_by or word == "grouped" else True

    def _is_column(self, word: str) -> bool:
        return word in FIELDS[self._sort] or word.partition(".")[0] in AGGREGATES

    def _is_first_show(self) -> bool:
        """Drop the verb of `show layers of nginx`."""
        if self._noun is not None or self._terms or self._next(1) not in NOUNS:
            return False
        self._take()
        return self._rewritten()

    def _limit(self) -> bool:
        is_plain = self._next() == "limit" and self._next(1).isdecimal()
        place = 2 if self._next(1) == "=" else 1
        if self._next() == "offset" and self._next(place).isdecimal():
            self._has_rewritten |= place > 1
            self._clauses["offset"] = self._take(place + 1)
            return True
        if self._next() not in {"limit", "first", "head"} or not self._next(place).isdecimal():
            return False
        self._clauses["limit"] = self._take(place + 1)
        return True if is_plain else self._rewritten()

    def _ranked(self) -> bool:
        """Read `newest 3 per repo`, `largest image per registry`, `top 2 by size per repo`."""
        found = self._rank()
        if found is None or self._sort is not Sort.REF:
            return False
        number, key, place = found
        field = words.PLURALS.get(self._next(place + 1), self._next(place + 1))
        if self._next(place) not in {"per", "of"} or not FIELDS[Sort.REF].get(field):
            return False
        if self._next(place) == "of" and self._next(place + 1) != "each":
            return False
        self._take(place + 2)
        key = key if key.startswith("-") else f"+{key}"
        return self._rewritten(f"top {number} by {key} per {field}")

    def _rank(self) -> tuple[str, str, int] | None:
        """Return number, sort key and length in words of a rank, if one begins here."""
        place, number, key = 0, "", ""
        for _ in range(2):
            word = self._next(place)
            if word == "the":
                place += 1
                word = self._next(place)
            if word.isdecimal() and not number:
                number, place = word, place + 1
            elif word in {"last", "top"} and not key:
                key, place = "-created", place + 1
            elif word in words.SUPERLATIVES and not key:
                key, place = words.SUPERLATIVES[word], place + 1
        if not key:
            return None
        place += self._next(place) in {"images", "refs", "image", "ref", "tag", "tags", "versions"}
        if self._next(place) == "by" and self._is_field(self._next(place + 1)):
            key, place = f"-{self._next(place + 1)}", place + 2
        return number or "1", key, place

    def _top(self) -> bool:
        if self._next() != "top" or not self._next(1).isdecimal():
            return False
        self._clauses["limit"] = self._take(2)
        self._take_noun()
        key = "size"
        if self._next() == "by" and self._next(1):
            key = self._take(2)
        self._clauses["sort"] = f"-{key.lstrip('-')}"
        return self._rewritten()

    def _last(self) -> bool:
        """Read `last 5` as the newest."""
        unit = self._next(2)
        if self._next() != "last" or not self._next(1).isdecimal() or unit in words.UNITS:
            return False
        self._clauses |= {"limit": self._take(2), "sort": "-created"}
        return self._rewritten()

    def _adverb(self) -> bool:
        """Read `recently pulled`, `least recently used`, `most recent`."""
        sign = words.ADVERBS.get(self._next())
        if sign is None:
            return False
        place = 2 if self._next(1) == "recently" else 1
        field = FIELDS[self._sort].get(self._next(place))
        if field is not None and field.type is Type.TIME and not self._next(place + 1).isdecimal():
            self._clauses["sort"] = f"{sign}{self._take(place + 1).lower()}"
            return self._rewritten()
        if self._next() == "most" and self._next(1) in words.SUPERLATIVES:
            self._take()
            return self._rewritten()
        return False

    def _superlative(self) -> bool:
        place = 1 if self._next().isdecimal() else 0
        key = words.SUPERLATIVES.get(self._next(place))
        if key is None:
            return False
        number = self._take() if place else ""
        self._take()
        if not number and self._next().isdecimal():
            number = self._take()
        if number:
            self._clauses["limit"] = number
        self._clauses["sort"] = key
        return self._rewritten()
