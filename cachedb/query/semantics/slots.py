"""Slots: the numbered values of a checked query, which its statement takes as parameters.

A statement depends on the shape of a query and not on its values: a slot represents a value, with
only the properties that the statement depends on, such as whether a glob has wildcards. Equal
values share a slot. `derive` makes a parameter from a value, at every run of the statement.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.statement import many
from cachedb.query.semantics.globs import Glob, Wildcard
from cachedb.query.semantics.values import (
    AffixTest,
    DigestTest,
    EnumTest,
    GlobTest,
    NameTest,
    NumberTest,
    PathTest,
    PlatformTest,
    RegexTest,
    TimeTest,
    ValueTest,
)
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cachedb.query.semantics.name_patterns import DigestPrefix, NamePattern
    from cachedb.query.semantics.values import (
        NumberRange,
        PlatformPattern,
        TimeRange,
        VersionRange,
        VersionTest,
    )
    from cachedb.query.words import Field

_FIRST_SURROGATE: Final = 0xD800
_BEHIND_SURROGATES: Final = 0xE000
# From this many on, full references are looked up in one list.
_MANY_NAMES: Final = 16
_NUMBERED: Final = frozenset({"kind", "state", "role"})


class Slot(Record):
    """One value: a number or a text; with `is_list`, a tuple of at least two."""

    number: int
    is_list: bool = False


class TextSlot(Slot):
    """A text to compare with the beginning, the end or any part of another.

    With `has_successor` there is a first text, in code points, after all that begin with it.
    """

    is_empty: bool
    """Whether the text is '', with which every text begins."""
    has_successor: bool


class GlobSlot(TextSlot):
    """A glob: a literal text, a text before one `*`, or any other pattern.

    `is_empty` and `has_successor` are about the literal beginning of the first two.
    `stops_at_slash` is true of a pattern with a wildcard that may not match `/` in names.
    """

    is_literal: bool
    is_prefix: bool
    """Whether the pattern is a text before one ``*``."""
    stops_at_slash: bool


class GlobSlots(Record):
    """Literal texts, in one slot, and patterns."""

    plain: Slot | None
    """Slot of the literal texts; None without any."""
    patterns: tuple[GlobSlot, ...]


class PathSlots(Record):
    """Literal paths, in one slot, and patterns of paths."""

    plain: Slot | None
    """Slot of the literal paths; None without any."""
    patterns: tuple[GlobSlot, ...]


class AffixSlots(Record):
    """Texts that a value starts with, ends with or has."""

    op: str
    """Word of the operator."""
    texts: tuple[TextSlot, ...]


class RegexSlots(Record):
    """Regular expressions."""

    patterns: tuple[Slot, ...]


class DigestSlots(Record):
    """Whole digests, in one slot, and beginnings of digests."""

    whole: Slot | None
    begun: tuple[TextSlot, ...]
    """Slots of the beginnings."""


class NamePatternSlots(Record):
    """The parts of a pattern of references; None matches anything.

    `registry`, `path`, `tag`, `digest` and `whole` are the slots of the parts of `NamePattern`.
    """

    registry: GlobSlot | None
    path: GlobSlot
    tag: GlobSlot | None
    digest: DigestSlots | None
    whole: GlobSlot


class NameSlots(Record):
    """Many full references as two lists, canonical and as written, and patterns."""

    canonical: Slot | None
    written: Slot | None
    patterns: tuple[NamePatternSlots, ...]


class RangeSlots(Record):
    """The ends of a range; None is no end.

    `low` and `high` are the slots of the ends.
    """

    low: Slot | None
    high: Slot | None


class NumberSlots(Record):
    """Single numbers, in one slot, and ranges with both ends inside."""

    points: Slot | None
    """Slot of the single numbers; None without any."""
    ranges: tuple[RangeSlots, ...]


class TimeSlots(Record):
    """Ranges that end before their high end; with `never`, or no time at all."""

    ranges: tuple[RangeSlots, ...]
    never: bool


class EnumSlots(Record):
    """Words of a list; `part` derives what the catalog holds for them."""

    words: Slot
    part: str


class PlatformPatternSlots(Record):
    """The parts of a platform; None matches anything.

    `os`, `architecture`, `variant` and `os_version` are the slots of the parts of
    `PlatformPattern`.
    """

    os: GlobSlot | None
    architecture: GlobSlot | None
    variant: GlobSlot | None
    os_version: Slot | None


class PlatformSlots(Record):
    """Patterns of platforms."""

    patterns: tuple[PlatformPatternSlots, ...]


class VersionRangeSlots(Record):
    """A range of versions; equal ends are one version.

    `low` and `high` are the slots of the ends, None for no end; `with_low` and `with_high` are
    true for an end that is inside.
    """

    low: Slot | None
    high: Slot | None
    with_low: bool
    with_high: bool


class VersionSlots(Record):
    """Ranges and patterns of versions."""

    ranges: tuple[VersionRangeSlots, ...]
    globs: GlobSlots
    """Slots of the patterns."""


TestSlots: TypeAlias = (
    GlobSlots
    | PathSlots
    | AffixSlots
    | RegexSlots
    | NameSlots
    | DigestSlots
    | NumberSlots
    | TimeSlots
    | EnumSlots
    | PlatformSlots
    | VersionSlots
)


class SlotTable:
    """Assigns slots to the values of one query, in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[type, Any], int] = {}

    @property
    def values(self) -> tuple[Any, ...]:
        """The values by the numbers of their slots."""
        return tuple(value for _, value in self._numbers)

    def slot(self, value: float | str) -> Slot:
        """Return the slot of one value."""
        return Slot(number=self._number(value))

    def of_globs(self, globs: Iterable[Glob]) -> GlobSlots:
        """Return the slots of globs, of which one has to match."""
        found = list(globs)
        plain = [glob.literal for glob in found if glob.literal is not None]
        patterns = tuple(self._glob(glob) for glob in found if glob.literal is None)
        return GlobSlots(plain=self._any(plain), patterns=patterns)

    def of_numbers(self, test: NumberTest) -> NumberSlots:
        """Return the slots of numbers and ranges."""
        points = [p.low for p in test.ranges if p.low == p.high and p.low is not None]
        ranges = [part for part in test.ranges if part.low != part.high or part.low is None]
        return NumberSlots(points=self._any(points), ranges=tuple(map(self._range, ranges)))

    def of_test(self, test: ValueTest, field: Field) -> TestSlots:
        """Return the slots of the values of a test on `field`."""
        match test:
            case GlobTest() | PathTest():
                return self._texts(test)
            case AffixTest():
                return AffixSlots(op=test.op, texts=tuple(map(self._text, test.texts)))
            case RegexTest():
                return RegexSlots(patterns=tuple(map(self.slot, test.patterns)))
            case NameTest():
                return self._names(test.patterns)
            case DigestTest():
                return self._digests(test.prefixes)
            case NumberTest():
                return self.of_numbers(test)
            case TimeTest():
                return TimeSlots(ranges=tuple(map(self._range, test.ranges)), never=test.never)
            case EnumTest():
                words = self._any(test.words)
                assert words is not None
                part = field.name if field.name in _NUMBERED else "value"
                return EnumSlots(words=words, part=part)
            case PlatformTest():
                return PlatformSlots(patterns=tuple(map(self._platform, test.patterns)))
            case _:
                return self._versions(test)

    def _texts(self, test: GlobTest | PathTest) -> GlobSlots | PathSlots:
        found = self.of_globs(test.patterns)
        if isinstance(test, GlobTest):
            return found
        return PathSlots(plain=found.plain, patterns=found.patterns)

    def _number(self, value: Any) -> int:
        return self._numbers.setdefault((type(value), value), len(self._numbers))

    def _any(self, values: Sequence[Any]) -> Slot | None:
        """Return the slot of one value, of a tuple of several, or None for none."""
        if len(values) > 1:
            return Slot(number=self._number(tuple(values)), is_list=True)
        return self.slot(values[0]) if values else None

    def _text(self, text: str) -> TextSlot:
        return TextSlot(
            number=self._number(text),
            is_empty=not text,
            has_successor=_successor(text) is not None,
        )

    def _glob(self, glob: Glob) -> GlobSlot:
        literal, prefix = glob.literal, glob.prefix
        beginning = literal if literal is not None else prefix
        return GlobSlot(
            number=self._number(glob if literal is None else literal),
            is_empty=beginning == "",
            has_successor=beginning is not None and _successor(beginning) is not None,
            is_literal=literal is not None,
            is_prefix=prefix is not None,
            stops_at_slash=_stops_at_slash(glob),
        )

    def _optional(self, glob: Glob | None) -> GlobSlot | None:
        return None if glob is None else self._glob(glob)

    def _range(self, part: NumberRange | TimeRange) -> RangeSlots:
        return RangeSlots(low=self._end(part.low), high=self._end(part.high))

    def _end(self, value: int | str | None) -> Slot | None:
        return None if value is None else self.slot(value)

    def _digests(self, prefixes: Sequence[DigestPrefix]) -> DigestSlots:
        whole = [prefix.whole for prefix in prefixes if prefix.whole is not None]
        begun = [text for one in prefixes if one.whole is None for text in one.prefixes]
        return DigestSlots(whole=self._any(whole), begun=tuple(map(self._text, begun)))

    def _names(self, patterns: Sequence[NamePattern]) -> NameSlots:
        plain = [pattern for pattern in patterns if pattern.plain is not None]
        if len(plain) <= _MANY_NAMES:
            slots = tuple(map(self._name, patterns))
            return NameSlots(canonical=None, written=None, patterns=slots)
        others = (pattern for pattern in patterns if pattern.plain is None)
        return NameSlots(
            canonical=self._any([pattern.plain for pattern in plain]),
            written=self._any([pattern.text for pattern in plain]),
            patterns=tuple(map(self._name, others)),
        )

    def _name(self, pattern: NamePattern) -> NamePatternSlots:
        return NamePatternSlots(
            registry=self._optional(pattern.registry),
            path=self._glob(pattern.path),
            tag=self._optional(pattern.tag),
            digest=None if pattern.digest is None else self._digests((pattern.digest,)),
            whole=self._glob(pattern.whole),
        )

    def _platform(self, pattern: PlatformPattern) -> PlatformPatternSlots:
        return PlatformPatternSlots(
            os=self._optional(pattern.os),
            architecture=self._optional(pattern.architecture),
            variant=self._optional(pattern.variant),
            os_version=self._end(pattern.os_version),
        )

    def _versions(self, test: VersionTest) -> VersionSlots:
        ranges = tuple(map(self._version_range, test.ranges))
        return VersionSlots(ranges=ranges, globs=self.of_globs(test.patterns))

    def _version_range(self, part: VersionRange) -> VersionRangeSlots:
        return VersionRangeSlots(
            low=self._end(part.low),
            high=self._end(part.high),
            with_low=part.with_low,
            with_high=part.with_high,
        )


# -- parameters ------------------------------------------------------------------------------


def derive(part: str, value: Any) -> Any:
    """Make a parameter of a statement from a value; from a tuple, one bound list.

    Raises:
        KeyError: There is no such part.
    """
    if part == ROWS:
        return json.dumps(value, ensure_ascii=False)
    derivation = _version_key(part) if part.startswith(_VERSION) else _PARTS[part]
    if isinstance(value, tuple):
        return many(derivation(each) for each in value)
    return derivation(value)


ROWS: Final = "rows"
"""The part that is a tuple of rows, as JSON."""
_VERSION: Final = "version_"


def version_part(scheme: str) -> str:
    """Name the part of a version that is its sort key in a scheme."""
    return f"{_VERSION}{scheme}"


def _version_key(part: str) -> Callable[[str], str]:
    from cachedb.packages import versions  # noqa: PLC0415  (most queries have no version)

    scheme = part.removeprefix(_VERSION)
    return lambda version: versions.key(scheme, version)


def _glob_of(value: str | Glob) -> Glob:
    return Glob.of(value) if isinstance(value, str) else value


def _beginning(value: str | Glob) -> str:
    if isinstance(value, str):
        return value
    assert value.prefix is not None
    return value.prefix


def _successor(prefix: str) -> str | None:
    """Return the first text, by code points, that sorts after all that begin with `prefix`."""
    prefix = prefix.rstrip(chr(sys.maxunicode))
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _BEHIND_SURROGATES
    return prefix[:-1] + chr(following)


def _folder(path: str) -> str:
    """Return the directory of an absolute path; of another one what no directory is called."""
    return path.rpartition("/")[0] if path.startswith("/") else "//"


def _stops_at_slash(glob: Glob) -> bool:
    return any(not isinstance(token, str) and token is not Wildcard.DEEP for token in glob.tokens)


_PARTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "value": lambda value: value,
    "kind": lambda word: int(Kind[word.upper()]),
    "state": lambda word: int(State[word.upper()]),
    "role": lambda word: int(Role[word.upper()]),
    "folder": _folder,
    "leaf": lambda path: path.rpartition("/")[2],
    "beginning": _beginning,
    "successor": lambda value: _successor(_beginning(value)),
    "glob": lambda value: _glob_of(value).glob,
    "regex": lambda value: f"^{_glob_of(value).regex()}$",
    "glob_at_end": lambda value: f"*{_glob_of(value).glob}",
    "regex_at_end": lambda value: f"^.*{_glob_of(value).regex()}$",
    "glob_behind_slash": lambda value: f"*/{_glob_of(value).glob}",
    "regex_behind_slash": lambda value: f"^.*/{_glob_of(value).regex()}$",
    "glob_inside": lambda value: f"*{_glob_of(value).glob}*",
    "regex_inside": lambda value: _glob_of(value).regex(),
    "path": lambda value: f"^{_glob_of(value).regex('/')}$",
    "end_of_path": lambda value: f"(?:^|/){_glob_of(value).regex('/')}$",
}
