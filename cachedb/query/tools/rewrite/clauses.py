"""Rules for clauses: SELECT, ORDER BY, GROUP BY, LIMIT, `top 3 … by`, `largest`."""

from __future__ import annotations

from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import NOUNS


class ClauseRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _select(self) -> bool:
        if self._next() != "select" or "from" not in map(str.lower, self._left):
            return False
        place = [word.lower() for word in self._left].index("from")
        columns = "".join(self._left[1:place])
        if columns != "*":
            self._clauses["show"] = columns.lower().replace("count(*)", "count")
        self._take(place + 1)
        return self._rewritten()

    def _total(self) -> bool:
        """Read `how many layers`, `number of layers`, `count layers`, `layers count`."""
        phrase = (self._next(), self._next(1))
        if phrase in {("how", "many"), ("number", "of")}:
            self._take(2)
        elif phrase[0] == "count" and (not phrase[1] or phrase[1] in NOUNS):
            self._take()
        elif phrase == ("count", "("):
            self._take(self._left.index(")") + 1 if ")" in self._left else 2)
        else:
            return False
        self._clauses["show"] = "count"
        return self._rewritten()

    def _order(self) -> bool:
        if self._next() not in words.ORDER:
            return False
        is_plain = self._next() == "sort" and self._next(1) != "by"
        self._take()
        if self._next() == "by":
            self._take()
        keys = []
        while self._left:
            key = self._take()
            if self._next() in words.DIRECTIONS:
                is_plain = False
                key = ("-" if self._take().lower().startswith("desc") else "") + key.lstrip("-")
            keys.append(key)
            if self._next() != ",":
                break
            self._take()
        self._clauses["sort"] = ",".join(keys)
        return True if is_plain else self._rewritten()

    def _group(self) -> bool:
        if self._next() not in {"group", "grouped", "show"} or not self._next(1):
            return False
        word, has_by = self._take().lower(), self._next() == "by"
        if has_by:
            self._take()
        self._clauses["show" if word == "show" else "group"] = self._value()
        return self._rewritten() if has_by or word == "grouped" else True

    def _limit(self) -> bool:
        is_plain = self._next() == "limit" and self._next(1).isdecimal()
        place = 2 if self._next(1) == "=" else 1
        if self._next() not in {"limit", "first"} or not self._next(place).isdecimal():
            return False
        self._clauses["limit"] = self._take(place + 1)
        return True if is_plain else self._rewritten()

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
