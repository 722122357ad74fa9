"""Rules for fields: `size over 1M`, `older than 30d`, `tag latest`, `name like v1%`."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from cachedb.patterns import lazy
from cachedb.query.syntax import quoting
from cachedb.query.tools.rewrite import words
from cachedb.query.tools.rewrite.reader import WordReader
from cachedb.query.vocabulary import FIELDS, KEYED_FIELDS, RELATIONS
from cachedb.query.words import SYMBOLS, WORD_OPERATORS, Sort, Type

_DATE: Final = lazy(r"\d{4}(?:-\d\d){0,2}")
_SIZE: Final = lazy(r"\d+(?:\.\d+)?[KMGTP]?I?B?")
_TIME: Final = lazy(
    r"['\"]?\d{4}(?:-\d\d){0,2}(?:[Tt ].*)?|(?:\d+(?:y|mo|w|d|h|min|s))+|today|yesterday|now"
)
_MINUTES: Final = lazy(r"(?<=\d)m$")
_INEQUALITIES: Final = frozenset({"<", ">", "<=", ">="})
QUOTES: Final = "\"'"


class FieldRules(WordReader):
    """Each rule consumes its words and returns True, or returns False."""

    def _comparison(self) -> bool:
        """Read `larger than 1M`, `over 1M` and `older than 30d`."""
        place = 0 if self._is_comparison(0) else 1 if self._next() in FIELDS[self._sort] else -1
        if place < 0 or not self._is_comparison(place):
            return False
        field = self._take().lower() if place else None
        default, op = words.COMPARATIVES[self._take().lower()]
        if self._next() == "than":
            self._take()
        if self._later_sort() is Sort.PACKAGE and field is None and default == "created":
            default, op = "version", "lt" if op == "before" else "gt"
        field = field or default
        found = FIELDS[self._later_sort()].get(field)
        if found is not None and found.type is Type.TIME:
            # More than 30 days ago is before that.
            op = {"gt": "before", "lt": "since"}.get(op, op)
            return self._timed(field, op)
        return self._rewritten(f"{field} {op} {self._value()}")

    def _timed(self, field: str, op: str) -> bool:
        """Read a time, or a reference as the creation time of its image."""
        value = self._value()
        value = _MINUTES.sub("min", value)
        if not _TIME.fullmatch(value):
            created = self._names.created(value)
            if created is None:
                return self._refused()
            value = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if op == "after":
            op = "gt" if _DATE.fullmatch(value) else "since"
        return self._rewritten(f"{field} {op} {value}")

    def _moment(self) -> bool:
        """Read `before 2024`, `since=app:1`, `today`, `pulled this week`."""
        place = 1 if self._is_time(self._next()) else 0
        word = self._next(place)
        field = self._next() if place else "created"
        if not place and self._sort not in {Sort.REF, Sort.BLOB}:
            return False
        op = words.MOMENTS.get(word)
        if op is not None and self._next(place + 1) and not (place and op == word):
            self._take(place + 1)
            if self._next() in {"=", ":"} and self._next(1):
                self._take()
            return self._timed(field, op)
        if not place and word in {"today", "yesterday"}:
            self._take()
            return self._rewritten(f"{field}:{word}")
        unit = words.UNITS.get(self._next(place + 1))
        if word in {"this", "last", "past"} and unit is not None:
            self._take(place + 2)
            return self._rewritten(f"{field} since 1{unit}")
        number = self._next(place + 1)
        if (
            word in {"last", "past"}
            and number.isdecimal()
            and self._next(place + 2) in words.UNITS
        ):
            self._take(place + 1)
            return self._rewritten(f"{field} since {self._value()}")
        return False

    def _is_time(self, word: str) -> bool:
        field = FIELDS[self._sort].get(word)
        return field is not None and field.type is Type.TIME

    def _bare_size(self) -> bool:
        """Read `> 1GB` and `between 1M and 2M` as sizes."""
        if self._next() in _INEQUALITIES and _SIZE.fullmatch(self._next(1).upper()):
            op = SYMBOLS[self._take()]
            if self._sort is Sort.PACKAGE:
                return self._rewritten(f"version {op} {self._value()}")
            return self._rewritten(f"size {op} {self._value()}")
        if self._next() == "between" and self._next(2) == "and" and self._next(3):
            low, high = self._left[1], self._left[3]
            field = "created" if _DATE.fullmatch(low) else "size"
            self._take(4)
            return self._rewritten(f"{field}:{low}..{high}")
        return False

    def _author(self) -> bool:
        """Read `author alice` as the label and the annotation that state it."""
        place = 2 if self._next(1) in {"=", "==", "is", ":"} else 1
        if self._next() not in words.AUTHORS or not self._next(place):
            return False
        value = quoting.value(f"*{self._take(place + 1).strip(QUOTES)}*")
        return self._rewritten(
            f"(label:maintainer={value} or annotation:org.opencontainers.image.authors={value})"
        )

    def _presence(self) -> bool:
        """Read `with labels` and `without tag`, where no value follows."""
        word = words.PLURALS.get(self._next(1), self._next(1))
        is_absent = self._next() in words.NEGATIONS
        if not is_absent and self._next() not in words.WITH | {"any"}:
            return False
        following = self._next(2)
        has_value = following and following not in words.CLAUSES | {"and", "or", "not", "&", "|"}
        if has_value or not (self._is_field(word) or word in KEYED_FIELDS):
            return False
        self._take(2)
        self._is_negated ^= is_absent
        if word == "tag" and self._sort is Sort.REF:
            self._is_negated = not self._is_negated
            return self._rewritten("is:untagged")
        if self._is_time(word):
            self._is_negated = not self._is_negated
            return self._rewritten(f"{word}:never")
        return self._rewritten(f"{word}:*")

    def _counted(self) -> bool:
        """Read `more than 10 layers`."""
        place = 2 if self._next(1) == "than" else 1
        relation = quoting.SINGULAR_OF.get(self._next(place + 1))
        found = words.COMPARATIVES.get(self._next())
        if relation not in RELATIONS[self._sort] or found is None or found[0] != "size":
            return False
        number = self._take(place + 1)
        self._take()
        return self._rewritten(f"count {relation} {found[1]} {number}")

    def _never(self) -> bool:
        field = FIELDS[self._sort].get(self._next(1))
        if self._next() != "never" or field is None or field.type is not Type.TIME:
            return False
        self._take(2)
        return self._rewritten(f"{field.name}:never")

    def _is_comparison(self, place: int) -> bool:
        found = words.COMPARATIVES.get(self._next(place))
        if found is None:
            return False
        than = self._next(place + 1) == "than"
        value = self._next(place + 2 if than else place + 1)
        return bool(value) and (than or bool(_SIZE.fullmatch(value.upper())))

    def _within(self) -> bool:
        """Read `used in the last 30 days`."""
        is_unused = self._next() == "unused"
        field = FIELDS[self._sort].get("used" if is_unused else self._next())
        if field is None or field.type is not Type.TIME or not self._next(2):
            return False
        word = self._next(1)
        if word not in words.WITHIN and word != "after":
            return False
        self._take(2)
        self._is_negated ^= is_unused
        while self._next() in {"the", "last", "past"} and self._next(1):
            self._take()
        value = self._value()
        if _DATE.fullmatch(value):
            op = " gt " if word == "after" else " since " if word == "since" else ":"
            return self._rewritten(f"{field.name}{op}{value}")
        return self._rewritten(f"{field.name} since {value}")

    def _field(self) -> bool:
        name = words.PLURALS.get(self._next(), self._next())
        if not self._is_field(name) or not self._next(1):
            return False
        if name in KEYED_FIELDS:
            return self._keyed()
        op = self._next(1)
        if op == "between" and self._next(3) == "and" and self._next(4):
            low, high = self._left[2], self._left[4]
            self._take(5)
            return self._rewritten(f"{name}:{low}..{high}")
        if op == "in" and self._next(2) == "(" and ")" in self._left:
            end = self._left.index(")")
            values = "".join(self._left[3:end])
            self._take(end + 1)
            return self._rewritten(f"{name}:{values}")
        if op in WORD_OPERATORS and self._next(2):
            self._take()
            return self._compared(name, self._take().lower(), is_plain=True)
        if op in SYMBOLS and self._next(2):
            self._take()
            return self._compared(name, SYMBOLS[self._take()], is_plain=False)
        if op in words.PATTERNS and self._next(2):
            self._take(2)
            value = self._value()
            plain = value.strip(QUOTES)
            glob = plain.replace("%", "*") if op == "like" else f"*{plain}*"
            return self._rewritten(self._matched(name, glob))
        place = 1 if op in words.EQUAL else 0
        if not self._is_value(place + 1) or self._next(place + 1) in words.CLAUSES:
            return False
        self._take(place + 1)
        value = self._value()
        while self._next() == "or" and self._is_alternative(1, name):
            value += f",{self._take(2)}"
        return self._rewritten(f"{name}:{value}")

    def _matched(self, name: str, glob: str) -> str:
        """Return the term for a glob; a prefix of whole names or paths is no glob of one part."""
        start = glob.removesuffix("*")
        is_prefix = start != glob and not {"*", "?"} & set(start)
        is_whole = {Type.NAME: "." in start, Type.PATH: start[:1] == "/"}
        if is_prefix and is_whole.get(FIELDS[self._sort][name].type):
            return f"{name} starts {quoting.value(start)}"
        return f"{name}:{quoting.value(glob)}"

    def _is_alternative(self, place: int, field: str) -> bool:
        """Return whether a word is another value of the field, and no term of its own."""
        word, following = self._next(place), self._next(place + 1)
        is_term = following in SYMBOLS or following in words.EQUAL or ":" in word
        is_platform = field in {"arch", "os", "platform"}
        return not is_term and self._is_value(place) and (is_platform or not self._is_known(word))

    def _compared(self, name: str, op: str, *, is_plain: bool) -> bool:
        value = self._value()
        # Ambiguous: more than 30d may mean earlier or later.
        is_time = FIELDS[self._sort][name].type is Type.TIME and _DATE.fullmatch(value)
        if is_time and op in {"lt", "gt"}:
            op = "before" if op == "lt" else "since"
            is_plain = False
        term = f"{name}:{value}" if op == "eq" and not is_plain else f"{name} {op} {value}"
        if is_plain:
            self._emit(term)
            return True
        return self._rewritten(term)

    def _keyed(self) -> bool:
        place = 1 + (self._next(1) in {"=", "!="})
        if not self._is_value(place):
            return False
        name = self._next()
        self._is_negated ^= self._next(1) == "!="
        term = f"{name}:{self._take(place + 1)}"
        if self._next() in SYMBOLS and self._next(1):
            symbol = SYMBOLS[self._take()]
            value = self._value()
            term += f"={value}" if symbol == "eq" else f" {symbol} {value}"
        return self._rewritten(term)
