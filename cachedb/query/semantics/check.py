"""Checker from a syntax tree to a typed tree.

Every expression is checked for one sort. The sort of the query is that of its noun; the sort of an
argument is that of its function, or inferred from its terms. A set of references, links or
packages where blobs are expected means their targets; no other conversion between sorts is
implicit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.query.messages import error_at
from cachedb.query.semantics import (
    columns,
    literals,
    name_patterns,
    type_errors,
    values,
)
from cachedb.query.semantics.globs import Glob, parse
from cachedb.query.semantics.inference import likely_sort
from cachedb.query.semantics.slots import Slot, SlotTable
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
    TargetsOf,
    TopRanked,
    TypedExpression,
    Union,
)
from cachedb.query.syntax.tree import (
    And,
    Call,
    Compare,
    Constant,
    Expression,
    Flag,
    Keyed,
    Match,
    Not,
    Or,
    Quantified,
    Query,
    Saved,
    Selector,
    Span,
    Term,
    Top,
)
from cachedb.query.vocabulary import FIELDS, FLAGS, FUNCTIONS, NOUNS, RELATIONS
from cachedb.query.words import IN_FILE, IN_PACKAGE, Field, Relation, Sort

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cachedb.query.syntax.tree import Value

# Each refers to its argument three times, and SQLite writes out every reference.
_MOST_EXCLUSIVES: Final = 4
_VERSION: Final = FIELDS[Sort.PACKAGE]["version"]
_PACKAGE_NAME: Final = FIELDS[Sort.PACKAGE]["name"]
_PREPOSITIONS: Final = frozenset({"from", "in", "inside", "within"})
"""Bare words that are no paths: `files in app` would mean paths that end in both."""


def check(query: Query, *, now: datetime) -> CheckedQuery:
    """Look up every word of a query of one cache and read every value.

    Ages count from `now`, whose time zone is that of dates unless the query has one.

    Raises:
        QueryError: A word is unknown, of another sort or of another type, or needs a fleet.
    """
    found = _check(query, now)
    columns.refuse_cache(query, found.condition)
    return found


def check_fleet(query: Query, *, now: datetime) -> CheckedQuery:
    """Look up every word of a query of several caches, whose rows have the field `cache`.

    Without `show`, rows begin with their cache.

    Raises:
        QueryError: A word is unknown, of another sort or of another type.
    """
    found = _check(query, now)
    slot = Slot(number=len(found.values))
    shown = found.columns
    if not query.clauses.show and not found.group:
        shown = (columns.cache_column(found.sort), *shown)
    return found.replace(values=(*found.values, ""), cache=slot, columns=shown)


def _check(query: Query, now: datetime) -> CheckedQuery:
    noun = NOUNS[query.noun]
    slots = SlotTable()
    checker = _Checker(now.astimezone(query.zone) if query.zone else now, slots)
    condition = None
    if query.expression is not None:
        condition = checker.check(query.expression, noun.sort)
    clauses = query.clauses
    group = columns.group(noun.sort, clauses.group)
    of_rows = group if group or columns.is_total(clauses.show) else None
    shown = columns.shown(noun.sort, of_rows, clauses.show)
    return CheckedQuery(
        query=query,
        noun=noun,
        condition=condition,
        group=group,
        columns=shown,
        order=columns.order(noun.sort, of_rows, clauses.sort),
        limit=_number_slot(clauses.limit, slots),
        offset=_number_slot(clauses.offset, slots),
        values=slots.values,
        notes=tuple(dict.fromkeys(checker.notes)),
    )


class _Checker:
    def __init__(self, now: datetime, slots: SlotTable) -> None:
        self._now = now
        self._slots = slots
        self._is_required = True
        self._exclusives = 0
        self.notes: list[str] = []

    def check(self, node: Expression, sort: Sort) -> TypedExpression:
        """Read `node` as a set of `sort`."""
        match node:
            case Not():
                return self._complement(self.check(node.operand, sort), node.span)
            case And() | Or():
                parts = tuple(self.check(operand, sort) for operand in node.operands)
                kind = Intersection if isinstance(node, And) else Union
                return kind(operands=parts, sort=sort, span=node.span)
            case _:
                return self._term(node, sort)

    def _term(self, node: Term, sort: Sort) -> TypedExpression:
        match node:
            case Constant():
                whole = Everything(sort=sort, span=node.span)
                return whole if node.word == "everything" else self._complement(whole, node.span)
            case Match() | Compare() | Keyed():
                return self._along(
                    node.path.relations, sort, node.path.span, lambda to: self._field(node, to)
                )
            case Flag():
                return self._along(
                    node.relations, sort, node.span, lambda to: self._flags(node, to)
                )
            case Quantified():
                return self._quantified(node, sort)
            case Call():
                return self._call(node, sort)
            case Saved():
                return self._saved(node, sort)
            case Selector():
                return self._selector(node, sort)
            case Top():
                return self._top(node, sort)

    # -- fields and flags ------------------------------------------------------------------

    def _along(
        self,
        relations: tuple[str, ...],
        sort: Sort,
        span: Span,
        last: Callable[[Sort], TypedExpression],
    ) -> TypedExpression:
        """Read `a.b.field` as `any a(any b(field))`."""
        if not relations:
            return last(sort)
        first, *others = relations
        relation = self._relation(first, sort, span)
        operand = self._along(tuple(others), relation.to, span, last)
        return RelationTest(relation=relation, operand=operand, sort=sort, span=span)

    def _field(self, node: Match | Compare | Keyed, sort: Sort) -> TypedExpression:
        name = node.path.field
        field = FIELDS[sort].get(name)
        if field is None:
            raise type_errors.field(node, name, sort)
        op = "eq" if isinstance(node, Match) else node.op
        if op == "ne":
            return self._complement(self._positive(node, field, "eq"), node.span)
        return self._positive(node, field, op)

    def _positive(
        self, node: Match | Compare | Keyed, field: Field, op: str | None
    ) -> TypedExpression:
        if isinstance(node, Keyed):
            own = self._pair(node, field, op)
        else:
            assert op is not None
            test = literals.test_of(field, op, node.values, node.span, self._now)
            self._note_times(field, test)
            owned = _own(field)
            own = self._test(owned, test, node.span)
        if not field.inside:
            return own
        if own.sort in {Sort.PACKAGE, Sort.FILE}:
            relation = RELATIONS[field.sort][own.sort.value]
            return RelationTest(relation=relation, operand=own, sort=field.sort, span=node.span)
        return ContainsTest(kinds=field.inside, operand=own, sort=field.sort, span=node.span)

    def _pair(self, node: Keyed, field: Field, op: str | None) -> TypedExpression:
        keys = tuple(parse(key.text, key.span) for key in node.keys)
        if field.name == "pkg":
            return self._package(node, keys, op)
        test = None
        if op is not None:
            test = literals.test_of(field, op, node.values, node.span, self._now)
        owned = _own(field)
        return MapTest(
            field=owned,
            keys=keys,
            key_slots=self._slots.of_globs(keys),
            test=test,
            slots=None if test is None else self._slots.of_test(test, owned),
            sort=owned.sort,
            span=node.span,
        )

    def _test(self, field: Field, test: values.ValueTest, span: Span) -> FieldTest:
        slots = self._slots.of_test(test, field)
        return FieldTest(field=field, test=test, slots=slots, sort=field.sort, span=span)

    def _package(self, node: Keyed, keys: tuple[Glob, ...], op: str | None) -> TypedExpression:
        named = self._test(_PACKAGE_NAME, values.GlobTest(patterns=keys), node.span)
        if op is None:
            return named
        test = literals.test_of(_VERSION, op, node.values, node.span, self._now)
        versioned = self._test(_VERSION, test, node.span)
        return Intersection(operands=(named, versioned), sort=Sort.PACKAGE, span=node.span)

    def _note_times(self, field: Field, test: values.ValueTest) -> None:
        is_open = isinstance(test, values.TimeTest) and any(
            part.low is None for part in test.ranges
        )
        if is_open and field.nullable and not field.inside and field.sort is Sort.REF:
            assert isinstance(test, values.TimeTest)
            if not test.never:
                self.notes.append(
                    f"`{field.name}` is never for some references, and never is not before "
                    f"anything: add `or {field.name}:never` to have them as well"
                )

    def _flags(self, node: Flag, sort: Sort) -> TypedExpression:
        found = []
        for value in node.words:
            if value.text not in FLAGS[sort]:
                raise type_errors.flag(value, sort)
            found.append(FlagTest(word=value.text, sort=sort, span=value.span))
        if len(found) == 1:
            return found[0]
        return Union(operands=tuple(found), sort=sort, span=node.span)

    # -- relations -------------------------------------------------------------------------

    def _relation(self, name: str, sort: Sort, span: Span) -> Relation:
        relation = RELATIONS[sort].get(name)
        if relation is None:
            raise type_errors.relation(span, name, sort)
        return relation

    def _quantified(self, node: Quantified, sort: Sort) -> TypedExpression:
        relation = self._relation(node.relation.text, sort, node.relation.span)
        operand = None if node.operand is None else self.check(node.operand, relation.to)
        if node.quantifier == "count":
            assert node.op is not None
            return self._counted(node, node.op, relation, operand)
        if node.quantifier == "all":
            assert operand is not None
            self.notes.append(
                f"`{node.span.text}` also holds where there is no {relation.name} at all: add "
                f"`any {relation.name}` to ask for one"
            )
            operand = self._complement(operand, operand.span)
        found = RelationTest(
            relation=relation, operand=operand, sort=relation.sort, span=node.span
        )
        return found if node.quantifier == "any" else self._complement(found, node.span)

    def _counted(
        self, node: Quantified, op: str, relation: Relation, operand: TypedExpression | None
    ) -> TypedExpression:
        numbers = literals.numbers("eq" if op == "ne" else op, node.values)
        found = CountTest(
            relation=relation,
            operand=operand,
            numbers=numbers,
            slots=self._slots.of_numbers(numbers),
            sort=relation.sort,
            span=node.span,
        )
        return self._complement(found, node.span) if op == "ne" else found

    # -- functions and saved queries -------------------------------------------------------

    def _call(self, node: Call, sort: Sort) -> TypedExpression:
        if node.function == "present":
            return self._present(node, sort)
        function = FUNCTIONS[node.function]
        taken = self._argument_sort(node)
        self._exclusives += node.function == "exclusive"
        if self._exclusives > _MOST_EXCLUSIVES:
            why = f"more than {_MOST_EXCLUSIVES} `exclusive(…)` inside each other"
            raise error_at(node.span, why, "query what each would free on its own")
        argument = self._argument(node, taken)
        self._exclusives -= node.function == "exclusive"
        if function.takes is Sort.REF and taken is not Sort.REF:
            raise type_errors.argument(node, taken)
        keeps = function.gives is taken and taken in {Sort.PACKAGE, Sort.FILE}
        if function.takes is not Sort.REF and taken is not Sort.BLOB and not keeps:
            argument = TargetsOf(argument=argument, sort=Sort.BLOB, span=argument.span)
        assert function.gives is not None
        found = FunctionResult(
            function=function.name, argument=argument, sort=function.gives, span=node.span
        )
        return self._as(found, sort, node)

    def _present(self, node: Call, sort: Sort) -> TypedExpression:
        before, self._is_required = self._is_required, False
        taken = NOUNS[node.noun].sort if node.noun else sort
        found = self._argument(node, taken)
        self._is_required = before
        return self._as(found, sort, node)

    def _argument_sort(self, node: Call) -> Sort:
        if node.noun is not None:
            return NOUNS[node.noun].sort
        function = FUNCTIONS[node.function]
        if function.takes is Sort.REF:
            return Sort.REF
        assert node.operand is not None
        return likely_sort(node.operand)

    def _argument(self, node: Call, sort: Sort) -> TypedExpression:
        if node.operand is None:
            found: TypedExpression = Everything(sort=sort, span=node.span)
        else:
            found = self.check(node.operand, sort)
        kind = NOUNS[node.noun].kind if node.noun else None
        return found if kind is None else self._of_kind(found, kind)

    def _saved(self, node: Saved, sort: Sort) -> TypedExpression:
        noun = NOUNS[node.query.noun]
        if node.query.expression is None:
            found: TypedExpression = Everything(sort=noun.sort, span=node.span)
        else:
            found = self.check(node.query.expression, noun.sort)
        if noun.kind is not None:
            found = self._of_kind(found, noun.kind)
        return self._as(found, sort, node)

    def _as(self, found: TypedExpression, sort: Sort, node: Call | Saved) -> TypedExpression:
        """Use a set where one of `sort` is expected."""
        if found.sort is sort:
            return found
        if sort is Sort.BLOB:
            return TargetsOf(argument=found, sort=sort, span=node.span)
        raise type_errors.of_another_sort(node, found.sort, sort)

    # -- the rest --------------------------------------------------------------------------

    def _selector(self, node: Selector, sort: Sort) -> TypedExpression:
        if sort is Sort.FILE:
            return self._file(node)
        if sort not in {Sort.REF, Sort.BLOB}:
            raise type_errors.selector(node, sort)
        named: TypedExpression | None = None
        if sort is Sort.REF or not name_patterns.looks_like_digest(node.text):
            pattern = name_patterns.parse_name(node.text, node.span)
            test = values.NameTest(patterns=(pattern,))
            field = FIELDS[Sort.REF]["name"]
            named = self._test(field, test, node.span)
            if sort is Sort.BLOB:
                named = TargetsOf(argument=named, sort=sort, span=node.span)
        found = named
        if name_patterns.looks_like_digest(node.text):
            prefix = name_patterns.parse_digest(node.text, node.span)
            field = FIELDS[sort]["digest"]
            test_digest = values.DigestTest(prefixes=(prefix,))
            found = self._test(field, test_digest, node.span)
            if named is not None and ":" not in node.text:
                found = Union(operands=(named, found), sort=sort, span=node.span)
        assert found is not None
        return SelectorTest(
            text=node.text, test=found, required=self._is_required, sort=sort, span=node.span
        )

    def _file(self, node: Selector) -> TypedExpression:
        """Read a bare word among files: a digest, with its algorithm, or a path."""
        fields = FIELDS[Sort.FILE]
        if node.span.text in _PREPOSITIONS:
            raise type_errors.preposition(node)
        if ":" in node.text and name_patterns.looks_like_digest(node.text):
            prefix = name_patterns.parse_digest(node.text, node.span)
            return self._test(fields["digest"], values.DigestTest(prefixes=(prefix,)), node.span)
        return self._test(fields["path"], literals.paths((node,)), node.span)

    def _top(self, node: Top, sort: Sort) -> TypedExpression:
        count = literals.count(node.count)
        return TopRanked(
            count=count,
            count_slot=self._slots.slot(count),
            order=columns.ranked(sort, node.keys),
            per=columns.group(sort, node.per),
            of=None if node.of is None else self.check(node.of, sort),
            sort=sort,
            span=node.span,
        )

    def _of_kind(self, found: TypedExpression, kind: str) -> TypedExpression:
        field = FIELDS[Sort.BLOB]["kind"]
        test = self._test(field, values.EnumTest(words=(kind,)), found.span)
        if isinstance(found, Everything):
            return test
        return Intersection(operands=(test, found), sort=Sort.BLOB, span=found.span)

    def _complement(self, operand: TypedExpression, span: Span) -> TypedExpression:
        if isinstance(operand, Complement):
            return operand.operand
        return Complement(operand=operand, sort=operand.sort, span=span)


def _number_slot(value: Value | None, slots: SlotTable) -> Slot | None:
    return None if value is None else slots.slot(literals.count(value))


def _own(field: Field) -> Field:
    """Return the field of contained blobs, if the field is about these."""
    if not field.inside:
        return field
    if field.inside == IN_FILE:
        return FIELDS[Sort.FILE]["path"]
    return FIELDS[Sort.PACKAGE if field.inside == IN_PACKAGE else Sort.BLOB][field.name]
