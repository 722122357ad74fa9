"""The journal: appended records, torn lines, rewriting, and files that are not trusted."""

import json
import os
import threading
from pathlib import Path

import pytest

from cachedb.errors import LimitExceeded, NotALayout, SchemaTooNew, StorageFailed
from cachedb.layout import Layout, journal
from cachedb.layout.journal import Position
from cachedb.limits import JOURNAL_BYTES
from tests.layout import child


@pytest.fixture
def layout(layout_dir: Path) -> Layout:
    with Layout.open(layout_dir) as opened:
        yield opened


@pytest.fixture
def path(layout_dir: Path) -> Path:
    return layout_dir / ".cachedb" / "journal.jsonl"


def record(number: int) -> dict[str, object]:
    return {"op": "use", "at": number}


def read(layout: Layout, position: Position | None = None) -> list[int]:
    tail = layout.read_journal(position)
    assert tail is not None
    return [entry["at"] for entry in tail.records]


def test_records_are_read_in_the_order_in_which_they_were_appended(layout: Layout) -> None:
    for number in range(3):
        layout.append_journal(record(number))
    assert read(layout) == [0, 1, 2]


def test_only_what_is_behind_a_position_is_read(layout: Layout) -> None:
    layout.append_journal(record(1))
    tail = layout.read_journal()
    assert tail is not None
    layout.append_journal(record(2))
    assert tail.is_whole
    assert read(layout, tail.position) == [2]
    assert Position.parse(str(tail.position)) == tail.position


def test_without_a_journal_nothing_is_read(layout: Layout) -> None:
    assert layout.read_journal() is None


def test_the_file_is_closed_to_other_users_and_says_its_format(layout: Layout, path: Path) -> None:
    layout.append_journal(record(1))
    header = json.loads(path.read_text().splitlines()[0])
    assert path.stat().st_mode & 0o777 == 0o600
    assert (header["format"], header["version"]) == ("cachedb journal", journal.VERSION)


@pytest.mark.parametrize("cut", [2, 5, 20])
def test_a_torn_record_harms_no_other(layout: Layout, path: Path, cut: int) -> None:
    layout.append_journal(record(1))
    layout.append_journal(record(2))
    os.truncate(path, path.stat().st_size - cut)
    layout.append_journal(record(3))
    assert read(layout) == [1, 3]


def test_zeros_at_the_end_as_a_power_loss_leaves_them_harm_no_record(
    layout: Layout, path: Path
) -> None:
    layout.append_journal(record(1))
    with path.open("ab") as file:
        file.write(bytes(40))
    layout.append_journal(record(2))
    assert read(layout) == [1, 2]


@pytest.mark.parametrize(
    "line",
    [b"", b"\xff\xfe", b"[1]", b"7", b'{"at":1}', b'{"op":3}', b"{" * 5000, b'{"op":"use"'],
)
def test_a_line_that_is_no_record_is_passed_over(layout: Layout, path: Path, line: bytes) -> None:
    layout.append_journal(record(1))
    with path.open("ab") as file:
        file.write(line + b"\n")
    layout.append_journal(record(2))
    assert read(layout) == [1, 2]


def test_a_record_that_is_being_written_is_read_later(layout: Layout, path: Path) -> None:
    layout.append_journal(record(1))
    with path.open("ab") as file:
        file.write(b'{"op":"use",')
        file.flush()
        tail = layout.read_journal()
        assert tail is not None
        assert [entry["at"] for entry in tail.records] == [1]
        file.write(b'"at":2}\n')
    assert read(layout, tail.position) == [2]


def test_a_journal_without_its_header_is_read_whole_each_time(layout: Layout, path: Path) -> None:
    layout.append_journal(record(1))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\0" * len(lines[0][:-1]) + b"\n" + lines[1])
    tail = layout.read_journal()
    assert tail is not None
    assert tail.is_whole
    assert read(layout, tail.position) == [1]


def test_a_rewritten_journal_is_read_whole(layout: Layout) -> None:
    for number in range(5):
        layout.append_journal(record(number))
    tail = layout.read_journal()
    assert tail is not None
    position = layout.rewrite_journal(lambda whole: whole.records[-2:])
    assert read(layout, tail.position) == [3, 4]
    layout.append_journal(record(5))
    assert read(layout, position) == [5]


def test_what_is_appended_while_another_process_rewrites_is_kept(
    layout: Layout, layout_dir: Path
) -> None:
    layout.append_journal(record(1))
    started, done = threading.Event(), threading.Event()

    def rewrite() -> None:
        def slowly(whole: journal.Tail) -> list[dict[str, object]]:
            started.set()
            done.wait(0.2)
            return list(whole.records)

        with Layout.open(layout_dir) as other:
            other.rewrite_journal(slowly)

    thread = threading.Thread(target=rewrite)
    thread.start()
    started.wait()
    layout.append_journal(record(2))
    done.set()
    thread.join()
    assert read(layout) == [1, 2]


_APPENDING = """
from pathlib import Path
from cachedb.layout import Layout
layout = Layout.open(Path({path!r}))
for number in range(200):
    layout.append_journal({{"op": "use", "at": {base} + number}})
    if number % 50 == 0:
        layout.rewrite_journal(lambda whole: whole.records)
"""


def test_two_processes_that_append_and_rewrite_lose_no_record(
    layout: Layout, layout_dir: Path
) -> None:
    with child.holding(_APPENDING.format(path=str(layout_dir), base=1000)) as one:
        for number in range(200):
            layout.append_journal(record(number))
        one.let_go()
    assert sorted(read(layout)) == [*range(200), *range(1000, 1200)]


def test_a_journal_that_has_grown_says_that_it_is_due(layout: Layout) -> None:
    assert not layout.append_journal(record(1))
    layout.append_journal({"op": "use", "names": ["x" * (1 << 20)]})
    assert layout.append_journal(record(2))
    layout.rewrite_journal(lambda _whole: [record(3)])
    assert not layout.append_journal(record(4))


def test_a_journal_of_a_newer_version_is_neither_read_nor_written(
    layout: Layout, path: Path
) -> None:
    layout.append_journal(record(1))
    path.write_text('{"format":"cachedb journal","version":2,"id":"ab"}\n')
    with pytest.raises(SchemaTooNew, match="version 2"):
        layout.read_journal()
    with pytest.raises(SchemaTooNew):
        layout.append_journal(record(1))
    assert path.read_text().count("\n") == 1


def test_a_journal_that_others_may_write_is_refused(layout: Layout, path: Path) -> None:
    layout.append_journal(record(1))
    path.chmod(0o622)
    with pytest.raises(NotALayout, match="other users may write it"):
        layout.read_journal()


def test_a_journal_in_a_folder_that_others_may_write_is_not_read(
    layout: Layout, path: Path
) -> None:
    layout.append_journal(record(1))
    path.parent.chmod(0o777)
    assert layout.read_journal() is None


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_regular_file_is_neither_read_nor_written(
    layout: Layout, path: Path, tmp_path: Path, kind: str
) -> None:
    layout.make_private()
    outside = tmp_path / "outside"
    outside.write_text("")
    {"link": lambda: path.symlink_to(outside), "folder": path.mkdir,
     "fifo": lambda: os.mkfifo(path)}[kind]()  # fmt: skip
    with pytest.raises(NotALayout):
        layout.read_journal()
    with pytest.raises((NotALayout, StorageFailed)):
        layout.append_journal(record(1))
    assert outside.read_text() == ""


def test_a_journal_beyond_the_limit_is_not_read(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.append_journal(record(1))
    monkeypatch.setattr(journal, "JOURNAL_BYTES", JOURNAL_BYTES.replace(value=10))
    with pytest.raises(LimitExceeded):
        layout.read_journal()


def test_an_append_costs_no_fsync_and_a_durable_one_does(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    layout.append_journal(record(0))
    monkeypatch.setattr(os, "fsync", synced.append)
    layout.append_journal(record(1))
    assert synced == []
    layout.append_journal_durably(record(2))
    assert len(synced) == 2


def test_a_journal_may_have_records_behind_every_position_but_its_end(layout: Layout) -> None:
    assert not layout.may_have_records_behind("")  # there is no journal
    layout.append_journal(record(1))
    assert layout.may_have_records_behind("")
    tail = layout.read_journal()
    assert tail is not None
    end = str(tail.position)

    assert not layout.may_have_records_behind(end)

    layout.append_journal(record(2))
    assert layout.may_have_records_behind(end)


def test_a_rewritten_journal_of_the_same_size_may_have_records_behind(layout: Layout) -> None:
    layout.rewrite_journal(lambda tail: tail.records)  # there is none to rewrite
    layout.append_journal(record(1))
    layout.rewrite_journal(lambda tail: tail.records)
    tail = layout.read_journal()
    assert tail is not None
    layout.rewrite_journal(lambda whole: whole.records)

    again = layout.read_journal()
    assert again is not None
    assert again.position.offset == tail.position.offset
    assert layout.may_have_records_behind(str(tail.position))
    assert not layout.may_have_records_behind(str(again.position))
