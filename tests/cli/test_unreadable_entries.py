"""Entries of index.json that cannot be read: told by every command that opens the cache."""

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli.conftest import Run

BROKEN = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "x", "size": 1}


@pytest.fixture
def broken(populated: build.Tree) -> build.Tree:
    populated.write_entries([*populated.entries(), BROKEN])
    return populated


@pytest.mark.parametrize(
    "arguments",
    [["ls"], ["query", "refs"], ["show", "example.com/app:1"], ["du"], ["tree", "tool:2"]],
)
def test_an_unreadable_entry_is_told_and_everything_else_is_answered(
    run: Run, broken: build.Tree, arguments: list[str]
) -> None:
    done = run(broken.path, *arguments)
    assert done.code == 0
    assert "unreadable entry in index.json: manifests[2]" in done.err
    assert done.out


def test_of_many_unreadable_entries_the_first_are_told(run: Run, populated: build.Tree) -> None:
    populated.write_entries([BROKEN] * 10)
    done = run(populated.path, "ls")
    assert len(done.err.splitlines()) == 4
    assert "7 more unreadable entries" in done.err


def test_a_cache_opens_by_a_path_as_text(populated: build.Tree) -> None:
    with Cache.open(str(populated.path)) as cache:
        assert len(cache.list()) == 2
