"""What a collection of half of a layout costs, in calls of the file system, without a clock."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
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
    monkeypatch.setattr("cachedb.operations.gc.mark.racy_since", lambda: 2**63)
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


@pytest.mark.parametrize(
    ("horizon", "is_proof"), [(2**63, True), (0, False)], ids=["old", "young"]
)
def test_a_plan_stands_on_a_catalog_only_if_every_later_write_moves_its_time(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch, horizon: int, is_proof: bool
) -> None:
    """Two writes within one tick of the clock may leave the file as it was, by size and time."""
    monkeypatch.setattr("cachedb.operations.gc.mark.racy_since", lambda: horizon)
    with Cache.open(populated.path) as cache:
        plan = cache.plan_collection(grace=0)
    assert plan.garbage
    assert (plan.basis is not None) is is_proof
