"""Indexes that list the next one twice, level by level: 2^30 paths to a handful of documents.

A walk along paths, and not along documents, never ends here.
"""

import sqlite3
from functools import reduce
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.oci import Descriptor, Digest, MediaType, Platform
from cachedb.operations.archives import image_parts
from cachedb.operations.transfer import push_graph
from cachedb.operations.transfer.local_graph import LocalDocuments
from tests import build, connections

LEVELS = 30
AMD64, ARM64 = build.image(), build.image(arch="arm64", variant="v8")
DIAMOND = reduce(
    lambda below, _: build.index(below, below), range(LEVELS), build.index(AMD64, ARM64)
)
ROOT = Descriptor(
    media_type=MediaType(DIAMOND.media_type), digest=Digest(DIAMOND.digest), size=DIAMOND.size
)


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "cache", {"example.com/diamond:1": DIAMOND})


def test_an_export_lists_each_part_once(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        parts = image_parts.parts_of(LocalDocuments(cache.layout), ROOT)
    assert [part.descriptor.digest for part in parts] == [AMD64.digest, ARM64.digest]


def test_a_push_sends_each_document_once(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        found = push_graph.gather(cache.layout, cache.catalog, "diamond", ROOT)
    assert len(found.documents) == LEVELS + 3
    assert [each.digest for each in found.images()] == [AMD64.digest, ARM64.digest]


def test_a_push_of_one_platform_is_reduced_level_by_level(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        found = push_graph.gather(
            cache.layout, cache.catalog, "diamond", ROOT, [Platform.parse("linux/arm64")]
        )
    assert [each.digest for each in found.images()] == [ARM64.digest]
    assert len(found.documents) == LEVELS + 2


def steps_of_a_removal(folder: Path, times: int) -> int:
    """Count the steps SQLite takes to remove an index that lists one manifest so many times."""
    tree = build.layout(folder / f"{times}", {"wide": build.index(*[AMD64] * times)})
    counts = 0

    def count() -> None:
        nonlocal counts
        counts += 1

    with Cache.open(tree.path) as cache:
        plan = cache.plan_removal(["wide"])

        def counted(driver: sqlite3.Connection) -> None:
            driver.set_progress_handler(count, 100)

        with connections.watching(counted):
            cache.remove(plan)
            cache.collect(cache.plan_collection(grace=0))
    assert not tree.blobs()
    return counts


def test_a_manifest_that_is_listed_many_times_costs_no_more_than_that(tmp_path: Path) -> None:
    few, many = steps_of_a_removal(tmp_path, 400), steps_of_a_removal(tmp_path, 1600)
    assert few < many < 6 * few
