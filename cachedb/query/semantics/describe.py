"""Description of a query in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cachedb.query.semantics import times
from cachedb.query.semantics.typed import (
    CheckedQuery,
    Complement,
    ContainsTest,
    CountTest,
    Everything,
    FieldTest,
    FlagTest,
    FunctionResult,
    Intersection,
    MapTest,
    RelationTest,
    SelectorTest,
    SortKey,
    TargetsOf,
    TopRanked,
    TypedExpression,
    Union,
)
from cachedb.query.semantics.values import (
    AffixTest,
    DigestTest,
    EnumTest,
    GlobTest,
    NameTest,
    NumberRange,
    NumberTest,
    PathTest,
    PlatformPattern,
    PlatformTest,
    RegexTest,
    TimeRange,
    TimeTest,
    ValueTest,
    VersionRange,
    VersionTest,
)
from cachedb.query.vocabulary import FLAGS
from cachedb.query.words import Sort, Type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.query.words import Field

_AFFIXES: Final = {"starts": "starts with", "ends": "ends with", "has": "has"}
_FUNCTIONS: Final = {
    "refs": "references that contain any of",
    "blobs": "everything inside of",
    "descendants": "everything inside of",
    "targets": "what is pointed at by",
    "exclusive": "what would be garbage without",
    "ancestors": "everything that contains any of",
    "parents": "what directly owns any of",
    "children": "what is directly owned by any of",
    "referrers": "what has as its subject any of",
    "subjects": "the subjects of",
    "packages": "packages found in",
    "files": "files in",
}


def describe_query(checked: CheckedQuery) -> str:
    """Describe a query."""
    noun = f"{checked.noun.name}" if checked.noun.kind else checked.sort.many
    which = f" {_clause(checked.condition)}" if checked.condition is not None else ""
    parts = [f"{noun}{which}" if which else f"all {noun}"]
    if checked.group:
        parts.append(f"grouped by {_names(field.name for field in checked.group)}")
    elif checked.is_aggregate:
        parts.append(f"in total: {_names(column.name for column in checked.columns)}")
    if checked.order:
        parts.append(f"sorted by {_names(map(_ordered, checked.order))}")
    if checked.limit is not None:
        offset = checked.values[checked.offset.number] if checked.offset is not None else 0
        first = f" from number {offset + 1} on" if offset else ""
        parts.append(f"at most {checked.values[checked.limit.number]}{first}")
    return "; ".join(parts)


def describe(found: TypedExpression) -> str:
    """Describe a set as a noun phrase: references whose tag is `latest`."""
    match found:
        case Everything():
            return f"all {found.sort.many}"
        case FunctionResult():
            return f"{_FUNCTIONS[found.function]} ({describe(found.argument)})"
        case TargetsOf():
            ways = {Sort.PACKAGE: "holders of", Sort.FILE: "layers of"}
            way = ways.get(found.argument.sort, "targets of")
            return f"the {way} ({describe(found.argument)})"
        case SelectorTest():
            return describe(found.test)
        case _:
            return f"{found.sort.many} {_clause(found)}"


def _clause(found: TypedExpression) -> str:
    """Describe the members of a set as a relative clause: that are pinned."""
    match found:
        case Everything():
            return "that exist"
        case SelectorTest():
            return _clause(found.test)
        case Complement():
            return f"not those {_clause(found.operand)}"
        case Intersection():
            return _all_of(found)
        case Union():
            return " or ".join(map(_part, found.operands))
        case FieldTest():
            return _own(found)
        case MapTest():
            return _pair(found)
        case FlagTest():
            return f"that are {found.word} ({FLAGS[found.sort][found.word].doc})"
        case _:
            return _clause_of_set(found)


def _clause_of_set(found: TypedExpression) -> str:
    match found:
        case ContainsTest():
            kinds = " or ".join(found.kinds)
            return f"that contain a {kinds} {_clause(found.operand)}"
        case RelationTest():
            which = f" {_clause(found.operand)}" if found.operand else ""
            return f"with {found.relation.doc}{which}"
        case CountTest():
            which = f" {_clause(found.operand)}" if found.operand else ""
            number = _test(found.numbers, None)
            return f"of which the number of {found.relation.name}{which} {number}"
        case TopRanked():
            per = f" of each {_names(field.name for field in found.per)}" if found.per else ""
            order = _names(map(_ordered, found.order))
            of = f" among those {_clause(found.of)}" if found.of else ""
            return f"that are the first {found.count}{per} by {order}{of}"
        case _:
            return f"that are in ({describe(found)})"


def _all_of(found: Intersection) -> str:
    """Describe an intersection: what is selected first, what is excluded last."""
    wanted = [part for part in found.operands if not isinstance(part, Complement)]
    left_out = [part.operand for part in found.operands if isinstance(part, Complement)]
    text = " and ".join(map(_part, wanted)) or "that exist"
    return "".join([text, *(f", but not those {_part(part)}" for part in left_out)])


def _part(found: TypedExpression) -> str:
    clause = _clause(found)
    return f"({clause})" if isinstance(found, Intersection | Union) else clause


def _own(found: FieldTest) -> str:
    if isinstance(found.test, TimeTest):
        return f"that were {found.field.name} {_or(_alternatives(found.test))}"
    return f"whose {_field(found.field)} {_test(found.test, found.field)}"


def _field(field: Field) -> str:
    return {"type": "media type", "artifact": "artifact type"}.get(field.name, field.name)


def _pair(found: MapTest) -> str:
    keys = _or(f"`{key}`" for key in found.keys)
    which = "" if found.test is None else f" that {_test(found.test, None)}"
    return f"with {found.field.name} {keys}{which}"


def _ordered(item: SortKey) -> str:
    return f"{item.column.name} descending" if item.descending else item.column.name


def _test(test: ValueTest, field: Field | None) -> str:
    match test:
        case AffixTest():
            return f"{_AFFIXES[test.op]} {_or(f'`{text}`' for text in test.texts)}"
        case RegexTest():
            return f"matches {_or(f'/{pattern}/' for pattern in test.patterns)}"
        case NameTest():
            return f"fits {_or(f'`{pattern.text}`' for pattern in test.patterns)}"
        case DigestTest():
            return f"begins {_or(prefix.prefixes[0] for prefix in test.prefixes)}"
        case NumberTest():
            unit = " bytes" if field is not None and field.type is Type.SIZE else ""
            return f"is {_or(_numbers(part) for part in test.ranges)}{unit}"
        case _:
            return f"is {_or(_alternatives(test))}"


def _alternatives(
    test: GlobTest | PathTest | EnumTest | PlatformTest | TimeTest | VersionTest,
) -> Iterable[str]:
    match test:
        case GlobTest() | PathTest():
            return (f"`{pattern}`" for pattern in test.patterns)
        case EnumTest():
            return test.words
        case PlatformTest():
            return map(_platform, test.patterns)
        case TimeTest():
            return [*map(_times, test.ranges), *(["never"] if test.never else [])]
        case VersionTest():
            return [*map(_versions, test.ranges), *(f"`{p}`" for p in test.patterns)]


def _numbers(part: NumberRange) -> str:
    if part.low == part.high:
        return f"{part.low}"
    if part.low is None:
        return f"at most {part.high}"
    return f"at least {part.low}" if part.high is None else f"{part.low} to {part.high}"


def _times(part: TimeRange) -> str:
    low, high = (None if end is None else _instant(end) for end in (part.low, part.high))
    if low is None:
        return f"before {high}"
    return f"since {low}" if high is None else f"from {low} until before {high}"


def _instant(microseconds: int) -> str:
    return times.from_microseconds(microseconds).isoformat(" ", "seconds").replace("+00:00", "Z")


def _versions(part: VersionRange) -> str:
    if part.low == part.high:
        return f"{part.low}"
    ends = []
    if part.low is not None:
        ends.append(f"{'from' if part.with_low else 'after'} {part.low}")
    if part.high is not None:
        ends.append(f"{'up to' if part.with_high else 'before'} {part.high}")
    return " ".join(ends)


def _platform(pattern: PlatformPattern) -> str:
    parts = (pattern.os, pattern.architecture, pattern.variant)
    return "/".join("*" if part is None else str(part) for part in parts).removesuffix("/")


def _or(parts: Iterable[Any]) -> str:
    return " or ".join(map(str, parts))


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
