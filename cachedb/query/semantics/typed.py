"""The checked tree: what a query means, with every word looked up and every value read.

Each node is a set of one sort. Negation is complement within the sort, so the laws of sets hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.query.semantics.globs import Glob
    from cachedb.query.semantics.values import NumberTest, ValueTest
    from cachedb.query.syntax.tree import Query, Span
    from cachedb.query.vocabulary import Field, Noun, Relation, Sort, Type


class TypedNode(Record, uncompared=("span",)):
    """A set of members of one sort."""

    sort: Sort
    span: Span


class Everything(TypedNode):
    """Everything of the sort."""


class FieldTest(TypedNode):
    """Those whose own field passes the test."""

    field: Field
    test: ValueTest


class MapTest(TypedNode):
    """Those that have a pair of such a key, whose value passes the test."""

    field: Field
    keys: tuple[Glob, ...]
    test: ValueTest | None


class FlagTest(TypedNode):
    """Those that the word describes."""

    word: str


class ContainsTest(TypedNode):
    """Those that contain a blob, of one of the kinds, that is in the set."""

    kinds: tuple[str, ...]
    operand: TypedExpression


class RelationTest(TypedNode):
    """Those with a relation to a member of the set; without one, to anything."""

    relation: Relation
    operand: TypedExpression | None


class CountTest(TypedNode):
    """Those with such a number of relations to members of the set."""

    relation: Relation
    operand: TypedExpression | None
    numbers: NumberTest


class FunctionResult(TypedNode):
    """What a function makes of a set."""

    function: str
    argument: TypedExpression


class TargetsOf(TypedNode):
    """The blobs that refs and links point at, or that packages were found in."""

    argument: TypedExpression


class SortKey(Record):
    """A column to sort by."""

    column: QueryColumn
    descending: bool


class TopRanked(TypedNode):
    """The first `count` of each group, in an order; those that tie with the last as well."""

    count: int
    order: tuple[SortKey, ...]
    per: tuple[Field, ...]
    of: TypedExpression | None


class SelectorTest(TypedNode):
    """What a bare word stands for; when `required`, it has to stand for something."""

    text: str
    test: TypedExpression
    required: bool


class Complement(TypedNode):
    """What is not in the set."""

    operand: TypedExpression


class Intersection(TypedNode):
    """What is in all of the sets."""

    operands: tuple[TypedExpression, ...]


class Union(TypedNode):
    """What is in any of the sets."""

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
    """A column of the answer: a field, an aggregate, or an aggregate of a field."""

    name: str
    type: Type
    field: Field | None = None
    aggregate: str | None = None
    words: tuple[str, ...] = ()


class CheckedQuery(Record):
    """A query that makes sense. `notes` are what a careful reader would point out."""

    query: Query
    noun: Noun
    condition: TypedExpression | None
    group: tuple[Field, ...]
    columns: tuple[QueryColumn, ...]
    order: tuple[SortKey, ...]
    limit: int | None
    offset: int
    notes: tuple[str, ...] = ()

    @property
    def sort(self) -> Sort:
        """What the rows are."""
        return self.noun.sort

    def selectors(self) -> Iterator[SelectorTest]:
        """Yield the bare words that have to stand for something, from left to right."""
        seen: set[tuple[object, str, Sort]] = set()
        for node in walk(self.condition) if self.condition else ():
            if isinstance(node, SelectorTest) and node.required:
                key = (node.span, node.text, node.sort)
                if key not in seen:
                    seen.add(key)
                    yield node


def children(node: TypedExpression) -> tuple[TypedExpression, ...]:
    """Return the sets that a set is made of."""
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
    """Yield a set and all that it is made of, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)
