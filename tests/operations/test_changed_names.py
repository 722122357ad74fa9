"""Names that another tool changes while a command compares index.json with the rows."""

from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.index.working_set import WorkingSet
from cachedb.layout import Layout, fingerprint
from cachedb.operations.sync import read_names, reconcile
from tests import build

ONE, TWO, THREE = (f"example.com/app:{number}" for number in (1, 2, 3))
IMAGE = build.image(build.layer({"a": "1"}))


def names(tree: build.Tree) -> list[str]:
    with Cache.open(tree.path) as cache:
        return sorted(f"{image.name}" for image in cache.list())


def test_names_written_behind_the_fingerprint_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows then have a newer text than the fingerprint, and the copy has to be that text."""
    tree = build.layout(tmp_path / "cache", {ONE: IMAGE})

    def read_behind(layout: Layout, working_set: WorkingSet, now: int) -> read_names.ReadNames:
        tree.name(IMAGE, TWO)
        return read_names.read_names(layout, working_set, now)

    for module in (fingerprint, reconcile):  # as if every file were old
        monkeypatch.setattr(module, "racy_since", lambda: 2**63)
    assert names(tree) == [ONE]
    with monkeypatch.context() as patch, Cache.open(tree.path) as cache:
        tree.put(build.layer({"b": "2"}))
        patch.setattr(reconcile, "read_names", read_behind)
        reconcile.reconcile(cache.layout, cache.catalog)
    assert names(tree) == [ONE, TWO]
    tree.name(IMAGE, THREE)
    assert names(tree) == [ONE, TWO, THREE]
    tree.unname(TWO)
    assert names(tree) == [ONE, THREE]
    tree.unname(ONE)
    tree.unname(THREE)
    assert names(tree) == []
