"""The statement of a query: one, with bound values, and of the same meaning however it is run."""

import random
import re
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from cachedb.errors import QueryError
from cachedb.query.semantics.check import check
from cachedb.query.semantics.inference import likely_sort
from cachedb.query.semantics.unmatched_selectors import unmatched
from cachedb.query.sql import expressions, flags
from cachedb.query.sql.compile import compile_query
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.explain import explain, query_plan
from cachedb.query.vocabulary import CACHE, FIELDS, FLAGS, FUNCTIONS, RELATIONS, UNQUERIED
from cachedb.query.words import Sort, Type
from tests.query import databases, generate
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.generate import NOW

HOSTILE = (
    "x'; DROP TABLE blob; --",
    'x" OR 1=1',
    "x) OR (1=1",
    "%' OR '1'='1",
    ":name",
    "?",
    "%(name)s",
    "$1",
    "\\",
    "x/*y*/",
    "SELECT 1",
    "b1.id",
)
TEMPLATES = (
    "refs tag:$x",
    "refs repository:$x",
    "refs tag starts $x",
    "refs label:$x",
    "refs label:a=$x",
    "refs pkg:$x lt 3",
    "packages version:$x",
    "refs any layer(annotation:$x has $x)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_bound_and_never_in_the_sql(text: str, empty: Connection) -> None:
    marked = f"q{text}q"
    for template in TEMPLATES:
        checked = check(parse(template, params={"x": marked}), now=NOW)
        found = explain(checked, "sqlite")
        assert not re.search(r"(?<![a-z])q|q(?![a-z])", found.sql)
        assert found.parameters
        statement = compile_query(checked, empty.dialect.name).statement
        assert databases.execute(empty, statement, checked) == []


def test_words_that_stand_for_columns_must_be_in_the_table() -> None:
    for clause in ("sort", "show", "group"):
        with pytest.raises(QueryError):
            check(parse(f"refs {clause} 'name; DROP TABLE ref'"), now=NOW)


def test_a_query_is_one_statement(small: Connection) -> None:
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(small, "before_cursor_execute", listener)
    try:
        for text in (
            "refs @stale",
            "refs group repo show repo,total,exclusive",
            "blobs refs(alpine)",
        ):
            databases.rows(small, text)
    finally:
        event.remove(small, "before_cursor_execute", listener)

    assert len(seen) == 3


def test_it_runs_where_nothing_may_be_written(small: Connection) -> None:
    small.exec_driver_sql("PRAGMA query_only = ON")
    try:
        assert databases.rows(small, "blobs is:garbage group kind")
    finally:
        small.exec_driver_sql("PRAGMA query_only = OFF")


def test_a_deadline_interrupts_it(small: Connection) -> None:
    raw = small.connection.driver_connection
    raw.set_progress_handler(lambda: 1, 1_000)
    try:
        with pytest.raises(Exception, match="interrupted") as caught:
            databases.rows(small, "refs group repo show repo,total,exclusive sort -exclusive")
    finally:
        raw.set_progress_handler(None, 0)
        small.rollback()

    assert isinstance(caught.value.__cause__ or caught.value, sqlite3.OperationalError)


LARGE_QUERIES = {
    "fifteen thousand values": "refs tag:" + ",".join(f"v{n:x}" for n in range(15_000)),
    "many names": "refs name:" + ",".join(f"a.io/b:{n:x}" for n in range(8_000)),
    "patterns": "refs tag:" + ",".join(f"v{n}*x" for n in range(250)),
    "patterns of names": "refs name:" + ",".join(f"a*/x{n}" for n in range(250)),
    "digests": "blobs digest:" + ",".join(f"sha256:{n:08x}" for n in range(250)),
    "five hundred terms": "refs " + " or ".join(f"tag:v{n}" for n in range(499)),
    "five hundred terms side by side": "refs " + " ".join(f"not tag:v{n}" for n in range(499)),
    "sets": "refs " + " or ".join(f"any layer(size gt {n})" for n in range(60)),
    "depth of parentheses": "refs " + "(tag:x or not (" * 10 + "tag:y" + "))" * 10,
    "depth of relations": "blobs " + "any child(" * 31 + "is:missing" + ")" * 31,
    "depth of functions": "blobs " + "children(" * 31 + "alpine" + ")" * 31,
    "depth of counts": "blobs " + "count child(" * 31 + "is:missing" + ") gt 0" * 31,
    "depth of packages": "packages " + "packages(" * 31 + "alpine" + ")" * 31,
    "depth of ranks": "refs " + "top 3 by name of (" * 31 + "alpine" + ")" * 31,
    "depth of what is freed": "blobs " + "exclusive(refs(" * 4 + "alpine" + "))" * 4,
    "depth of both": "refs " + "not any layer(any parent(" * 10 + "is:corrupt" + "))" * 10,
    "a path": "blobs " + "child." * 31 + "kind:layer",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LARGE_QUERIES.values(), ids=LARGE_QUERIES.keys())
def test_what_is_within_the_limits_runs(text: str, small: Connection) -> None:
    before = time.process_time()

    databases.rows(small, text)

    assert time.process_time() - before < 10


TAGS = ",".join(f"{n:x}" for n in range(19_990))
FULL_LISTS = {
    "values": f"refs tag:{TAGS}",
    "not these values": f"refs not tag:{TAGS}",
    "names": "refs name:" + ",".join(f"a.io/b:{n:x}" for n in range(8_000)),
    "what these keep alone": f"blobs exclusive(tag:{TAGS})",
    "layers of these": f"layers blobs(refs tag:{TAGS}) group type show type,count,total",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", FULL_LISTS.values(), ids=FULL_LISTS.keys())
def test_the_longest_list_has_no_more_values_than_sqlite_binds(text: str) -> None:
    found = explain(check(parse(text), now=NOW), "sqlite")

    assert len(found.parameters) <= 32_766


def test_hostile_patterns_run_in_no_time(small: Connection) -> None:
    before = time.process_time()
    for text in (
        "refs tag:" + "*a" * 200 + "*",
        "refs type:" + "*a*?" * 50,
        "refs " + "*a" * 100,
        "refs " + "**/a" * 60,
        "refs name matches '(a*)*(a|aa)+b$'",
        "refs label:* matches '(.*.*.*)*x'",
    ):
        databases.rows(small, text)

    assert time.process_time() - before < 2


# -- the table ------------------------------------------------------------------------------


def examples_of(field_type: Type, words: tuple[str, ...]) -> str:
    return {
        Type.SIZE: "1M",
        Type.NUMBER: "1",
        Type.TIME: "2026",
        Type.DIGEST: "sha256:ab",
        Type.PLATFORM: "linux/*",
        Type.ENUM: words[0] if words else "",
    }.get(field_type, "a*")


EVERY_FIELD = [
    pytest.param(sort, field.name, id=f"{sort}-{field.name}")
    for sort in Sort
    for field in FIELDS[sort].values()
    if field.name != CACHE  # test_fleet_queries
]


@pytest.mark.parametrize(("sort", "name"), EVERY_FIELD)
def test_every_field_has_its_sql(sort: Sort, name: str, small: Connection) -> None:
    field = FIELDS[sort][name]
    if name not in UNQUERIED:
        value = examples_of(field.type, field.words)
        databases.rows(small, f"{sort.noun} {name}:{value} or not {name}:{value}")
    if field.is_scalar:
        databases.rows(small, f"{sort.noun} sort -{name} show {name} limit 3")
    if field.is_list:
        databases.rows(small, f"{sort.noun} show {name} limit 3")
    if field.is_scalar and not field.is_walked:
        databases.rows(small, f"{sort.noun} group {name} show {name},count")


def test_every_flag_relation_and_function_has_its_sql(small: Connection) -> None:
    assert {(sort, word) for sort in Sort for word in FLAGS[sort]} == flags.KNOWN
    for sort in Sort:
        for name in RELATIONS[sort]:
            databases.rows(small, f"{sort.noun} any {name} or count {name} gt 1 limit 1")
    for function in FUNCTIONS.values():
        sort = function.gives or Sort.REF
        databases.rows(small, f"{sort.noun} {function.name}(everything) limit 1")
    for sort, name in expressions.MAPS:
        assert FIELDS[sort][name].type is Type.MAP


# -- times and paging -----------------------------------------------------------------------


def test_the_clock_stands_still_within_a_query() -> None:
    query = parse("refs used before 30d or added before 30d or pulled before 30d")

    found = explain(check(query, now=NOW), "sqlite")

    assert len({value for value in found.parameters if isinstance(value, int) and value > 1}) == 1


def test_a_time_in_the_future_is_since_every_time_and_before_none(
    database: Callable[[], str],
) -> None:
    cache = generate.build(random.Random(1), 1)
    for ref in cache.refs.values():
        ref.used = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    evaluator = Evaluator(cache, NOW)
    with databases.catalog(cache, database()) as connection:
        assert len(databases.rows(connection, "refs used since 30d")) == len(cache.refs)
        assert databases.rows(connection, "refs used before now") == []
    assert evaluator.select(parse("refs used since 30d")) == frozenset(cache.refs)


def test_pages_are_parts_of_one_order(small: Connection) -> None:
    whole = databases.rows(small, "blobs sort kind show digest,kind")
    pages = [
        databases.rows(small, f"blobs sort kind show digest,kind limit 7 offset {start}")
        for start in range(0, len(whole), 7)
    ]

    assert [row for page in pages for row in page] == whole


# -- bare words -----------------------------------------------------------------------------


def test_every_bare_word_that_has_to_stand_for_something_is_listed(small: Connection) -> None:
    query = parse("refs alpine or refs(6b86b273) or not nosuch:v1 or present(absent)")

    checked = check(query, now=NOW)
    found = checked.selectors()

    assert [one.text for one in found] == ["alpine", "6b86b273", "nosuch:v1"]
    assert [one.span.text for one in found] == ["alpine", "6b86b273", "nosuch:v1"]
    statements = compile_query(checked, small.dialect.name).selectors
    counts = [databases.execute(small, one, checked)[0][0] for one in statements]
    assert counts[0] == len(databases.ids(small, parse("refs alpine"))) > 0
    assert counts[1:] == [0, 0]


def test_a_bare_word_in_a_saved_query_is_listed_too() -> None:
    (found,) = check(parse("refs @one", saved={"one": "refs nosuch"}), now=NOW).selectors()

    assert found.span.source.name == "one"


def test_what_stands_for_nothing_may_have_meant_a_field_or_another_name() -> None:
    names = ["docker.io/library/alpine:3.20", "quay.io/acme/web:v1"]

    def hints(text: str) -> tuple[str, ...]:
        query = check(parse(f"refs {text}"), now=NOW)
        (found,) = query.selectors()
        return unmatched(found, query, names).hints

    assert hints("archh:arm64")[0] == "did you mean `arch:arm64`?"
    assert hints("alpin")[0] == "did you mean `alpine`?"
    assert hints("acme/wep:v1")[0] == "did you mean `acme/web:v1`?"
    assert hints("zzz") == ("present(zzz) accepts a name without a match",)
    assert hints("not zzz") == ()
    assert hints("tag:v1 not (arch:arm64 or zzz)") == ()


# -- sorts of arguments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "sort"),
    [
        ("alpine", Sort.BLOB),
        ("tag:latest", Sort.REF),
        ("alpine tag:latest", Sort.REF),
        ("kind:layer", Sort.BLOB),
        ("arch:arm64", Sort.BLOB),
        ("version:1", Sort.PACKAGE),
        ("role:layer", Sort.LINK),
        ("is:pinned", Sort.REF),
        ("parent.role:layer", Sort.BLOB),
        ("@stale", Sort.BLOB),
        ("top 3 by -added", Sort.REF),
        ("top 3 by license", Sort.PACKAGE),
        ("tag:latest kind:layer", Sort.REF),
        ("tag:latest state:missing", Sort.BLOB),
    ],
)
def test_the_words_of_an_argument_tell_its_sort(argument: str, sort: Sort) -> None:
    expression = parse(f"blobs blobs({argument})", saved=SAVED).expression

    assert likely_sort(expression.operand) is sort


# -- joining --------------------------------------------------------------------------------


def test_queries_join_as_sets_do(small: Connection) -> None:
    one, other = parse("refs tag:v*"), parse("refs is:pinned or registry:docker.io")

    def ids(query: Any) -> set[int]:
        return set(databases.ids(small, query))

    assert ids(one & other) == ids(one) & ids(other)
    assert ids(one | other) == ids(one) | ids(other)
    assert ids(~one) | ids(one) == ids(parse("refs"))
    assert ids((one | other) & ~(one & other)) == ids(one) ^ ids(other)
    assert str(~~one) == str(one)
    assert parse(str((one | other) & ~one)) == (one | other) & ~one
    assert ids(one & parse("refs")) == ids(one)
    assert ids(one | parse("refs")) == ids(parse("refs"))


@pytest.mark.parametrize("other", ["blobs is:missing", "refs limit 5"])
def test_what_is_no_set_of_the_same_does_not_join(other: str) -> None:
    with pytest.raises(QueryError):
        parse("refs tag:v*") & parse(other)


def test_it_explains_itself_on_either_dialect(small: Connection) -> None:
    checked = check(parse("refs is:multiarch not platform:linux/arm64"), now=NOW)

    found = explain(checked, "sqlite")

    assert found.canonical == "refs is:multiarch and not platform:linux/arm64"
    assert "but not those that contain" in found.meaning
    assert all(one.name in found.sql for one in found.sets)
    assert found.sql.count("?") == len(found.parameters)
    steps = query_plan(
        checked, "sqlite", lambda text, values: small.exec_driver_sql(text, tuple(values)).all()
    )
    assert any("ix_edge_child_id_parent_id" in step[-1] for step in steps)
    assert "NOT (EXISTS" in explain(checked, "postgresql").sql
