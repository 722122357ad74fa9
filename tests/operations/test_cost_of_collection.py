"""What a collection of half of a layout costs, in calls of the file system, without a clock."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from cachedb.catalog import state
from cachedb.operations.gc import sweep
from tests import build, connections

FEW, MANY = 20, 60
DOCUMENTS, BLOBS = 3, 7
"""Of an image of `layouts.make`: an index and two manifests, and all of its own blobs."""


def counted(counts: Counter[str], name: str, call: Callable[..., object]) -> Callable[..., object]:
    def counting(*arguments: object, **more: object) -> object:
        counts[name] += 1
        return call(*arguments, **more)

    return counting


def cost(path: Path) -> Counter[str]:
    """Remove the second half of the names, as another tool does, and collect its blobs."""
    layouts.halve(path)
    counts: Counter[str] = Counter()
    patches = [
        mock.patch.object(os, name, counted(counts, name, getattr(os, name)))
        for name in ("open", "stat", "rename", "unlink", "fsync")
    ]
    with Cache.open(path) as cache:
        plan = cache.plan_collection(grace=0)
        with ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            count = connections.counting_statements(lambda: counts.update(["statement"]))
            stack.enter_context(count)
            report = cache.collect(plan)
    counts["removed"] = len(report.removed)
    return counts


@pytest.fixture
def growth(tmp_path: Path) -> Counter[str]:
    """The calls of a collection for the images by which one layout is larger than another."""
    few, many = (cost(layouts.Made(tmp_path).of(images)) for images in (FEW, MANY))
    many.subtract(few)
    return many


def test_a_collection_reads_documents_again_while_their_times_are_too_young_to_be_proof(
    growth: Counter[str],
) -> None:
    assert growth["removed"] >= (MANY - FEW) // 2 * (BLOBS - 1)
    assert (MANY - FEW) * DOCUMENTS // 2 <= growth["open"] <= (MANY - FEW) * DOCUMENTS


def test_a_collection_of_unchanged_files_opens_none_and_looks_at_each_document_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan has compared them with the catalog; their times prove that they are the same."""
    monkeypatch.setattr("cachedb.layout.fingerprint.racy_since", lambda: 2**63)
    monkeypatch.setattr("cachedb.operations.sync.reconcile.racy_since", lambda: 2**63)
    few, many = (cost(layouts.Made(tmp_path).of(images)) for images in (FEW, MANY))
    many.subtract(few)
    assert many["removed"] >= (MANY - FEW) // 2 * (BLOBS - 1)
    assert many["open"] == 0
    assert many["stat"] == (MANY - FEW) // 2 * DOCUMENTS


def test_a_collection_moves_and_deletes_a_removed_blob_once_without_a_stat(
    growth: Counter[str],
) -> None:
    assert growth["stat"] == 0
    assert growth["rename"] == growth["removed"]
    assert growth["unlink"] == growth["removed"]
    assert growth["fsync"] == 0


def test_a_collection_of_more_blobs_costs_no_more_statements(growth: Counter[str]) -> None:
    assert growth["removed"] > 0
    assert growth["statement"] == 0


@pytest.mark.parametrize("other", ["process", "transaction"])
def test_a_plan_is_made_again_after_a_write_of_the_same_moment(
    populated: build.Tree, other: str
) -> None:
    """Two writes within one tick of the clock leave size and time of the catalog as they were."""
    file = populated.path / ".cachedb" / "index.db"
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
        assert plan.garbage
        assert plan.basis is not None
        assert plan.basis == cache.catalog.mark()
        before = file.stat()
        if other == "process":
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute("UPDATE ref SET used = 1")
        else:
            with cache.catalog.writing() as connection:
                state.write(connection, "fingerprint", "another")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert plan.basis != cache.catalog.mark()


def test_a_plan_right_after_a_write_is_carried_out_without_another(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachedb.layout.fingerprint.racy_since", lambda: 2**63)
    monkeypatch.setattr("cachedb.operations.sync.reconcile.racy_since", lambda: 2**63)
    with Cache.open(populated.path) as cache:  # writes the catalog
        plan = cache.plan_collection(grace=0)
        with mock.patch.object(sweep, "find_blobs", wraps=sweep.find_blobs) as planning:
            removed = cache.collect(plan).removed
    assert removed == plan.garbage
    assert planning.call_count == 0


ORPHANED = {"role": 3, "position": 1000, "packages": 1}
"""Values of columns that have a meaning; others get any value of their type."""


def refer_to(file: Path, digests: Collection[str]) -> int:
    """Insert a row that refers to each of some blobs into every table that can; count the tables.

    A ref is left out: it would keep its blob.
    """
    with closing(sqlite3.connect(file)) as driver, driver:
        driver.execute("INSERT INTO package VALUES (1, 'a', '1', 's', 'v', 'p', 'l', 't')")
        tables = [
            name
            for (name,) in driver.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        filled = 0
        for table in tables:
            keys = {row[3]: row[2] for row in driver.execute(f"PRAGMA foreign_key_list({table})")}
            if "blob" not in keys.values() or table == "ref":
                continue
            filled += 1
            columns = [
                (row[1], row[2], row[5]) for row in driver.execute(f"PRAGMA table_info({table})")
            ]
            for digest in digests:
                (key,) = driver.execute(
                    "SELECT id FROM blob WHERE digest = ?", [digest]
                ).fetchone()
                values = [
                    key
                    if keys.get(name) == "blob"
                    else 1
                    if keys.get(name) == "package"
                    else None
                    if name in {"id", "platform_id"}
                    else ORPHANED.get(name, "x" if kind == "TEXT" else 0)
                    for name, kind, _ in columns
                ]
                marks = ", ".join("?" * len(values))
                driver.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)
        driver.execute("INSERT OR IGNORE INTO link_annotation SELECT id, 'k', 'v' FROM link")
    return filled


def test_a_collection_deletes_every_row_that_refers_to_a_removed_blob(
    cache: Cache, populated: build.Tree
) -> None:
    """The deletion checks no foreign key, so it has to be complete."""
    plan = cache.plan_collection(grace=0)
    assert plan.garbage
    file = populated.path / ".cachedb" / "index.db"
    assert refer_to(file, [each.digest for each in plan.garbage]) >= 9
    assert cache.collect(plan).removed == plan.garbage
    with cache.catalog.reading() as connection:
        assert connection.faults() == []
