"""Typed tree of a query: words resolved, values read, each node a set of one sort.

Negation is the complement within the sort, so the laws of sets hold. Values are compared by their
slots: two trees are equal when one statement answers both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cachedb.query.semantics.slots import Slot
from cachedb.query.words import Sort
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.query.semantics.globs import Glob
    from cachedb.query.semantics.slots import GlobSlots, NumberSlots, TestSlots
    from cachedb.query.semantics.values import NumberTest, ValueTest
    from cachedb.query.syntax.tree import Query, Span
    from cachedb.query.words import Field, Noun, Relation, Type


class TypedNode(Record, uncompared=("span",)):
    """A set whose members are of one sort."""

    sort: Sort
    span: Span


class Everything(TypedNode):
    """All members of the sort."""


class FieldTest(TypedNode, uncompared=("test",)):
    """Members whose own field passes the test."""

    field: Field
    test: ValueTest
    slots: TestSlots
    """Slots of the values of the test."""


class MapTest(TypedNode, uncompared=("keys", "test")):
    """Members with a pair whose key matches and whose value passes the test.

    `slots` and `key_slots` are those of the values and of the keys; `test` is None where any value
    passes.
    """

    field: Field
    keys: tuple[Glob, ...]
    key_slots: GlobSlots
    test: ValueTest | None
    slots: TestSlots | None


class FlagTest(TypedNode):
    """Members with a flag."""

    word: str


class ContainsTest(TypedNode):
    """Members that contain a blob of one of the kinds in the set."""

    kinds: tuple[str, ...]
    operand: TypedExpression
    """Set of blobs."""


class RelationTest(TypedNode):
    """Members related to a member of the set; without an operand, to anything."""

    relation: Relation
    operand: TypedExpression | None


class CountTest(TypedNode, uncompared=("numbers",)):
    """Members related to so many members of the set.

    `operand` is the set, None for all members; `numbers` is the test of the count, `slots` those
    of its values.
    """

    relation: Relation
    operand: TypedExpression | None
    numbers: NumberTest
    slots: NumberSlots


class FunctionResult(TypedNode):
    """The result of a function on a set."""

    function: str
    argument: TypedExpression
    """Set to which the function is applied."""


class TargetsOf(TypedNode):
    """The targets of refs and links, the blobs of packages, or the layers of files."""

    argument: TypedExpression


class SortKey(Record):
    """A column to sort by, and the direction."""

    column: QueryColumn
    descending: bool
    """Whether the largest value comes first."""


class TopRanked(TypedNode, uncompared=("count",)):
    """The first `count` of each group, in an order; those that tie with the last as well."""

    count: int
    count_slot: Slot
    """Slot of the count."""
    order: tuple[SortKey, ...]
    per: tuple[Field, ...]
    """Fields whose values are a group; empty for one group of all."""
    of: TypedExpression | None


class SelectorTest(TypedNode, uncompared=("text",)):
    """The matches of a bare word; if `required`, no match is an error."""

    text: str
    """Bare word as it was typed."""
    test: TypedExpression
    """Set of its matches."""
    required: bool


class Complement(TypedNode):
    """Members of the sort outside the set."""

    operand: TypedExpression


class Intersection(TypedNode):
    """Members of all of the sets."""

    operands: tuple[TypedExpression, ...]


class Union(TypedNode):
    """Members of any of the sets."""

    operands: tuple[TypedExpression, ...]


TypedExpression: TypeAlias = (
    Everything
    | FieldTest
    | MapTest
    | FlagTest
    | ContainsTest
    | RelationTest
    | CountTest
    | FunctionResult
    | TargetsOf
    | TopRanked
    | SelectorTest
    | Complement
    | Intersection
    | Union
)


class QueryColumn(Record):
    """A result column: a field, an aggregate, or an aggregate of a field."""

    name: str
    """Name in headers and in JSON."""
    type: Type
    field: Field | None = None
    aggregate: str | None = None
    words: tuple[str, ...] = ()
    """Values that the column can have, if they are words of a list."""


class SplitEntry(NamedTuple):
    """An entry of an image without an index, with the image and with one of its entries.

    `image_id` is negative, and equal for images of the same manifests. An image of n entries has
    n times n of these.
    """

    ref_id: int
    """Id of the entry."""
    image_id: int
    entry_id: int
    """Id of the other entry of the image, or of the same."""


class CheckedQuery(Record):
    """A query without type errors.

    `values` are those of its slots; `notes` are warnings about likely misreadings.

    `condition` is None for all members of the sort. `columns`, `group` and `order` are those of
    the result, `limit` and `offset` the slots of its page, None without one.
    """

    query: Query
    noun: Noun
    condition: TypedExpression | None
    group: tuple[Field, ...]
    columns: tuple[QueryColumn, ...]
    order: tuple[SortKey, ...]
    limit: Slot | None
    offset: Slot | None
    values: tuple[Any, ...]
    notes: tuple[str, ...] = ()
    split: Slot | None = None
    """The slot of the entries of images without an index; None where the cache has none."""
    cache: Slot | None = None
    """The slot of the name of the cache, in a query of a fleet; None for one cache."""

    def with_split_images(self, entries: Sequence[SplitEntry]) -> CheckedQuery:
        """Return the query for a cache that has images without an index."""
        if not entries:
            return self
        slot = Slot(number=len(self.values), is_list=True)
        return self.replace(values=(*self.values, tuple(entries)), split=slot)

    def values_in(self, cache: str, entries: Sequence[SplitEntry]) -> tuple[Any, ...]:
        """Return the values for one cache of a fleet: its name, and its split images."""
        found = list(self.values)
        if self.cache is not None:
            found[self.cache.number] = cache
        if self.split is not None:
            found[self.split.number] = tuple(entries)
        return tuple(found)

    @property
    def is_aggregate(self) -> bool:
        """Whether a row of the result is about several: a group, or the total of all."""
        return bool(self.group) or any(each.aggregate is not None for each in self.columns)

    @property
    def sort(self) -> Sort:
        """The sort of the rows."""
        return self.noun.sort

    @property
    def shape(self) -> str:
        """The query without its values: equal for queries that one statement answers."""
        clauses = (self.group, self.columns, self.order, self.limit, self.offset)
        return repr((self.noun, self.condition, *clauses, self.split, self.cache))

    @property
    def reads_packages(self) -> bool:
        """Whether the rows depend on packages, which the catalog knows from SBOMs only."""
        keys = (*self.columns, *(key.column for key in self.order))
        fields = (*self.group, *(key.field for key in keys if key.field is not None))
        return (
            self.sort is Sort.PACKAGE
            or any(field.inside == ("package",) for field in fields)
            or any(map(_reads_packages, walk(self.condition) if self.condition else ()))
        )

    @property
    def tests_indexed_refs(self) -> bool:
        """Whether a condition has the flag `indexed` of refs, which is about packages."""
        return any(
            isinstance(node, FlagTest) and node.word == "indexed" and node.sort is Sort.REF
            for node in (walk(self.condition) if self.condition else ())
        )

    @property
    def reads_files(self) -> bool:
        """Whether the statement reads the index of files, which knows indexed layers only."""
        return self.sort is Sort.FILE or any(
            map(_reads_files, walk(self.condition) if self.condition else ())
        )

    def selectors(self) -> tuple[SelectorTest, ...]:
        """List the bare words that require a match, from left to right, each once."""
        nodes = walk(self.condition) if self.condition else ()
        required = (n for n in nodes if isinstance(n, SelectorTest) and n.required)
        return tuple(dict.fromkeys(required))


def _reads_files(node: TypedExpression) -> bool:
    if isinstance(node, RelationTest | CountTest) and node.relation.to is Sort.FILE:
        return True
    if isinstance(node, FlagTest) and node.word == "listed":
        return True
    if isinstance(node, FlagTest) and node.word == "indexed" and node.sort is Sort.BLOB:
        return True
    return node.sort is Sort.FILE


def _reads_packages(node: TypedExpression) -> bool:
    if isinstance(node, RelationTest | CountTest) and node.relation.to is Sort.PACKAGE:
        return True
    return node.sort is Sort.PACKAGE


def children(node: TypedExpression) -> tuple[TypedExpression, ...]:
    """Return the operands of a node."""
    match node:
        case Complement() | ContainsTest():
            return (node.operand,)
        case Intersection() | Union():
            return node.operands
        case RelationTest() | CountTest():
            return () if node.operand is None else (node.operand,)
        case FunctionResult() | TargetsOf():
            return (node.argument,)
        case TopRanked():
            return () if node.of is None else (node.of,)
        case SelectorTest():
            return (node.test,)
        case _:
            return ()


def walk(node: TypedExpression) -> Iterator[TypedExpression]:
    """Yield a node and its descendants, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)
