"""An import that reuses blobs which a collection moves to the quarantine meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event, Thread
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheBusy
from cachedb.layout import Layout
from cachedb.oci import Digest
from cachedb.operations.archives import import_, intake
from cachedb.operations.sync import recover
from tests import build

IMAGE = build.image(build.layer({"app": "1"}))
DIGESTS = [Digest(each) for each in sorted(IMAGE.digests)]


@pytest.fixture
def cache(tree: build.Tree) -> Iterator[Cache]:
    """A cache that has the blobs of the image, unreferenced."""
    tree.put(*IMAGE.parts, IMAGE.root)
    with Cache.open(tree.path) as opened:
        yield opened


def after_reading(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen after an import has read its archive, and found the blobs present."""
    named = import_._named

    def then(*arguments: Any) -> Any:
        happens()
        return named(*arguments)

    monkeypatch.setattr(import_, "_named", then)


def quarantine(cache: Cache) -> None:
    with cache.layout.quarantine() as store:
        store.add("1-f00d", DIGESTS)


def imported(cache: Cache, tree: build.Tree) -> list[str | None]:
    archive = tree.path.with_name("app.tar")
    archive.write_bytes(build.archive({"app:1": IMAGE}))
    cache.import_(archive)
    assert all(each.is_valid for each in cache.validate())
    assert cache.verify().is_clean
    return [each.name for each in cache.list()]


def test_an_import_restores_what_a_killed_collection_had_quarantined(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_reading(monkeypatch, lambda: quarantine(cache))

    assert imported(cache, tree) == ["app:1"]


def test_an_import_waits_for_a_collection_that_gives_its_blobs_back(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_moved, is_asked = Event(), Event()

    def collect() -> None:
        with closing(Layout.open(tree.path)) as layout, layout.sweeping():
            with layout.quarantine() as store:
                store.add("1-f00d", DIGESTS)
            is_moved.set()
            is_asked.wait()
            recover.undo_unfinished(layout)

    def asking(layout: Layout) -> None:
        is_asked.set()
        recover.undo_sweeps(layout)

    collector = Thread(target=collect)
    after_reading(monkeypatch, lambda: (collector.start(), is_moved.wait()))
    monkeypatch.setattr(intake, "undo_sweeps", asking)
    try:
        assert imported(cache, tree) == ["app:1"]
    finally:
        is_asked.set()
        collector.join()


def test_an_import_whose_blobs_another_tool_removes_does_not_blame_its_archive(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_reading(monkeypatch, lambda: [tree.delete(each) for each in DIGESTS])

    with pytest.raises(CacheBusy, match=r"another program removed .* before it had a name"):
        imported(cache, tree)
    assert not cache.list()


def test_an_import_reads_what_another_process_that_staged_it_too_has_published(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.path.mkdir(exist_ok=True)
    with Cache.open(tree.path) as cache:

        def publish() -> None:
            with cache.layout.staging() as stage:
                stage.publish(DIGESTS)

        after_reading(monkeypatch, publish)

        assert imported(cache, tree) == ["app:1"]
