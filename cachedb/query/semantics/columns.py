"""Columns of clauses: lookup of shown columns, sort keys and group keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.query.messages import did_you_mean, error_at
from cachedb.query.semantics.typed import FieldTest, QueryColumn, SortKey, TopRanked, walk
from cachedb.query.vocabulary import AGGREGATES, CACHE, FIELDS, KEYED_FIELDS, SHOWN
from cachedb.query.words import Field, Sort, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.errors import QueryError
    from cachedb.query.semantics.typed import TypedExpression
    from cachedb.query.syntax.tree import ColumnKey, Query, Span

_ADDED_UP: Final = (Type.SIZE, Type.NUMBER)
_OF_SETS: Final = {"total": (Sort.REF, Sort.BLOB), "exclusive": (Sort.REF,)}
_FUNCTIONS: Final = ("sum", "min", "max", "avg")
_ENDS: Final = {
    Type.SIZE: ("largest", "smallest"),
    Type.NUMBER: ("largest", "smallest"),
    Type.TIME: ("newest", "oldest"),
    Type.VERSION: ("newest", "oldest"),
}
"""The values that `-` and `+` before a key of `top` take first, of types that have a scale."""


def group(sort: Sort, keys: Sequence[ColumnKey]) -> tuple[Field, ...]:
    """Look up the fields to group by.

    Raises:
        QueryError: One is unknown, has several values, or costs a walk per row.
    """
    found = []
    for key in keys:
        field = _scalar(sort, key)
        if key.sign:
            raise error_at(key.span, f"`{key.sign}` is allowed only before a sort key", key.name)
        if field.is_walked:
            why = f"`{key.name}` is computed for each row and cannot be grouped by"
            raise error_at(key.span, why, f"sort -{key.name}")
        found.append(field)
    return tuple(found)


def is_total(keys: Sequence[ColumnKey]) -> bool:
    """Return whether columns are about all rows together, without groups: `show count`.

    Names such as `total` are fields of each row where a sort has them, and make no total alone.
    """
    return any(
        key.name == "count" or (key.name.partition(".")[0] in _FUNCTIONS and "." in key.name)
        for key in keys
    )


def shown(
    sort: Sort, grouped: tuple[Field, ...] | None, keys: Sequence[ColumnKey]
) -> tuple[QueryColumn, ...]:
    """Look up the columns to show; the default ones if none are named.

    `grouped` is None for a list of rows, and empty for one total of all of them.

    Raises:
        QueryError: One is unknown, given twice, or has several values.
    """
    for key in keys:
        if key.sign:
            raise error_at(key.span, f"`{key.sign}` is allowed only before a sort key", key.name)
    found = tuple(_column(sort, grouped, key, may_be_list=True) for key in keys)
    names = [column.name for column in found]
    for key in keys:
        if names.count(key.name) > 1:
            raise error_at(key.span, f"`{key.name}` is given twice", "remove one")
    if found:
        return found
    if grouped:
        return (
            *map(_of_field, grouped),
            QueryColumn(name="count", type=Type.NUMBER, aggregate="count"),
        )
    return tuple(_of_field(FIELDS[sort][name]) for name in SHOWN[sort])


def order(
    sort: Sort, grouped: tuple[Field, ...] | None, keys: Sequence[ColumnKey]
) -> tuple[SortKey, ...]:
    """Look up the columns to sort by.

    Raises:
        QueryError: One is unknown or has several values.
    """
    return tuple(
        SortKey(column=_column(sort, grouped, key), descending=key.descending) for key in keys
    )


def ranked(sort: Sort, keys: Sequence[ColumnKey]) -> tuple[SortKey, ...]:
    """Look up the columns to rank by.

    A key of a size, number, time or version has a sign, since `top 5 by added` is read as the
    newest, where `sort added` begins with the oldest.

    Raises:
        QueryError: One is unknown, has several values, or has no sign and a scale.
    """
    found = order(sort, None, keys)
    for key, item in zip(keys, found, strict=True):
        ends = _ENDS.get(item.column.type)
        if ends is not None and not key.sign:
            choices = (
                f"{sign}{key}   (the {end} first)" for sign, end in zip("-+", ends, strict=True)
            )
            raise error_at(
                key.span, f"`{key}` has two ends, and `top` takes one of them", *choices
            )
    return found


def cache_column(sort: Sort) -> QueryColumn:
    """Return the column of the name of the cache."""
    field = FIELDS[sort][CACHE]
    return QueryColumn(name=field.name, type=field.type, field=field)


def refuse_cache(query: Query, condition: TypedExpression | None) -> None:
    """Refuse the field `cache` in a query of one cache.

    Raises:
        QueryError: The query has it in a condition, a clause or a ranking.
    """
    for span in _spans(query, condition):
        what = "`cache` is a field of a query of a fleet"
        raise error_at(span, what, "cachedb query --fleet QUERY", "the image: name:cache:TAG")


def _spans(query: Query, condition: TypedExpression | None) -> Iterator[Span]:
    for node in walk(condition) if condition else ():
        if isinstance(node, FieldTest) and node.field.name == CACHE:
            yield node.span
        if isinstance(node, TopRanked):
            fields = (*node.per, *(key.column.field for key in node.order))
            if any(field is not None and field.name == CACHE for field in fields):
                yield node.span
    clauses = query.clauses
    for key in (*clauses.show, *clauses.sort, *clauses.group):
        if key.name == CACHE or key.name.endswith(f".{CACHE}"):
            yield key.span


def _column(
    sort: Sort, grouped: tuple[Field, ...] | None, key: ColumnKey, *, may_be_list: bool = False
) -> QueryColumn:
    function, dot, name = key.name.partition(".")
    if grouped is None:
        if is_total((key,)):
            raise error_at(
                key.span, f"`{key.name}` is about rows together", f"show {key.name}",
                f"group kind show kind,{key.name}",
            )  # fmt: skip
        found = FIELDS[sort].get(key.name)
        if may_be_list and found is not None and found.is_list:
            return QueryColumn(name=found.name, type=Type.TEXT, field=found)
        return _of_field(_scalar(sort, key))
    if dot:
        return _aggregate(sort, key, function, name)
    for field in grouped:
        if field.name == key.name:
            return _of_field(field)
    if key.name == "count":
        return QueryColumn(name="count", type=Type.NUMBER, aggregate="count")
    if sort in _OF_SETS.get(key.name, ()):
        return QueryColumn(name=key.name, type=Type.SIZE, aggregate=key.name)
    raise _not_of_the_group(sort, grouped, key)


def _aggregate(sort: Sort, key: ColumnKey, function: str, name: str) -> QueryColumn:
    if function not in _FUNCTIONS:
        words = ", ".join(f"{one}.{name}" for one in _FUNCTIONS)
        raise error_at(key.span, f"unknown aggregate `{function}`", f"one of {words}")
    field = FIELDS[sort].get(name)
    if field is None or not field.is_scalar:
        able = [one.name for one in FIELDS[sort].values() if one.is_scalar]
        raise error_at(key.span, f"a row has no single `{name}`", *did_you_mean(name, able))
    adds_up = function in {"sum", "avg"}
    if adds_up and field.type not in _ADDED_UP:
        why = f"`{name}` ({field.type.value}) cannot be added up"
        raise error_at(key.span, why, f"min.{name}", f"max.{name}")
    kind = Type.NUMBER if function == "avg" and field.type is Type.NUMBER else field.type
    return QueryColumn(
        name=key.name, type=kind, field=field, aggregate=function, words=field.words
    )


def _scalar(sort: Sort, key: ColumnKey) -> Field:
    field = FIELDS[sort].get(key.name)
    if field is None:
        known = [one.name for one in FIELDS[sort].values() if one.is_scalar]
        why = f"{sort.many} have no column `{key.name}`"
        raise error_at(key.span, why, *did_you_mean(key.name, known))
    if not field.is_scalar:
        raise _many_values(sort, key, field)
    return field


def _many_values(sort: Sort, key: ColumnKey, field: Field) -> QueryError:
    why = f"{sort.one} can have several values of `{key.name}`"
    if field.name in KEYED_FIELDS:
        return error_at(key.span, why, f"select by it: {key.name}:KEY=VALUE")
    hints = [f"select by it: {key.name}:VALUE", f"or list them: show name,{key.name}"]
    if sort is Sort.REF and field.inside and field.inside != ("package",):
        noun = f"{field.inside[0]}s"
        hints.append(f"or take what has one each: {noun} … group {key.name}")
    return error_at(key.span, why, *hints)


def _not_of_the_group(sort: Sort, grouped: tuple[Field, ...], key: ColumnKey) -> QueryError:
    why = f"a {'group' if grouped else 'total'} has no single `{key.name}`"
    field = FIELDS[sort].get(key.name)
    if field is not None and field.is_scalar:
        functions = _FUNCTIONS if field.type in _ADDED_UP else ("min", "max")
        return error_at(key.span, why, *(f"{function}.{key.name}" for function in functions))
    whole = [
        name
        for name in AGGREGATES
        if name not in _FUNCTIONS and sort in _OF_SETS.get(name, (sort,))
    ]
    known = [*(one.name for one in grouped), *whole, *(f"{one}.FIELD" for one in _FUNCTIONS)]
    return error_at(key.span, why, *did_you_mean(key.name, known))


def _of_field(field: Field) -> QueryColumn:
    return QueryColumn(name=field.name, type=field.type, field=field, words=field.words)
