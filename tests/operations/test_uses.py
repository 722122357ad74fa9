"""Times of last use and last pull: what records them, and what has no way to."""

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.enums import Kind
from cachedb.linuxkit.provider import Provider
from cachedb.oci.digest import Digest
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.read.resolve import Root
from cachedb.operations.sync import history
from cachedb.query.words import SOURCES
from tests import backends, build
from tests.operations.registries import Place, fetch, put
from tests.programs import require

NAME, OTHER = "example.com/app:1", "example.com/other:1"
ROOT = {
    "name": NAME, "digest": Digest(build.image().digest), "media_type": build.OCI_MANIFEST,
    "size": 1, "kind": Kind.MANIFEST, "blob_id": 1, "ref_id": 1,
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    images = {NAME: build.image(), OTHER: build.image(arch="arm64")}
    return build.layout(tmp_path / "cache", images)


def used(cache: Cache) -> list[str]:
    return [row.name for row in cache.query("refs used since 1h show name").rows]


def test_every_word_of_source_is_written_by_an_operation(tmp_path: Path, place: Place) -> None:
    put(place.host, place.path, build.image())
    archive = build.layout(tmp_path / "archive", {OTHER: build.image(arch="arm64")}).path
    with Cache.create(tmp_path / "cache") as cache:
        fetch(cache, place.host, place.short)
        cache.import_(archive)
        cache.tag(OTHER, "example.com/tagged:1")
    with Provider(tmp_path / "cache") as provider:
        provider.index_write("example.com/built:1", provider.find_root(place.name).descriptor)
    with Cache.open(tmp_path / "cache") as cache:
        assert {row.source for row in cache.query("refs show source").rows} == set(SOURCES)


def test_an_export_is_a_use_of_the_images_that_it_exports(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        assert used(cache) == []
        b"".join(cache.export_chunks(cache.plan_export([NAME], ExportOptions())))
        assert used(cache) == [NAME]


def test_reading_packages_is_a_use(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
        assert used(cache) == [OTHER]


def test_a_listing_is_no_use(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.list()
        cache.inspect(NAME)
        assert used(cache) == []


def test_a_pull_of_what_is_there_moves_the_time_of_the_last_pull(
    empty: Cache, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place.host, place.path, build.image())

    def pulled() -> datetime:
        fetch(empty, place.host, place.short)
        (row,) = empty.query("refs show pulled,used").rows
        assert row.pulled == row.used
        return row.pulled

    first = pulled()
    later = history.now() + 86_400_000_000
    monkeypatch.setattr(history, "now", lambda: later)
    assert pulled() - first >= timedelta(days=1)


def test_a_use_costs_no_fsync_and_no_transaction(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
        database = tree.path / ".cachedb" / "index.db"
        before = database.read_bytes()
        monkeypatch.setattr(os, "fsync", None)
        cache.packages(OTHER)
        assert database.read_bytes() == before


_READ = """
import os, sys
from pathlib import Path
from cachedb.cache import Cache
with Cache.open(Path(sys.argv[1])) as cache:
    cache.packages(sys.argv[2])
    os.access("/before", os.F_OK)
    cache.packages(sys.argv[2])
    os.access("/after", os.F_OK)
"""


def test_recording_a_use_is_one_write_that_waits_for_no_disk(
    tree: build.Tree, tmp_path: Path
) -> None:
    require("strace")
    trace = tmp_path / "trace"
    subprocess.run(
        ["strace", "-f", "-y", "-o", trace, sys.executable, "-c", _READ, tree.path, OTHER],
        check=True, capture_output=True,
    )  # fmt: skip
    calls = trace.read_text().partition('"/before"')[2].partition('"/after"')[0].splitlines()
    assert sum("write(" in call and "journal.jsonl" in call for call in calls) == 1
    waiting = ("fsync(", "fdatasync(", "sync_file_range(", "msync(", "syncfs(")
    assert [call for call in calls if any(name in call for name in waiting)] == []


def test_a_use_does_not_depend_on_times_of_files(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
    journal = tree.path / ".cachedb" / "journal.jsonl"
    for path in (journal, *tree.path.glob("blobs/*/*"), tree.path / "index.json"):
        os.utime(path, (0, 0))
    with Cache.open(tree.path) as cache:
        assert used(cache) == [OTHER]


def test_a_use_that_cannot_be_recorded_is_no_error(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        backends.remove_catalog(tree.path)
        shutil.rmtree(tree.path / ".cachedb")
        (tree.path / ".cachedb").touch()
        before = tree.document()
        cache._record_use([Root(**ROOT)])
    assert (tree.path / ".cachedb").read_bytes() == b""
    assert tree.document() == before


def test_uses_outlive_the_catalog(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as cache:
        assert used(cache) == [OTHER]


def test_uses_outlive_a_rebuild(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(OTHER)
    Cache.rebuild(tree.path)
    with Cache.open(tree.path) as cache:
        assert used(cache) == [OTHER]


def test_a_use_of_an_image_without_a_name_is_recorded_by_its_digest(tmp_path: Path) -> None:
    tree = build.Tree.make(tmp_path / "cache")
    image = tree.add(build.image(arch="s390x"))
    with Cache.open(tree.path) as cache:
        cache.packages(image.digest)
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as cache:
        assert len(cache.query("refs used since 1h").rows) == 1


def test_another_process_sees_a_use_at_its_next_query(tree: build.Tree) -> None:
    with Cache.open(tree.path) as reader, Cache.open(tree.path) as user:
        assert used(reader) == []
        user.packages(NAME)
        assert used(reader) == [NAME]


def test_a_time_is_never_moved_back(tree: build.Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    with Cache.open(tree.path) as cache:
        cache.packages(NAME)
        assert used(cache) == [NAME]
        monkeypatch.setattr(history, "now", lambda: 1)
        cache.packages(NAME)
        assert used(cache) == [NAME]
