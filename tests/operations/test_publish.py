"""Publishing beside collectors of other tools, which know neither our locks nor our leases."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheBusy
from cachedb.feedback.progress import UNWATCHED
from cachedb.layout import Layout
from cachedb.layout.blobs import BlobFile, BlobStore
from cachedb.layout.index_json import IndexJson
from cachedb.oci import Digest
from cachedb.operations.archives.import_ import ImportOptions
from tests import build
from tests.conftest import APP, BASE, TOOL

NEW = build.image(BASE, build.layer({"new": ""}))


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "cache", {"docker.io/library/tool:2": TOOL})


def take_in(tree: build.Tree, thing: build.Thing, name: str = "example.com/new:1") -> None:
    archive = io.BytesIO(build.archive({name: thing}))
    with Cache.open(tree.path) as cache:
        cache.import_archive(archive, "archive", ImportOptions(), UNWATCHED)


def names(tree: build.Tree) -> list[str]:
    return [entry["annotations"][build.REF_NAME] for entry in tree.entries()]


def when_names_are_replaced(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], object], after: Callable[[], object]
) -> None:
    """Let another tool do something right before, or right after, index.json is replaced."""
    real = Layout.replace_index

    def replace(layout: Layout, index: IndexJson) -> None:
        before()
        real(layout, index)
        after()

    monkeypatch.setattr(Layout, "replace_index", replace)


def nothing() -> None:
    """Do nothing."""


def once(action: Callable[[], object]) -> Callable[[], None]:
    pending = [action]

    def act() -> None:
        for each in pending:
            each()
        pending.clear()

    return act


def collect(tree: build.Tree, *digests: str) -> Callable[[], None]:
    """Remove some blobs as a collector does that read index.json a moment ago."""
    return once(lambda: [tree.delete(digest) for digest in digests])


def test_what_a_collector_takes_before_the_name_is_there_is_back(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = collect(tree, *(NEW.digests - TOOL.digests))
    when_names_are_replaced(monkeypatch, gone, nothing)
    take_in(tree, NEW)
    assert NEW.digests <= tree.blobs()


def test_what_a_collector_takes_after_the_name_is_there_is_back(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = collect(tree, *(NEW.digests - TOOL.digests))
    when_names_are_replaced(monkeypatch, nothing, gone)
    take_in(tree, NEW)
    assert NEW.digests <= tree.blobs()
    with Cache.open(tree.path) as cache:
        assert cache.verify().is_clean


@pytest.mark.parametrize("when", ["before", "after"])
def test_without_a_blob_that_was_to_be_reused_there_is_no_name(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    tree.unname("docker.io/library/tool:2")
    tree.put(BASE)
    gone = collect(tree, BASE.digest)
    archive_without = build.Thing(root=NEW.root, parts=NEW.parts[:1] + NEW.parts[2:])
    assert BASE not in archive_without.blobs
    hooks = (gone, nothing) if when == "before" else (nothing, gone)
    when_names_are_replaced(monkeypatch, *hooks)

    with pytest.raises(CacheBusy, match="before it had a name"):
        take_in(tree, archive_without)

    assert names(tree) == []
    monkeypatch.undo()
    take_in(tree, NEW)
    assert names(tree) == ["example.com/new:1"]
    assert NEW.digests <= tree.blobs()


def test_a_collector_that_never_ends_is_given_up(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = NEW.layers[1].digest
    real = BlobStore.stat

    def stat(store: BlobStore, digest: Digest) -> BlobFile | None:
        if digest == layer and tree.blob_path(layer).exists():
            tree.delete(layer)
        return real(store, digest)

    monkeypatch.setattr(BlobStore, "stat", stat)
    with pytest.raises(CacheBusy, match="keeps removing new blobs"):
        take_in(tree, NEW)
    assert names(tree) == ["docker.io/library/tool:2"]


def test_nothing_stays_on_the_stage(tree: build.Tree) -> None:
    take_in(tree, APP)
    assert list((tree.path / ".cachedb" / "ingest").iterdir()) == []
    assert {path.stat().st_nlink for path in tree.path.glob("blobs/sha256/*")} == {1}


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_wrong_file_is_replaced_in_one_step(tree: build.Tree, damage: str) -> None:
    orphan = NEW.layers[1]
    tree.put(orphan)
    getattr(tree, damage)(orphan.digest)
    before = tree.blob_path(orphan.digest).stat().st_ino
    with tree.blob_path(orphan.digest).open("rb") as reader:
        take_in(tree, NEW)
        assert os.fstat(reader.fileno()).st_nlink == 0
    assert tree.blob_path(orphan.digest).stat().st_ino != before
    assert tree.blob_path(orphan.digest).read_bytes() == orphan.content
    assert list((tree.path / ".cachedb" / "ingest").iterdir()) == []


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_a_file_system_where_a_file_has_one_name_will_do(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    take_in(tree, NEW)
    assert NEW.digests <= tree.blobs()
    assert list((tree.path / ".cachedb" / "ingest").iterdir()) == []


def test_a_publication_that_was_killed_before_its_end_is_repeated(tree: build.Tree) -> None:
    """The stage still holds what has its place already, as a second name of the same file."""
    take_in(tree, NEW)
    for digest in NEW.digests:
        stage = tree.path / ".cachedb" / "ingest" / digest.replace(":", "-")
        os.link(tree.blob_path(digest), stage)
    tree.unname("example.com/new:1")
    take_in(tree, NEW)
    assert names(tree) == ["docker.io/library/tool:2", "example.com/new:1"]
    assert NEW.digests <= tree.blobs()
