"""History: which operations leave a row, and how many rows are kept."""

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.sync import history
from tests import backends, build
from tests.operations.registries import Place, fetch, push, put

APP = "example.com/app:1"
IMAGE = build.image(build.layer({"app": "1" * 900}))


def rows(cache: Cache) -> list[tuple[str, tuple[str, ...]]]:
    return [(event.operation, event.names) for event in cache.log()]


def imported(cache: Cache, name: str, thing: build.Thing) -> None:
    stream = io.BytesIO(build.archive({name: thing}))
    cache.import_archive(stream, "an archive", ImportOptions(), UNWATCHED)


def test_every_operation_leaves_a_row_with_its_names(empty: Cache, place: Place) -> None:
    put(place.host, place.path, build.image(env=["A=1"]))
    imported(empty, APP, IMAGE)
    fetch(empty, place.host, place.short)
    fetch(empty, place.host, place.short)
    push(empty, APP, to=f"{place.host}/t/other:1")
    b"".join(empty.export_chunks(empty.plan_export([APP], ExportOptions())))
    empty.pin([APP])
    empty.unpin([APP])
    empty.remove(empty.plan_removal([APP]))
    empty.collect(empty.plan_collection(grace=0))
    empty.clean()

    assert rows(empty) == [
        ("clean", (place.name,)),
        ("gc", ()),
        ("rm", (APP,)),
        ("unpin", (APP,)),
        ("pin", (APP,)),
        ("export", (APP,)),
        ("push", (APP,)),
        ("pull", (place.name,)),
        ("pull", (place.name,)),
        ("import", (APP,)),
    ]


def test_a_row_says_when_who_and_how_many_bytes(empty: Cache) -> None:
    imported(empty, APP, IMAGE)
    empty.remove(empty.plan_removal([APP]))
    report = empty.collect(empty.plan_collection(grace=0))
    gc, removal, arrival = empty.log()
    size = sum(blob.size for blob in IMAGE.blobs)
    assert datetime.now(UTC) - arrival.at < timedelta(minutes=1)
    assert arrival.user == (os.environ.get("USER") or arrival.user)
    assert (arrival.size, removal.size, gc.size) == (size, size, report.freed)


def test_a_collection_that_finds_nothing_leaves_no_row(empty: Cache) -> None:
    empty.collect(empty.plan_collection(grace=0))
    assert rows(empty) == []


def test_log_shows_operations_since_a_time(empty: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(empty, APP, IMAGE)
    later = history.now() + 3_600_000_000
    monkeypatch.setattr(history, "now", lambda: later)
    imported(empty, "example.com/b:1", build.image(env=["B=1"]))
    found = empty.log(datetime.fromtimestamp(later / 1e6, UTC) - timedelta(minutes=1))
    assert [event.names for event in found] == [("example.com/b:1",)]


def test_the_history_outlives_the_catalog(empty: Cache) -> None:
    imported(empty, APP, IMAGE)
    before = empty.log()
    backends.remove_catalog(empty.layout.root)
    Cache.rebuild(empty.layout.root)
    assert empty.log() == before


def test_the_history_is_bounded(empty: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_MOST_EVENTS", 10)
    for number in range(30):
        history.record(empty.layout, empty.catalog, history.REMOVE, names=[f"n{number:02}"])
    many = [f"{number:05}" + "x" * 100 for number in range(12_000)]
    history.record(empty.layout, empty.catalog, history.PULL, names=many)
    history.record(empty.layout, empty.catalog, history.USE, names=["a"])

    events = empty.log()
    assert len(events) == 10
    assert (len(events[0].names), events[0].more) == (20, len(many) - 20)
    assert events[1].names == ("n29",)


def test_times_of_names_that_are_gone_are_forgotten_after_a_while(
    empty: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(empty, APP, IMAGE)
    history.record(empty.layout, empty.catalog, history.USE, names=[APP, "example.com/gone:1"])
    monkeypatch.setattr(history, "_ABSENT_DAYS", -1)
    empty.layout.append_journal({"op": "filler", "x": "x" * (1 << 20)})
    history.record(empty.layout, empty.catalog, history.USE, names=[])
    tail = empty.layout.read_journal()
    assert tail is not None
    states = [entry["names"] for entry in tail.records if entry["op"] == "state"]
    assert states == [[APP]]


def test_a_record_of_another_kind_is_kept_and_passed_over(empty: Cache) -> None:
    empty.layout.append_journal({"op": "a later version's", "at": 1, "names": 7})
    for broken in (
        {"op": "pull", "at": "now", "names": [APP]},
        {"op": "pull", "at": 2**80, "names": [APP, 3, "\ud800"]},
        {"op": "state", "used": True, "names": {APP: 1}},
        {"op": "pin", "names": "abc"},
    ):
        empty.layout.append_journal(broken)
    imported(empty, APP, IMAGE)
    assert [row.name for row in empty.query("refs is:pinned or used since 30d").rows] == []
    empty.layout.append_journal({"op": "filler", "x": "x" * (1 << 20)})
    history.record(empty.layout, empty.catalog, history.USE)
    tail = empty.layout.read_journal()
    assert tail is not None
    assert "a later version's" in {entry["op"] for entry in tail.records}


def test_a_read_only_cache_is_used_silently(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {APP: IMAGE})
    Cache.open(tree.path).close()
    tree.path.chmod(0o500)
    with Cache.open(tree.path) as cache:
        if not cache.layout.is_writable:
            cache.packages(APP)
            assert rows(cache) == []
    tree.path.chmod(0o700)
