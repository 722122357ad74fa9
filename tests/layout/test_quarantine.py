import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.layout import Layout
from cachedb.layout.quarantine import Trash
from cachedb.oci.digest import Digest
from tests import build

BLOB = build.layer({"file": "content"})
DIGEST = Digest(BLOB.digest)


@pytest.fixture
def trash(tree: build.Tree) -> Iterator[Trash]:
    tree.put(BLOB)
    with Layout.open(tree.path) as layout, layout.trash() as trash:
        yield trash


def test_what_is_taken_is_out_of_the_store_and_in_its_run(trash: Trash, tree: build.Tree) -> None:
    assert trash.take("run", DIGEST)
    trash.settle("run")
    assert tree.blobs() == set()
    assert trash.runs() == ["run"]
    assert list(trash.blobs("run")) == [DIGEST]


def test_what_is_not_there_is_not_taken(trash: Trash) -> None:
    assert not trash.take("run", Digest.of(b"nowhere"))


def test_what_is_given_back_is_as_it_was(trash: Trash, tree: build.Tree) -> None:
    trash.take("run", DIGEST)
    trash.give_back("run", DIGEST)
    assert tree.blob_path(DIGEST).read_bytes() == BLOB.content
    assert list(trash.blobs("run")) == []


def test_what_is_there_again_is_not_replaced(trash: Trash, tree: build.Tree) -> None:
    trash.take("run", DIGEST)
    tree.put(BLOB)
    again = tree.blob_path(DIGEST).stat().st_ino
    trash.give_back("run", DIGEST)
    assert tree.blob_path(DIGEST).stat().st_ino == again
    assert list(trash.blobs("run")) == []


def test_a_purge_removes_a_run_and_says_how_many_bytes_that_frees(
    trash: Trash, tree: build.Tree
) -> None:
    other = build.layer({"other": ""})
    tree.put(other)
    trash.take("run", DIGEST)
    trash.take("run", Digest(other.digest))
    trash.take("second", DIGEST)
    assert trash.purge("run") == BLOB.size + other.size
    assert trash.runs() == ["second"]


def test_a_blob_with_another_name_frees_nothing(
    trash: Trash, tree: build.Tree, tmp_path: Path
) -> None:
    os.link(tree.blob_path(DIGEST), tmp_path / "elsewhere")
    trash.take("run", DIGEST)
    assert trash.purge("run") == 0
    assert (tmp_path / "elsewhere").read_bytes() == BLOB.content


def test_a_layout_without_trash_has_no_runs(trash: Trash) -> None:
    assert trash.runs() == []
