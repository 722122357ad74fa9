"""Selection for removal where the catalog does not know when names arrived or were used.

A catalog that was made anew knows neither for the names that it found, unless the journal does.
Rules of removal give such names the benefit of the doubt: a use that is not recorded counts as one
at the time of arrival, which is that of the catalog for a name that was there before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.catalog import state
from cachedb.catalog.enums import ADOPTED
from cachedb.catalog.statements import garbage
from cachedb.operations.read.run_query import select_ids
from cachedb.query.semantics.check import check
from cachedb.query.semantics.times import from_microseconds
from cachedb.query.syntax.tree import (
    And,
    Compare,
    Match,
    Or,
    Top,
    Value,
    flat,
    walk,
    with_terms,
)
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cachedb.catalog.connect import Catalog
    from cachedb.query.syntax.tree import Expression, Query, Term

_USES: Final = frozenset({"used", "pulled"})
_ORDERS: Final = frozenset({"used", "pulled", "added"})
_ARRIVAL: Final = "added"
_NEVER: Final = "never"


class RuleSelection(Record):
    """The ids of the refs that a rule selects; a note on those that it does not for a doubt."""

    ids: frozenset[int]
    note: str | None = None


def to_remove(catalog: Catalog, query: Query, now: datetime) -> RuleSelection:
    """Return the refs that a query selects, except those that it may select for an unknown time.

    Raises:
        QueryError: The query is not valid.
    """
    found = frozenset(select_ids(catalog, query, now))
    doubted = _Doubt.of(catalog, query)
    if not found or doubted is None:
        return RuleSelection(ids=found)
    sure = doubted.also_selected(catalog, found, now) - doubted.unordered
    if sure == found:
        return RuleSelection(ids=found)
    count = len(found) - len(sure)
    names, it = ("1 name stays", "it") if count == 1 else (f"{count} names stay", "them")
    note = (
        f"{names} although {str(query)!r} selects {it}: the catalog was made on"
        f" {doubted.made:%Y-%m-%d}, and does not know when images arrived or were used before"
    )
    return RuleSelection(ids=sure, note=note)


def to_keep(catalog: Catalog, query: Query, now: datetime) -> frozenset[int]:
    """Return the refs that a query selects, and those that it may select for an unknown time.

    Raises:
        QueryError: The query is not valid.
    """
    found = frozenset(select_ids(catalog, query, now))
    doubted = _Doubt.of(catalog, query)
    if doubted is None:
        return found
    return found | doubted.selected(catalog, now) | doubted.unordered


def notes(
    queries: Iterable[Query], selections: Iterable[RuleSelection], now: datetime
) -> tuple[str, ...]:
    """Return the notes on queries that remove, then those on what they selected, each once."""
    found = [note for query in queries for note in check(query, now=now).notes]
    found += [each.note for each in selections if each.note is not None]
    return tuple(dict.fromkeys(found))


class _Doubt(Record):
    """The query with uses at arrival in the place of unknown ones, None if it reads none.

    `unordered` are the refs of unknown order, if the query puts refs in the order of a time.
    """

    query: Query | None
    unordered: frozenset[int]
    made: datetime

    @classmethod
    def of(cls, catalog: Catalog, query: Query) -> _Doubt | None:
        nodes = [] if query.expression is None else list(walk(query.expression))
        reads = any(isinstance(n, Match | Compare) and n.path.field in _USES for n in nodes)
        orders = any(
            isinstance(n, Top) and any(key.name in _ORDERS for key in n.keys) for n in nodes
        )
        if not (reads or orders):
            return None
        with catalog.reading() as connection:
            made = int(state.read(connection, ADOPTED) or 0)
            rows = connection.each(garbage.RETAINED) if orders else ()
            unordered = frozenset(row.id for row in rows if row.added <= made)
        assert query.expression is not None
        moment = from_microseconds(made)
        expression = with_terms(query.expression, lambda term: _at_arrival(term, moment))
        counted = query.replace(expression=expression) if reads else None
        return cls(query=counted, unordered=unordered, made=moment)

    def selected(self, catalog: Catalog, now: datetime) -> frozenset[int]:
        """Return what the other query selects."""
        return frozenset(() if self.query is None else select_ids(catalog, self.query, now))

    def also_selected(
        self, catalog: Catalog, found: frozenset[int], now: datetime
    ) -> frozenset[int]:
        """Return those of some refs that the other query selects too."""
        return found if self.query is None else found & self.selected(catalog, now)


def _at_arrival(term: Term, made: datetime) -> Expression:
    """Rewrite a test of a use, so that an unknown one counts as one at arrival.

    `used since 90d` becomes `used since 90d or (used:never and added since 90d)`. A name that was
    there before the catalog does not fulfil `used:never`.
    """
    if not isinstance(term, Match | Compare) or term.path.field not in _USES:
        return term
    never = Match(path=term.path, values=(_value(_NEVER, term),), span=term.span)
    arrival = term.path.replace(field=_ARRIVAL)
    times = tuple(value for value in term.values if value.text != _NEVER)
    found: list[Expression] = []
    if times:
        dated = term.replace(values=times)
        found += [dated, _both(never, dated.replace(path=arrival))]
    if len(times) < len(term.values):
        later = f"{made.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
        known = Compare(path=arrival, op="gt", values=(_value(later, term),), span=term.span)
        found.append(_both(never, known))
    return flat(Or, found, term.span)


def _both(*parts: Expression) -> Expression:
    return flat(And, parts, parts[0].span)


def _value(text: str, term: Term) -> Value:
    return Value(text=text, span=term.span)
