import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.layout import Layout
from cachedb.layout.quarantine import Quarantine
from cachedb.oci.digest import Digest
from tests import build

BLOB = build.layer({"file": "content"})
DIGEST = Digest(BLOB.digest)


@pytest.fixture
def trash(tree: build.Tree) -> Iterator[Quarantine]:
    tree.put(BLOB)
    with Layout.open(tree.path) as layout, layout.quarantine() as trash:
        yield trash


def test_what_is_taken_is_out_of_the_store_and_in_its_run(
    trash: Quarantine, tree: build.Tree
) -> None:
    assert trash.add("run", [DIGEST]) == 1
    trash.sync("run")
    assert tree.blobs() == set()
    assert trash.runs() == ["run"]
    assert list(trash.blobs("run")) == [DIGEST]


def test_what_is_not_there_is_not_taken(trash: Quarantine) -> None:
    assert trash.add("run", [Digest.of(b"nowhere")]) == 0


def test_what_is_given_back_is_as_it_was(trash: Quarantine, tree: build.Tree) -> None:
    trash.add("run", [DIGEST])
    trash.restore("run", DIGEST)
    assert tree.blob_path(DIGEST).read_bytes() == BLOB.content
    assert list(trash.blobs("run")) == []


def test_what_is_there_again_is_not_replaced(trash: Quarantine, tree: build.Tree) -> None:
    trash.add("run", [DIGEST])
    tree.put(BLOB)
    again = tree.blob_path(DIGEST).stat().st_ino
    trash.restore("run", DIGEST)
    assert tree.blob_path(DIGEST).stat().st_ino == again
    assert list(trash.blobs("run")) == []


def test_a_purge_removes_a_run_and_says_how_many_bytes_that_frees(
    trash: Quarantine, tree: build.Tree
) -> None:
    other = build.layer({"other": ""})
    tree.put(other)
    trash.add("run", [DIGEST])
    trash.add("run", [Digest(other.digest)])
    trash.add("second", [DIGEST])
    assert trash.purge("run") == BLOB.size + other.size
    assert trash.runs() == ["second"]


def test_a_blob_with_another_name_frees_nothing(
    trash: Quarantine, tree: build.Tree, tmp_path: Path
) -> None:
    os.link(tree.blob_path(DIGEST), tmp_path / "elsewhere")
    trash.add("run", [DIGEST])
    assert trash.purge("run") == 0
    assert (tmp_path / "elsewhere").read_bytes() == BLOB.content


def test_a_layout_without_trash_has_no_runs(trash: Quarantine) -> None:
    assert trash.runs() == []
