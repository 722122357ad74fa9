"""Scanner: words, values and symbols of a query, on demand of the parser.

There is no list of tokens, because the meaning of a character depends on its context: `=` ends a
key and belongs to a value. The parser names the token that it expects next; the scanner returns it
with its span, or reports the text that it finds instead.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from cachedb import limits
from cachedb.patterns import lazy
from cachedb.query.messages import error_at
from cachedb.query.syntax import quoting
from cachedb.query.syntax.tree import Source, Span, Value
from cachedb.query.vocabulary import FIELD_NAMES, KEYED_FIELDS, NOUNS
from cachedb.query.words import CLAUSES, NUMBER_OPERATORS, SYMBOLS, WORD_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.errors import QueryError

_SYMBOL = "|".join(sorted(map(re.escape, SYMBOLS), key=len, reverse=True))
_BLANK: Final = lazy(r"\s+")
_WORD: Final = lazy(r"[a-z]+(?![^\s(),])")
_OPERATOR: Final = lazy(rf"""{_SYMBOL}|(?:{"|".join(WORD_OPERATORS)})(?=[\s"'$]|\Z)""")
_NUMBER_OPERATOR: Final = lazy(
    "|".join(
        (
            *(symbol for symbol, word in SYMBOLS.items() if word in NUMBER_OPERATORS),
            rf"(?:{'|'.join(NUMBER_OPERATORS)})\b",
        )
    )
)
_BEFORE_OPERATOR: Final = (
    rf"""(?=\s*(?:{_SYMBOL})|\s+(?:{"|".join(WORD_OPERATORS)})(?:[\s"'$]|\Z))"""
)
_FIELD: Final = lazy(rf"{quoting.PATH}(?:{quoting.COLON}|{_BEFORE_OPERATOR})")
CALL: Final = lazy(r"(?P<name>[A-Za-z_]+)\(")
SAVED: Final = lazy(r"@(?P<name>[a-z][a-z0-9_-]*)")
ANY_RUN: Final = lazy(r"""[^\s(),"']+""")
ANY_WORD_BEFORE_OPERATOR: Final = lazy(rf"[A-Za-z_][A-Za-z_.]*{_BEFORE_OPERATOR}")
OF: Final = lazy(r"of\s*\(")
_PARAMETER: Final = lazy(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_BIDI = frozenset("\u061c\u200e\u200f\u2028\u2029\ufeff")


class Scanner:
    """A position in a source, and the tokens that can be read there."""

    def __init__(self, source: Source, params: Mapping[str, str]) -> None:
        self.source = source
        self.position: int = 0
        self._params = params
        self._values = 0
        _check(source)
        self.skip()

    def skip(self) -> None:
        """Skip blanks."""
        if found := _BLANK.match(self.source.text, self.position):
            self.position = found.end()

    @property
    def at_end(self) -> bool:
        """Whether the end of the source is reached."""
        return self.position >= len(self.source.text)

    @property
    def next(self) -> str:
        """The next character; '' at the end."""
        return self.source.text[self.position : self.position + 1]

    def span(self, start: int, end: int | None = None) -> Span:
        """Return the span from `start` to `end`, or to here without trailing blanks."""
        if end is None:
            end = start + len(self.source.text[start : self.position].rstrip())
        return Span(source=self.source, start=start, end=max(end, start))

    def here(self) -> Span:
        """Return the span of the next word or character, for an error."""
        found = ANY_RUN.match(self.source.text, self.position)
        end = found.end() if found else self.position + 1
        return self.span(self.position, min(end, len(self.source.text)))

    def peek(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match `pattern` here."""
        return pattern.match(self.source.text, self.position)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match `pattern` here and consume the match."""
        found = self.peek(pattern)
        if found:
            self.position = found.end()
        return found

    def take_char(self, char: str) -> bool:
        """Consume `char` and blanks after it, if it is next."""
        if self.next != char:
            return False
        self.position += 1
        self.skip()
        return True

    def word(self) -> str:
        """Return the lower-case word that is next; '' if none is."""
        found = self.peek(_WORD)
        return found[0] if found else ""

    def take_word(self, *words: str) -> str:
        """Consume one of `words` and return it; '' if none is next."""
        found = self.word()
        if found not in words:
            return ""
        self.position += len(found)
        self.skip()
        return found

    def field(self) -> re.Match[str] | None:
        """Match `path.field:` here, or a path and a field before an operator.

        The words of the path are relations; `is` and fields of keys and values need the colon.
        """
        found = self.peek(_FIELD)
        if found is None or not quoting.are_relations(found["path"]):
            return None
        name, has_colon = found["field"], found["colon"]
        if name in FIELD_NAMES or (has_colon and (name == "is" or name in KEYED_FIELDS)):
            return found
        return None

    def operator(self) -> str | None:
        """Consume the operator of a comparison and return its word."""
        return self._operator(_OPERATOR)

    def number_operator(self) -> str | None:
        """Consume an operator that compares numbers."""
        return self._operator(_NUMBER_OPERATOR)

    def _operator(self, pattern: re.Pattern[str]) -> str | None:
        found = self.take(pattern)
        self.skip()
        return SYMBOLS.get(found[0], found[0]) if found else None

    def values(self, *, raw: bool = False) -> tuple[Value, ...]:
        """Consume values separated by commas; parameters of `raw` values are not escaped."""
        return self._list(quoting.BARE, "value", raw=raw)

    def keys(self) -> tuple[Value, ...]:
        """Consume keys, which end before an operator."""
        return self._list(quoting.BARE_KEY, "key", raw=False)

    def quoted(self) -> Value | None:
        """Consume one quoted text."""
        start = self.position
        text = self._quotes()
        return None if text is None else Value(text=text, span=self.span(start))

    def _list(self, bare: re.Pattern[str], what: str, *, raw: bool) -> tuple[Value, ...]:
        found = [self._value(bare, what, raw=raw)]
        while self.next == ",":
            self.position += 1
            found.append(self._value(bare, what, raw=raw))
        self._values += len(found)
        limit = limits.QUERY_VALUES
        if self._values > limit.value:
            raise error_at(
                found[0].span.to(found[-1].span),
                f"more than {limit.value} values in one query",
                f"{limit.variable}=NUMBER raises the limit",
            )
        return tuple(found)

    def _value(self, bare: re.Pattern[str], what: str, *, raw: bool) -> Value:
        start = self.position
        if self.next == "$":
            return self._parameter(raw=raw)
        pieces: list[str] = []
        while True:
            if found := self.take(bare):
                pieces.append(found[0])
            elif (text := self._quotes()) is not None:
                pieces.append(text)
            else:
                break
        if self.position == start:
            raise self._no_value(what)
        return Value(text="".join(pieces), span=self.span(start, self.position))

    def _quotes(self) -> str | None:
        quote = self.next
        if quote not in {'"', "'"} or not quote:
            return None
        pattern = r'"((?:[^"\\]|\\.)*)"' if quote == '"' else r"'([^']*)'"
        found = re.compile(pattern, re.DOTALL).match(self.source.text, self.position)
        if found is None:
            raise error_at(
                self.span(self.position, len(self.source.text)),
                "unclosed quote",
                f"end the text with {quote}",
            )
        self.position = found.end()
        return found[1] if quote == "'" else re.sub(r'\\(["\\])', _unescape, found[1])

    def _parameter(self, *, raw: bool) -> Value:
        start = self.position
        found = self.take(_PARAMETER)
        if found is None:
            raise error_at(
                self.span(start, start + 1),
                "`$` begins the name of a parameter",
                "write $name and give --param name=VALUE, or quote the text",
            )
        name = found["name"]
        span = self.span(start, self.position)
        if name not in self._params:
            known = [f"${other}" for other in self._params]
            raise error_at(
                span,
                f"no value for the parameter `${name}`",
                f"give --param {name}=VALUE",
                *(f"there is {other}" for other in known[:5]),
            )
        text = self._params[name]
        _check_characters(text, span)
        return Value(text=text if raw else quoting.escape(text), span=span)

    def _no_value(self, what: str) -> QueryError:
        if not self.at_end and not self.next.isspace():
            return self._no_value_before_symbol(what)
        before = self.source.text[: self.position]
        start = (
            len(before) - len(re.split(r"[\s()]", before.rstrip())[-1]) - _blanks_at_end(before)
        )
        written = self.source.text[start : self.position].rstrip()
        self.skip()
        following = self.here().text or "VALUE"
        glue = "" if written.endswith((":", ",", "=", "~", "<", ">")) else " "
        how = "without a blank" if following != "VALUE" and not glue else "with a value"
        return error_at(
            self.span(start, start + len(written)),
            f"missing {what}",
            f"write it {how}: {written}{glue}{following}",
        )

    def _no_value_before_symbol(self, what: str) -> QueryError:
        if self.next == ",":
            return error_at(self.here_char(), f"missing {what} before `,`", "remove the comma")
        return error_at(
            self.here_char(),
            f"missing {what} before `{self.next}`",
            f"quote a text that has `{self.next}` in it",
        )

    def here_char(self) -> Span:
        """Return the span of the next character."""
        return self.span(self.position, min(self.position + 1, len(self.source.text)))


def join(text: str | Sequence[str]) -> str:
    """Join the words of a command line to one text.

    Several words that are all references, digests or patterns of them are a union, as the names
    after other commands are: `ls alpine busybox` is `alpine or busybox`. A noun may precede them
    and clauses may follow.
    """
    if isinstance(text, str):
        return text
    start = 1 if text and text[0] in NOUNS else 0
    end = next(
        (place for place, word in enumerate(text) if word.partition(" ")[0] in CLAUSES), len(text)
    )
    names = text[start:end]
    if len(names) > 1 and all(map(quoting.is_selector, names)):
        return " ".join((*text[:start], " or ".join(names), *text[end:]))
    return " ".join(text)


def _blanks_at_end(text: str) -> int:
    return len(text) - len(text.rstrip())


def _unescape(found: re.Match[str]) -> str:
    # A backslash pair stays: the type of the value decides its meaning.
    return '"' if found[1] == '"' else found[0]


def _check(source: Source) -> None:
    limit = limits.QUERY_BYTES
    _check_characters(source.text, None, source)
    size = len(source.text.encode())
    if size > limit.value:
        raise error_at(
            Span(source=source, start=0, end=0),
            f"the query has {size} bytes, and the limit is {limit.value}",
            f"{limit.variable}=NUMBER raises the limit",
        )


def _check_characters(text: str, span: Span | None, source: Source | None = None) -> None:
    """Refuse control characters, lone surrogates and invisible characters."""
    for position, char in enumerate(text):
        if char.isascii() and (char.isprintable() or char in "\t\n\r"):
            continue
        category = unicodedata.category(char)
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} or char in _BIDI:
            if source is not None:
                span = Span(source=source, start=position, end=position + 1)
            assert span is not None
            raise error_at(
                span, f"{_name(char, category)} is not allowed in a query", "leave it out"
            )


def _name(char: str, category: str) -> str:
    number = f"U+{ord(char):04X}"
    if category == "Cs":
        return f"a byte that is not UTF-8 ({number})"
    if category == "Cc":
        return f"the control character {number}"
    return f"the invisible character {number} ({unicodedata.name(char, 'unnamed').lower()})"
