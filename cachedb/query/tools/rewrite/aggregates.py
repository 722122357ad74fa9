"""Rules for aggregates: `total size of images`, `count by arch`, `layers per image`, `tags`."""

from __future__ import annotations

from typing import Final

from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FIELDS, NOUNS, SHOWN
from cachedb.query.words import IN_FILE, IN_PACKAGE, ROLES, Sort, Type

_ORDERED: Final = frozenset({Type.SIZE, Type.NUMBER, Type.TIME, Type.VERSION, Type.DIGEST})
_OF_BYTES: Final = (Sort.REF, Sort.BLOB)


class AggregateRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _total(self) -> bool:
        """Read `how many layers`, `number of layers`, `count layers`, `count by arch`."""
        phrase = (self._next(), self._next(1))
        if phrase in {("how", "many"), ("number", "of")}:
            self._take(2)
        elif phrase == ("count", "("):
            self._take(self._left.index(")") + 1 if ")" in self._left else 2)
        elif phrase[0] == "count" and (
            not phrase[1] or phrase[1] in NOUNS or phrase[1] in words.FOR_EACH or self._terms == []
        ):
            self._take()
        else:
            return False
        self._clauses["show"] = "count"
        return self._rewritten()

    def _aggregate(self) -> bool:
        """Read `total size`, `sum size`, `average of size`, `max(size)`, `space by repo`."""
        function = words.FUNCTIONS.get(self._next())
        place = 0 if function is None else 1
        while place and self._next(place) in {"of", "the", "disk", "("}:
            place += 1
        name = "size" if self._next(place) in words.SIZES else self._next(place)
        if function is None:
            if name != "size" or self._next(1) not in {"by", "per"} or self._terms:
                return False
            function = "total"
        elif name not in FIELDS[self._later_sort()] or self._is_compared(place + 1):
            if function != "total" or self._next(1):
                return False
            name, place = "size", 0
        self._take(place + 1)
        if self._next() == ")":
            self._take()
        is_total = function == "total" and self._later_sort() in _OF_BYTES
        function = "sum" if function == "total" else function
        self._clauses["show"] = "count,total" if is_total else f"{function}.{name}"
        if self._next() == "of" and self._next(1):
            self._take()
        return self._rewritten()

    def _is_compared(self, place: int) -> bool:
        return self._next(place) in {"=", "<", ">", "<=", ">=", "!="} or self._next(place) == ":"

    def _for_each(self) -> bool:
        """Read `by repo` after an aggregate, `per repo` everywhere, `layers per image`."""
        word = self._next()
        if word not in words.FOR_EACH or not self._next(1):
            return False
        field = words.PLURALS.get(self._next(1), self._next(1))
        if word == "by" and "show" not in self._clauses and not self._is_category(field):
            return False
        kind = NOUNS[self._noun or self._default].kind
        if field in {"image", "images", "name"} and kind in ROLES:
            self._take(2)
            self._noun = "links"
            self._emit(f"role:{kind}")
            self._clauses |= {"group": "parent", "show": "parent,count"}
            return self._rewritten()
        if field in {"image", "images"}:
            self._take(2)
            self._clauses |= {"show": "name,size", "sort": "-size"}
            return self._rewritten()
        if field not in FIELDS[self._sort]:
            return False
        self._take(2)
        self._clauses["group"] = field
        self._clauses["show"] = f"{field},{self._clauses.get('show', 'count')}"
        return self._rewritten()

    def _is_category(self, name: str) -> bool:
        """Return whether rows are grouped, rather than sorted, by a field: `images by arch`."""
        field = FIELDS[self._sort].get(name)
        has_noun = self._noun is not None and not self._clauses
        return has_noun and field is not None and name != "name" and field.type not in _ORDERED

    def _values(self) -> bool:
        """Read `tags`, `list tags of nginx`, `architectures` as the values of a field."""
        field = words.PLURALS.get(self._next())
        if field is None or self._terms or self._clauses or self._noun not in {None, "refs"}:
            return False
        if self._next(1) in words.OF and self._is_name(2):
            name = self._left[2]
            self._take(3)
            self._emit(name)
        elif self._next(1):
            return False
        else:
            self._take()
        if field == "version":
            self._noun = "packages"
        self._clauses["group"] = field
        return self._rewritten()

    def _duplicates(self) -> bool:
        """Read `duplicates` as digests that several names have."""
        if self._next() != "duplicates" or self._noun not in {None, "refs"}:
            return False
        self._take()
        self._clauses |= {"group": "digest", "sort": "-count"}
        return self._rewritten()

    def _columns(self) -> bool:
        """Read `name, size` at the beginning as columns."""
        if self._terms or self._clauses or self._next(1) not in {",", ""}:
            return False
        names = [self._next()]
        while self._next(2 * len(names) - 1) == ",":
            names.append(self._next(2 * len(names)))
        if not all(name in FIELDS[self._sort] for name in names):
            return False
        self._take(2 * len(names) - 1)
        shown = SHOWN[self._sort][:1] if len(names) == 1 else ()
        self._clauses["show"] = ",".join(dict.fromkeys((*shown, *names)))
        return self._rewritten()

    def _grouped(self) -> None:
        """Take the noun that has one value of each field to group by."""
        keys = self._clauses.get("group", "").split(",")
        fields = [FIELDS[self._sort].get(key) for key in keys]
        many = [field for field in fields if field is not None and not field.is_scalar]
        if not many or self._sort is not Sort.REF or many[0].inside == IN_FILE:
            return
        noun = "packages" if many[0].inside == IN_PACKAGE else f"{(*many[0].inside, 'blob')[0]}s"
        if self._terms:
            inner = " ".join((self._noun or self._default, *self._terms))
            function = "packages" if noun == "packages" else "blobs"
            self._terms = [f"{function}({inner})"]
        self._noun = noun
