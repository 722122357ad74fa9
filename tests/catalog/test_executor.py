"""What is compiled ahead is what the statements compile to, and answers as they do."""

import re
import sqlite3
import textwrap
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from cachedb.cache import Cache
from cachedb.catalog import compiled, executor
from cachedb.catalog.named_queries import Question, many
from cachedb.catalog.queries import statements
from cachedb.errors import CatalogMismatch
from tests import build, golden_files

VALUES: dict[str, str] = {
    "key": "fingerprint",
    "ids": many([1, 2]),
    "names": many(["example.com/app:1", "no such name"]),
    "registry": "example.com",
    "repo": "app",
    "tag": "1",
    "low": "sha256:0",
    "high": "sha256:g",
    "blob_id": "1",
    "targets": many(range(50)),
    "parents": many(range(50)),
}
HEAD = '''"""The statements of the questions, compiled for SQLite: `make golden` writes this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS: Final[Mapping[str, str]] = {
'''


def text_of(question: Question) -> str:
    """Compile a statement, with its constants in their places."""
    named = sqlite.dialect(paramstyle="named")
    compiling: Any = statements.statement_of(question).compile(dialect=named)
    expanded = compiling.construct_expanded_state(VALUES)
    text = " ".join(expanded.statement.split())
    for name, value in expanded.parameters.items():
        if isinstance(value, int):
            text = re.sub(rf":{name}\b", str(value), text)
    return text


def test_golden_texts_of_the_questions() -> None:
    texts = [
        f'    "{question}": """\n'
        + textwrap.fill(
            text_of(question),
            width=95,
            initial_indent=" " * 8,
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + '\n    """,\n'
        for question in Question
    ]
    path = Path(compiled.__file__)
    golden_files.check(path.name, f"{HEAD}{''.join(texts)}}}\n", path.parent)


@pytest.fixture
def catalog(populated: build.Tree) -> Path:
    Cache.open(populated.path).close()
    return populated.path / ".cachedb" / "index.db"


@pytest.mark.parametrize("question", Question)
def test_an_answer_is_that_of_the_statement(populated: build.Tree, question: Question) -> None:
    with Cache.open(populated.path) as cache, cache.catalog.reading() as connection:
        expected = [
            tuple(row) for row in connection.execute(statements.statement_of(question), VALUES)
        ]
    with executor.reading(populated.path / ".cachedb" / "index.db") as ask:
        assert list(ask(question, **VALUES)) == expected


def test_without_a_catalog_of_this_version_there_are_no_answers(catalog: Path) -> None:
    with pytest.raises(CatalogMismatch), executor.reading(catalog.with_name("none")):
        raise AssertionError
    for change in ("PRAGMA user_version = 99", "CREATE VIEW v AS SELECT 1", "DROP TABLE ref"):
        changed = catalog.with_name("changed.db")
        changed.write_bytes(catalog.read_bytes())
        changed.chmod(0o600)
        connection = sqlite3.connect(changed)
        connection.execute(change)
        connection.commit()
        connection.close()
        with pytest.raises(CatalogMismatch), executor.reading(changed) as ask:
            ask(Question.NAMES)


def test_a_damaged_catalog_is_a_mismatch(catalog: Path) -> None:
    catalog.write_bytes(catalog.read_bytes()[:4096] + b"\xff" * 100_000)
    with pytest.raises(CatalogMismatch), executor.reading(catalog) as ask:
        ask(Question.REFS)
    catalog.write_bytes(b"no database" * 1000)
    with pytest.raises(CatalogMismatch), executor.reading(catalog):
        raise AssertionError
