"""The cache of compiled queries: hits, keys, permissions, damage, bounds."""

import json
import os
import random
import stat
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import Connection

from cachedb.query import plan_cache
from cachedb.query.semantics.check import check
from cachedb.query.semantics.typed import CheckedQuery
from cachedb.query.sql import compile as compiler
from cachedb.query.statement import CompiledQuery
from cachedb.query.syntax.parser import parse
from tests.query import databases, generate
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.random_queries import Writer

TEXT = "refs name:secret-name added since 30d label:a=secret-value,other size gt 12345 limit 7"


def checked(text: str) -> CheckedQuery:
    return check(parse(text, saved=SAVED), now=generate.NOW)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def files(home: Path) -> list[Path]:
    return sorted((home / "cachedb" / "queries").iterdir())


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shapes that the compiler is asked for."""
    found: list[str] = []
    real = compiler.compile_query

    def compile_query(query: CheckedQuery, dialect: str) -> CompiledQuery:
        found.append(query.shape)
        return real(query, dialect)

    monkeypatch.setattr(compiler, "compile_query", compile_query)
    return found


@pytest.mark.slow
def test_a_shape_determines_the_statement_and_its_parameters() -> None:
    rng = random.Random("shapes")
    evaluator = Evaluator(generate.build(rng, 12), generate.NOW)
    by_shape = defaultdict(list)
    for _ in range(4_000):
        query = checked(Writer(rng, evaluator.cache, depth=rng.choice((0, 1, 1, 2))).query())
        by_shape[query.shape].append(query)
    compared = 0
    for queries in by_shape.values():
        first = compiler.compile_ids(queries[0], "sqlite")
        for query in queries[1:8]:
            if query.values != queries[0].values:
                compared += 1
                assert compiler.compile_ids(query, "sqlite") == first, query.query

    assert compared > 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tag:a", "tag:*a"),
        ("tag:a", "tag:a*"),
        ("tag:a*", "tag:*"),
        ("tag:a", "tag:a,b"),
        ("name:a/*", "name:a/**"),
        ("tag starts a", "tag starts ''"),
        ("tag:a repo:a", "tag:a repo:b"),
        ("size:1..2", "size:1..1"),
        ("digest:aabbcc", f"digest:sha256:{'a' * 64}"),
        ("added since 1d", "added before 1d"),
        ("added:..2026", "added:..2026,never"),
        ("pkg:a=1", "pkg:a=1.*"),
        ("platform:linux/arm64", "platform:linux/*"),
        ("label:a", "label:a=b"),
        ("tag:a sort name", "tag:a sort -name"),
        ("tag:a limit 1", "tag:a limit 1 offset 1"),
        ("tag:a show name", "tag:a show name,tag"),
        ("alpine", "present(alpine)"),
    ],
)
def test_queries_of_different_statements_have_different_shapes(one: str, other: str) -> None:
    assert checked(f"refs {one}").shape != checked(f"refs {other}").shape


def test_a_query_of_a_known_shape_is_not_compiled(
    home: Path, compilations: list[str], small: Connection
) -> None:
    first = databases.rows(small, "refs tag:latest,v1.0 sort name show name,digest,added")
    second = databases.rows(small, "refs tag:latest,v1.0 sort name show name,digest,added")
    other = databases.rows(small, "refs tag:nosuch,x,y sort name show name,digest,added")

    assert len(compilations) == len(files(home)) == 1
    assert first == second != []
    assert other == []


def test_a_cached_query_is_what_the_compiler_made(home: Path) -> None:
    for text in (TEXT, "refs alpine or busybox", "refs group repo show repo,total,exclusive"):
        query = checked(text)
        fresh = compiler.compile_query(query, "sqlite")

        assert plan_cache.compile_rows(query, "sqlite") == fresh
        assert plan_cache.compile_rows(query, "sqlite") == fresh


def test_dialects_and_purposes_are_kept_apart(home: Path) -> None:
    query = checked("refs tag:a*b")

    texts = {
        plan_cache.compile_rows(query, "sqlite").statement.text,
        plan_cache.compile_rows(query, "postgresql").statement.text,
        plan_cache.compile_ids(query, "sqlite").statement.text,
    }

    assert len(texts) == len(files(home)) == 3


def test_a_file_holds_no_value_and_is_private(home: Path) -> None:
    plan_cache.compile_rows(checked(TEXT), "sqlite")

    (file,) = files(home)
    text = file.name + file.read_text()
    assert "secret" not in text
    assert "12345" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def damaged(content: str) -> dict[str, str]:
    checksum, _, body = content.partition("\n")
    other = json.loads(body)
    other["statement"]["text"] = "SELECT 1"
    return {
        "empty": "",
        "cut": content[:-1],
        "longer": content + " ",
        "one character changed": content.replace("SELECT", "SELEKT", 1),
        "another statement": f"{checksum}\n{json.dumps(other)}",
        "not JSON": f"{checksum}\n[",
        "too large": content + " " * 200_000,
    }


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "longer", "one character changed", "another statement", "not JSON"]
)
def test_a_damaged_file_is_replaced(home: Path, compilations: list[str], damage: str) -> None:
    fresh = plan_cache.compile_rows(checked(TEXT), "sqlite")
    (file,) = files(home)
    before = file.read_text()
    file.write_text(damaged(before)[damage])

    assert plan_cache.compile_rows(checked(TEXT), "sqlite") == fresh
    assert len(compilations) == 2
    assert file.read_text() == before


def test_a_file_that_others_can_write_is_replaced(home: Path, compilations: list[str]) -> None:
    plan_cache.compile_rows(checked(TEXT), "sqlite")
    (file,) = files(home)
    file.chmod(0o666)

    plan_cache.compile_rows(checked(TEXT), "sqlite")

    assert len(compilations) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(home: Path, compilations: list[str]) -> None:
    plan_cache.compile_rows(checked(TEXT), "sqlite")
    (file,) = files(home)
    elsewhere = home / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)

    plan_cache.compile_rows(checked(TEXT), "sqlite")

    assert len(compilations) == 2
    assert not file.is_symlink()


def test_a_file_under_the_name_of_another_is_not_used(home: Path, compilations: list[str]) -> None:
    plan_cache.compile_rows(checked("refs tag:a"), "sqlite")
    (other,) = files(home)
    fresh = plan_cache.compile_rows(checked("refs repo:a"), "sqlite")
    (file,) = (each for each in files(home) if each != other)
    file.write_text(other.read_text())

    assert plan_cache.compile_rows(checked("refs repo:a"), "sqlite") == fresh
    assert len(compilations) == 3


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_directory_that_others_can_write_is_not_used(home: Path, mode: int) -> None:
    plan_cache.compile_rows(checked("refs tag:a"), "sqlite")
    folder = home / "cachedb" / "queries"
    folder.chmod(mode)

    assert plan_cache.compile_rows(checked("refs repo:a"), "sqlite").statement.text
    assert len(files(home)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_not_used(home: Path) -> None:
    plan_cache.compile_rows(checked("refs tag:a"), "sqlite")
    os.chown(home / "cachedb" / "queries", 1234, 1234)

    assert plan_cache.compile_rows(checked("refs repo:a"), "sqlite").statement.text
    assert len(files(home)) == 1


def test_a_query_runs_where_no_directory_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Connection
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert databases.rows(small, "refs tag:latest")


def test_the_oldest_files_are_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "QUERY_PLANS", plan_cache.QUERY_PLANS.replace(value=3))
    for number, field in enumerate(("tag", "repo", "registry", "origin", "os")):
        plan_cache.compile_rows(checked(f"refs {field}:a"), "sqlite")
        for file in files(home):
            if file.stat().st_mtime > 1_000_000:
                os.utime(file, (number, number))

    kept = {int(file.stat().st_mtime) for file in files(home)}
    assert kept == {2, 3, 4}


def test_a_limit_of_zero_turns_the_cache_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "QUERY_PLANS", plan_cache.QUERY_PLANS.replace(value=0))

    assert plan_cache.compile_rows(checked("refs tag:a"), "sqlite").statement.text
    assert not (home / "cachedb").exists()


def test_a_very_long_statement_is_not_kept(home: Path) -> None:
    text = "refs " + " or ".join(f"tag:*v{n}x" for n in range(499))

    assert plan_cache.compile_rows(checked(text), "sqlite").statement.text
    sizes = [file.stat().st_size for file in files(home)]
    assert all(size <= 128 * 1024 for size in sizes)
