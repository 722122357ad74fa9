"""What a change by another tool costs the next command, however big the cache is.

Counted are statements, files that are opened, and files that are looked at one by one. When blobs
have come or gone, their directory is listed besides, once.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from cachedb.cache import Cache
from cachedb.layout import fingerprint
from cachedb.layout.index_json import Entry
from cachedb.operations.sync import reconcile
from tests import build, connections

SMALL, BIG = 2, 40
NEW = build.index(build.image(build.layer({"new": "1"})), build.image(arch="arm64"))


def numbered(number: int) -> build.Thing:
    return build.image(build.layer({"own": f"{number}"}), labels={"number": f"{number}"})


def name_of(number: int) -> str:
    return f"example.com/app:{number}"


@contextmanager
def settled() -> Iterator[None]:
    """Take every time for one of long ago: a test does not wait until it is."""
    with (
        mock.patch.object(fingerprint, "racy_since", return_value=2**63),
        mock.patch.object(reconcile, "racy_since", return_value=2**63),
    ):
        yield


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count what is asked of the database and of the file system."""
    counts: Counter[str] = Counter()

    def counted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **more: object) -> object:
            counts[name] += 1
            return call(*arguments, **more)

        return counting

    def on_statement() -> None:
        counts["statement"] += 1

    patches = [
        mock.patch.object(os, name, counted(name, getattr(os, name)))
        for name in ("open", "stat", "scandir")
    ]
    for patch in patches:
        patch.start()
    try:
        with connections.counting_statements(on_statement):
            yield counts
    finally:
        for patch in patches:
            patch.stop()


def is_up_to_date(cache: Cache) -> bool:
    with cache.catalog.reading() as connection:
        return reconcile.is_up_to_date(cache.layout, connection)


def cost(folder: Path, images: int, change: Callable[[build.Tree], object]) -> Counter[str]:
    """Return what it costs to see a change in a cache of so many images."""
    tree = build.layout(
        folder / f"{images}", {name_of(number): numbered(number) for number in range(images)}
    )
    with settled(), Cache.open(tree.path) as cache:
        assert is_up_to_date(cache)
        change(tree)
        with counting() as counts:
            reconcile.reconcile(cache.layout, cache.catalog)
        assert is_up_to_date(cache)
    return counts


def a_new_name(tree: build.Tree) -> None:
    tree.name(numbered(0), "example.com/alias:1")


def a_name_less(tree: build.Tree) -> None:
    tree.unname(name_of(0))


def a_moved_entry(tree: build.Tree) -> None:
    tree.write_entries(tree.entries()[::-1])


def a_new_image(tree: build.Tree) -> None:
    tree.add(NEW, "example.com/new:1")


def an_orphan(tree: build.Tree) -> None:
    tree.put(build.layer({"orphan": "1"}))


def a_blob_less(tree: build.Tree) -> None:
    tree.delete(numbered(0).layers[0].digest)


def a_blob_replaced(tree: build.Tree) -> None:
    digest = numbered(0).root.digest
    tree.delete(digest)
    tree.put(build.Blob(numbered(0).root.content, build.OCI_MANIFEST))


CHANGES = [a_new_name, a_name_less, a_new_image, an_orphan, a_blob_less, a_blob_replaced]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_costs_the_same_in_a_small_cache_and_in_a_big_one(
    tmp_path: Path, change: Callable[[build.Tree], object]
) -> None:
    small, big = cost(tmp_path, SMALL, change), cost(tmp_path, BIG, change)
    assert small["statement"] > 0
    assert big == small


def parsed_entries(folder: Path, images: int, change: Callable[[build.Tree], object]) -> int:
    """Return how many entries of index.json are parsed to see a change."""
    read = Entry.read
    with mock.patch.object(Entry, "read", side_effect=read) as reading:

        def begin(tree: build.Tree) -> None:
            change(tree)
            reading.reset_mock()

        cost(folder, images, begin)
        return reading.call_count


@pytest.mark.parametrize("change", [a_new_name, a_name_less, a_new_image])
def test_a_change_parses_the_entries_that_have_changed(
    tmp_path: Path, change: Callable[[build.Tree], object]
) -> None:
    assert parsed_entries(tmp_path, BIG, change) <= 2


def test_a_change_of_blobs_alone_parses_no_entry(tmp_path: Path) -> None:
    assert parsed_entries(tmp_path, BIG, an_orphan) == 0


def test_a_change_of_names_alone_causes_no_listing(tmp_path: Path) -> None:
    assert cost(tmp_path, SMALL, a_new_name)["scandir"] == 0


def test_a_name_less_costs_no_reading_of_its_document(tmp_path: Path) -> None:
    moved = cost(tmp_path / "a", SMALL, a_moved_entry)["open"]
    assert cost(tmp_path / "b", SMALL, a_name_less)["open"] == moved


def test_of_a_new_image_only_the_documents_are_opened(tmp_path: Path) -> None:
    directories = cost(tmp_path / "a", SMALL, an_orphan)["open"]
    documents = [blob for blob in NEW.blobs if "layer" not in blob.media_type]
    assert cost(tmp_path / "b", SMALL, a_new_image)["open"] <= directories + len(documents)


def test_no_change_costs_four_looks_and_one_at_the_catalog(tmp_path: Path) -> None:
    counts = cost(tmp_path, SMALL, lambda _tree: None)
    assert counts["stat"] == 4 + 1
    assert counts["scandir"] == 0
    assert counts["statement"] <= 3


def test_a_change_of_names_right_after_another_one_lists_no_blobs(tmp_path: Path) -> None:
    """A young index.json does not make the times of the blobs less certain."""
    tree = build.layout(tmp_path / "cache", {name_of(0): numbered(0)})
    long_ago = time.time_ns() - 10**12
    os.utime(tree.path / "blobs" / "sha256", ns=(long_ago, long_ago))
    with mock.patch.object(reconcile, "racy_since", return_value=2**63):
        Cache.open(tree.path).close()
    with Cache.open(tree.path) as cache:
        assert not cache.layout.fingerprint().settled
        a_new_name(tree)
        with counting() as counts:
            reconcile.reconcile(cache.layout, cache.catalog)
        found = cache.find_root("example.com/alias:1")
    assert counts["scandir"] == 0
    assert str(found.digest) == numbered(0).root.digest


def test_an_index_json_too_young_to_be_proof_is_compared_and_not_derived_again(
    tmp_path: Path,
) -> None:
    tree = build.layout(tmp_path / "cache", {name_of(0): numbered(0)})
    long_ago = time.time_ns() - 10**12
    os.utime(tree.path / "blobs" / "sha256", ns=(long_ago, long_ago))
    with mock.patch.object(reconcile, "racy_since", return_value=2**63):
        Cache.open(tree.path).close()
    with Cache.open(tree.path) as cache:
        assert not cache.layout.fingerprint().settled
        before = cache.catalog.version
        with counting() as counts:
            reconcile.reconcile(cache.layout, cache.catalog)
        assert cache.catalog.version == before  # nothing was written
        assert counts["scandir"] == 0
        assert counts["statement"] <= 4
        with settled():
            reconcile.reconcile(cache.layout, cache.catalog)
        assert cache.catalog.version != before  # the proof was recorded
