"""Disk usage of random caches, compared with what queries say of the same images."""

import random
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.operations.read.grouped_usage import GroupKey
from tests.query import made_up


@pytest.mark.parametrize("seed", range(12))
def test_usage_of_images_and_groups_is_what_queries_say(tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"usage {seed}")
    tree = made_up.make(rng, tmp_path / "cache", rng.randint(1, 9))
    with Cache.open(tree.path) as cache:
        usage = cache.usage()
        asked = cache.query("refs show digest,size,exclusive").rows
        assert {(str(i.digest), i.size, i.exclusive) for i in usage.images} == set(asked)
        for key, fields in (
            (GroupKey.REGISTRY, "registry"),
            (GroupKey.REPOSITORY, "repository"),
        ):
            rows = cache.query(f"refs group {fields} show {fields},total,exclusive").rows
            found = {(g.group, g.size, g.exclusive) for g in cache.usage_by(key)}
            assert found == {(row[0], row[1], row[2]) for row in rows}
        files = sum(tree.blob_path(digest).stat().st_size for digest in tree.blobs())
        assert usage.total == files
        assert usage.garbage == sum(
            row[0] for row in cache.query("blobs is:garbage state:present,corrupt show size").rows
        )


@pytest.mark.parametrize("seed", range(6))
def test_a_branch_of_the_tree_has_the_sizes_of_its_group(tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"tree {seed}")
    tree = made_up.make(rng, tmp_path / "cache", rng.randint(1, 9))
    with Cache.open(tree.path) as cache:
        registries = {g.group: g for g in cache.usage_by(GroupKey.REGISTRY)}
        repositories = {g.group: g for g in cache.usage_by(GroupKey.REPOSITORY)}
        for branch in cache.usage_tree():
            name = branch.names[0] if branch.names else None
            assert (branch.size, branch.exclusive) == (
                registries[name].size, registries[name].exclusive
            )  # fmt: skip
            for child in branch.children:
                name = child.names[0] if child.names else None
                assert (child.size, child.images) == (
                    repositories[name].size, repositories[name].images
                )  # fmt: skip
