"""What a collection of half of a layout costs, in calls of the file system, without a clock."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import layouts
from cachedb.cache import Cache

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
        for patch in patches:
            patch.start()
        try:
            report = cache.collect(plan)
        finally:
            for patch in patches:
                patch.stop()
    counts["removed"] = len(report.removed)
    return counts


@pytest.fixture
def growth(tmp_path: Path) -> Counter[str]:
    """The calls of a collection for the images by which one layout is larger than another."""
    few, many = (cost(layouts.Made(tmp_path).of(images)) for images in (FEW, MANY))
    many.subtract(few)
    return many


def test_a_collection_opens_documents_and_no_directory_for_each_blob(
    growth: Counter[str],
) -> None:
    assert growth["removed"] >= (MANY - FEW) // 2 * (BLOBS - 1)
    assert growth["open"] <= (MANY - FEW) * DOCUMENTS


def test_a_collection_moves_and_deletes_a_removed_blob_once_without_a_stat(
    growth: Counter[str],
) -> None:
    assert growth["stat"] == 0
    assert growth["rename"] == growth["removed"]
    assert growth["unlink"] == growth["removed"]
    assert growth["fsync"] == 0
