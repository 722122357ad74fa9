r"""Regular expressions that match in linear time, as an NFA run as a lazy DFA.

A pattern becomes a nondeterministic automaton, which is run as a deterministic one whose states
are made when they are first reached. There are no back-references and no look-around, which make
other engines exponential. The pattern is searched for, so `^` and `$` anchor it; they mean the
ends of the text. `.` is any character; `\d`, `\w` and `\s` are about ASCII.

`register` gives SQLite the operator REGEXP, in place of the driver's, which is Python's `re`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cachedb.query.messages import error_at
from cachedb.records import Record

if TYPE_CHECKING:
    from sqlite3 import Connection

    from cachedb.query.syntax.tree import Span

_MOST_STATES: Final = 1_000
_MOST_CACHED: Final = 1_000
_DEEPEST: Final = 50
_DIGITS: Final = (("0", "9"),)
_WORD: Final = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_BLANK: Final = (("\t", "\r"), (" ", " "))
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _BLANK}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r"}
_ESCAPED: Final = frozenset(r"""\.^$*+?{}[]()|-/ "'#%&,:;<=>@_`~!""")


class CharacterSet(Record):
    """One character inside of some ranges, or outside of all."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False
    """Whether the set matches the characters outside."""

    def has(self, char: str) -> bool:
        """Return whether `char` is one of them."""
        return any(first <= char <= last for first, last in self.ranges) is not self.negated


class Anchor(Record):
    """The start of the text, or its end."""

    is_start: bool


class Concatenation(Record):
    """Patterns in sequence."""

    parts: tuple[Pattern, ...]


class Alternation(Record):
    """One of several patterns."""

    parts: tuple[Pattern, ...]


class Repetition(Record):
    """A pattern repeated `low` to `high` times; None is unbounded."""

    part: Pattern
    """Pattern that is repeated."""
    low: int
    high: int | None


Pattern: TypeAlias = CharacterSet | Anchor | Concatenation | Alternation | Repetition

_ANY: Final = CharacterSet(ranges=(), negated=True)


class PatternError(ValueError):
    """A pattern is not supported; `args` are the reason and the hints."""


def compile_pattern(pattern: str, span: Span) -> Searcher:
    """Compile a pattern of a query.

    Raises:
        QueryError: The pattern is malformed, too large, or has an unsupported construct.
    """
    try:
        return searcher(pattern)
    except PatternError as error:
        why, *hints = error.args
        raise error_at(span, why, *hints) from None


def register(connection: Connection) -> None:
    """Register the operator REGEXP on a connection of SQLite."""
    connection.create_function("regexp", 2, _regexp, deterministic=True)


def _regexp(pattern: str, text: Any) -> bool | None:
    return None if text is None else searcher(pattern).search(str(text))


@lru_cache(maxsize=64)
def searcher(pattern: str) -> Searcher:
    """Compile a pattern.

    Raises:
        PatternError: The pattern is malformed, too large, or has an unsupported construct.
    """
    folded = pattern.startswith("(?i)")
    parsed = _Reader(pattern, 4 if folded else 0).read()
    return Searcher(_Automaton(parsed), folded=folded)


class _Reader:
    """Reads a pattern by recursive descent."""

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._position = position
        self._depth = 0

    def read(self) -> Pattern:
        found = self._choice()
        if self._next:
            raise PatternError("unmatched `)` in the pattern", r"write \) for one")
        return found

    @property
    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _take(self) -> str:
        char = self._next
        self._position += 1
        return char

    def _choice(self) -> Pattern:
        parts = [self._sequence()]
        while self._next == "|":
            self._take()
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Alternation(parts=tuple(parts))

    def _sequence(self) -> Pattern:
        parts: list[Pattern] = []
        while self._next not in {"", "|", ")"}:
            parts.append(self._repeat(self._atom()))
        return Concatenation(parts=tuple(parts))

    def _repeat(self, part: Pattern) -> Pattern:
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, Anchor):
            raise PatternError("nothing to repeat before the repetition")
        if self._next == "?":
            self._take()  # a lazy repeat finds the same texts
        if self._next and self._next in "*+?{":
            raise PatternError("nested repetition", "put the inner one in ( )")
        return Repetition(part=part, low=bounds[0], high=bounds[1])

    def _bounds(self) -> tuple[int, int | None] | None:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self._next in simple:
            return simple[self._take()]
        if self._next != "{":
            return None
        end = self._text.find("}", self._position)
        low, comma, high = self._text[self._position + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_number(low) or (high and not _is_number(high)):
            raise PatternError(
                "`{` begins a number of repetitions, as in {2,5}", r"write \{ for one"
            )
        self._position = end + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise PatternError(f"reversed repetition {{{low},{high}}}")
        return least, most

    def _atom(self) -> Pattern:
        char = self._take()
        match char:
            case ".":
                return _ANY
            case "^" | "$":
                return Anchor(is_start=char == "^")
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                why = f"nothing to repeat before `{char}`"
                raise PatternError(why, f"write \\{char} for the character, .* for anything")
            case _:
                return CharacterSet(ranges=((char, char),))

    def _group(self) -> Pattern:
        if self._next == "?":
            if self._text[self._position + 1 : self._position + 2] != ":":
                raise PatternError(
                    "look-around, named groups and inner flags are not supported",
                    "(?:…) groups; (?i) at the start ignores case",
                )
            self._position += 2
        self._depth += 1
        if self._depth > _DEEPEST:
            raise PatternError(f"more than {_DEEPEST} nested groups")
        found = self._choice()
        self._depth -= 1
        if self._take() != ")":
            raise PatternError("unclosed `(` in the pattern", r"write \( for one")
        return found

    def _escape(self) -> CharacterSet:
        char = self._take()
        if char.lower() in _CLASSES:
            return CharacterSet(ranges=_CLASSES[char.lower()], negated=char.isupper())
        return CharacterSet(ranges=((self._escaped(char),) * 2,))

    def _escaped(self, char: str) -> str:
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char and char in _ESCAPED:
            return char
        if char.isdigit():
            why = r"back-references such as \1 are not supported"
            raise PatternError(why, "repeat the pattern of the group")
        shown = char or "the end"
        raise PatternError(
            f"`\\{shown}` is not a known escape" if char else "`\\` at the end escapes nothing",
            r"\d \w \s are digits, letters and blanks; \. is a dot",
        )

    def _class(self) -> CharacterSet:
        negated = self._next == "^"
        self._position += negated
        ranges: list[tuple[str, str]] = []
        while self._next != "]" or not ranges:
            first = self._class_member(ranges)
            if first is None:
                continue
            last = first
            if self._next == "-" and self._text[self._position + 1 : self._position + 2] != "]":
                self._take()
                last = self._class_end()
                if last < first:
                    raise PatternError(f"reversed range {first}-{last}")
            ranges.append((first, last))
        self._take()
        return CharacterSet(ranges=tuple(ranges), negated=negated)

    def _class_member(self, ranges: list[tuple[str, str]]) -> str | None:
        char = self._take()
        if not char:
            raise PatternError("unclosed `[` in the pattern", r"write \[ for one")
        if char != "\\":
            return char
        char = self._take()
        if char in _CLASSES:
            ranges += _CLASSES[char]
            return None
        return self._escaped(char)

    def _class_end(self) -> str:
        char = self._take()
        return self._escaped(self._take()) if char == "\\" else char


class _Automaton:
    """NFA of a pattern: character transitions and epsilon transitions."""

    def __init__(self, part: Pattern) -> None:
        self.chars: list[tuple[CharacterSet, int] | None] = []
        self.free: list[tuple[int, ...]] = []
        self.anchors: list[Anchor | None] = []
        self.final: int = self._state()
        self.start: int = self._build(part, self.final)

    def _state(self, *free: int) -> int:
        if len(self.free) >= _MOST_STATES:
            raise PatternError(
                "the pattern is too large once its repeats are written out",
                "use smaller numbers of repeats, or * and +",
            )
        self.chars.append(None)
        self.anchors.append(None)
        self.free.append(free)
        return len(self.free) - 1

    def _build(self, part: Pattern, then: int) -> int:
        """Add the states of `part`, followed by `then`; return the first one."""
        match part:
            case CharacterSet():
                first = self._state()
                self.chars[first] = (part, then)
            case Anchor():
                first = self._state(then)
                self.anchors[first] = part
            case Concatenation():
                first = then
                for item in reversed(part.parts):
                    first = self._build(item, first)
            case Alternation():
                first = self._state(*(self._build(item, then) for item in part.parts))
            case Repetition():
                first = self._repeat(part, then)
        return first

    def _repeat(self, repeat: Repetition, then: int) -> int:
        if repeat.high is None:
            first = self._state()
            self.free[first] = (self._build(repeat.part, first), then)
        else:
            first = then
            for _ in range(repeat.high - repeat.low):
                first = self._state(self._build(repeat.part, first), then)
        for _ in range(repeat.low):
            before, first = first, self._build(repeat.part, first)
            if first == before:
                break  # the repeated part is empty
        return first

    def closure(self, states: set[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        """Return the epsilon closure of a set of states."""
        found: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in found:
                continue
            found.add(state)
            anchor = self.anchors[state]
            if anchor is None or (at_start if anchor.is_start else at_end):
                waiting += self.free[state]
        return frozenset(found)


class _State:
    """A state of the DFA with the transitions taken so far."""

    __slots__ = ("is_match", "is_match_at_end", "members", "ways")

    def __init__(self, automaton: _Automaton, members: frozenset[int]) -> None:
        self.members = members
        self.ways: dict[str, _State] = {}
        self.is_match = automaton.final in members
        at_end = automaton.closure(set(members), at_start=False, at_end=True)
        self.is_match_at_end = automaton.final in at_end


class Searcher:
    """Searches texts for a pattern; states are built when first reached."""

    def __init__(self, automaton: _Automaton, *, folded: bool) -> None:
        self._automaton = automaton
        self._folded = folded
        self._states: dict[frozenset[int], _State] = {}
        self._first = self._state(
            automaton.closure({automaton.start}, at_start=True, at_end=False)
        )
        at_both = automaton.closure({automaton.start}, at_start=True, at_end=True)
        self._matches_empty = automaton.final in at_both

    def search(self, text: str) -> bool:
        """Return whether the pattern matches somewhere in `text`."""
        if not text:
            return self._matches_empty
        state = self._first
        for char in text:
            if state.is_match:
                return True
            following = state.ways.get(char)
            state = self._step(state, char) if following is None else following
        return state.is_match_at_end

    def _step(self, state: _State, char: str) -> _State:
        automaton = self._automaton
        reached = {automaton.start}  # a match may begin at any character
        for member in state.members:
            way = automaton.chars[member]
            if way is not None and self._has(way[0], char):
                reached.add(way[1])
        if len(self._states) > _MOST_CACHED:
            self._states.clear()
        following = self._state(automaton.closure(reached, at_start=False, at_end=False))
        if len(state.ways) > _MOST_CACHED:
            state.ways.clear()
        state.ways[char] = following
        return following

    def _state(self, members: frozenset[int]) -> _State:
        found = self._states.get(members)
        if found is None:
            found = self._states[members] = _State(self._automaton, members)
        return found

    def _has(self, chars: CharacterSet, char: str) -> bool:
        if not self._folded:
            return chars.has(char)
        plain = CharacterSet(ranges=chars.ranges)
        found = any(plain.has(form) for form in {char, char.lower(), char.upper()})
        return found is not chars.negated


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_STATES))
