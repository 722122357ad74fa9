"""The worked examples of the language, on a made-up cache: what they mean and what they find."""

import pytest
from sqlalchemy import Connection

from cachedb.query.semantics.check import check
from cachedb.query.sql.compile import compile_query
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.explain import explain
from cachedb.query.vocabulary import SHOWN
from cachedb.query.words import Sort
from tests import golden_files
from tests.query import databases, generate
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.examples import EXAMPLES

FIRST = 3


def columns(text: str) -> list[str]:
    checked = check(parse(text, saved=SAVED), now=generate.NOW)
    return [column.name for column in checked.columns]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_finds_what_it_asks_for(
    name: str, small: Connection, evaluator: Evaluator
) -> None:
    _, text = EXAMPLES[name]

    found = [tuple(map(databases.microseconds, row)) for row in databases.rows(small, text)]

    assert found == evaluator.rows(parse(text, saved=SAVED), columns(text))


def test_the_golden_examples_read_as_reviewed(small: Connection) -> None:
    golden_files.check("query_examples.txt", "\n".join(_written(small, name) for name in EXAMPLES))


def _written(connection: Connection, name: str) -> str:
    question, text = EXAMPLES[name]
    explained = explain(check(parse(text, saved=SAVED), now=generate.NOW), "sqlite")
    rows = databases.rows(connection, text)
    lines = [
        f"{name}  {question}",
        f"  asked      {text}",
        f"  canonical  {explained.canonical}",
        f"  means      {explained.meaning}",
        *(f"  set        {one.name}: {one.meaning}" for one in explained.sets),
        *(f"  note       {note}" for note in explained.notes),
        f"  finds      {len(rows)}",
        *(f"    {' | '.join(map(_short, row))}" for row in rows[:FIRST]),
    ]
    return "\n".join(lines) + "\n"


def _short(value: object) -> str:
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_one_statement_for_either_dialect(name: str) -> None:
    _, text = EXAMPLES[name]
    checked = check(parse(text, saved=SAVED), now=generate.NOW)

    for dialect in ("sqlite", "postgresql"):
        written = compile_query(checked, dialect).statement.text
        assert ";" not in written
        assert "NOT IN" not in written
        assert "UNION ALL SELECT edge" not in written


def test_there_are_fifty_and_more() -> None:
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize("sort", Sort)
def test_what_is_shown_unasked_has_columns(sort: Sort, small: Connection) -> None:
    rows = databases.rows(small, sort.noun)

    assert rows
    assert {len(row) for row in rows} == {len(SHOWN[sort])}
