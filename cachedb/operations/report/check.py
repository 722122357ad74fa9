"""Check of a cache against rules."""

from __future__ import annotations

from datetime import UTC, datetime
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidInput, QueryError
from cachedb.operations.read import run_query, saved_queries
from cachedb.operations.report.rules import NONE
from cachedb.query.syntax.parser import parse
from cachedb.query.vocabulary import NOUNS
from cachedb.query.words import Sort
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.operations.report.rules import Rule, RuleFile
    from cachedb.query.syntax.tree import Query

_IDENTITY: Final = {
    Sort.REF: ("name", "digest"),
    Sort.BLOB: ("digest",),
    Sort.LINK: ("parent", "child"),
    Sort.PACKAGE: ("name", "version"),
}
"""The columns that identify a result of each sort."""


class RuleFinding(Record):
    """Finding of a rule: an image or blob, or None if the finding is about their number."""

    subject: str | None
    """Columns that identify the result; None for a finding about the number."""
    message: str
    """Message of the rule, filled in."""


class RuleResult(Record):
    """A rule, the number of results of its query, and its findings."""

    rule: Rule
    query: Query
    count: int
    """Number of results of the query."""
    findings: tuple[RuleFinding, ...]


def check(
    layout: Layout, catalog: Catalog, file: RuleFile, now: datetime | None = None
) -> tuple[RuleResult, ...]:
    """Run the query of every rule; ages count from the same `now`.

    Raises:
        InvalidInput: The query of a rule is not valid, or has no such column as its message.
        LimitExceeded: A query takes longer than the limit `query seconds`.
    """
    moment = now or datetime.now(UTC)
    saved = saved_queries.load(layout)
    queries = [_query(rule, saved, file.params) for rule in file.rules]
    return tuple(
        _result(catalog, rule, query, moment)
        for rule, query in zip(file.rules, queries, strict=True)
    )


def _query(rule: Rule, saved: Mapping[str, str], params: Mapping[str, str]) -> Query:
    used = {name: value for name, value in params.items() if name in rule.parameters}
    try:
        query = parse(rule.query, saved=saved, params=used)
    except QueryError as error:
        raise _of_rule(rule, error) from error
    if not rule.fields:
        return query
    return query.showing(dict.fromkeys((*_IDENTITY[NOUNS[query.noun].sort], *rule.fields)))


def _result(catalog: Catalog, rule: Rule, query: Query, now: datetime) -> RuleResult:
    try:
        result = run_query.run_query(catalog, query, now)
    except QueryError as error:
        raise _of_rule(rule, error) from error
    names = [column.name for column in result.columns]
    for field in rule.fields:
        if field not in names:
            raise InvalidInput(
                f"rule {rule.name!r}: message: no field {field!r}",
                hint=f"one of {', '.join(names)}",
            )
    count = len(result.rows)
    findings = () if rule.expect.is_met(count) else tuple(_findings(rule, result))
    return RuleResult(rule=rule, query=query, count=count, findings=findings)


def _findings(rule: Rule, result: QueryResult) -> Iterator[RuleFinding]:
    count = str(len(result.rows))
    if rule.expect != NONE:
        yield RuleFinding(subject=None, message=_filled(rule.message, {"count": count}))
        return
    names = [column.name for column in result.columns]
    for row in result.rows:
        values = dict(zip(names, map(_text, row), strict=True))
        subject = values.get("name") or values.get("digest") or next(iter(values.values()))
        filled = _filled(rule.message, {"count": count, **values})
        yield RuleFinding(subject=subject, message=filled or subject)


def _filled(message: str, values: Mapping[str, str]) -> str:
    """Fill in the fields of a message; dots in names, as in sum.size, are part of them."""
    return "".join(
        before + ("" if name is None else values[name])
        for before, name, _, _ in Formatter().parse(message)
    )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _of_rule(rule: Rule, error: QueryError) -> InvalidInput:
    hint = getattr(error, "hint", None)
    return InvalidInput(f"rule {rule.name!r}: {error}", hint=hint)
