"""A little space for a day when the disk is full."""

import errno
import os
from pathlib import Path

import pytest

from cachedb.layout import Layout

SIZE = 1 << 20


@pytest.fixture
def reserve(layout_dir: Path) -> Path:
    return layout_dir / ".cachedb" / "reserved"


def test_the_space_is_really_taken_and_given_back(layout_dir: Path, reserve: Path) -> None:
    with Layout.open(layout_dir) as layout:
        assert not layout.release_reserve()
        layout.allocate_reserve()
        assert reserve.stat().st_blocks * 512 >= SIZE
        assert reserve.stat().st_mode & 0o777 == 0o600
        assert layout.release_reserve()
        assert not reserve.exists()


def test_what_is_there_is_kept(layout_dir: Path, reserve: Path) -> None:
    with Layout.open(layout_dir) as layout:
        layout.allocate_reserve()
        before = reserve.stat().st_ino
        layout.allocate_reserve()
    assert reserve.stat().st_ino == before


def test_half_of_it_is_made_whole(layout_dir: Path, reserve: Path) -> None:
    with Layout.open(layout_dir) as layout:
        layout.allocate_reserve()
        os.truncate(reserve, SIZE // 2)
        layout.allocate_reserve()
    assert reserve.stat().st_size == SIZE


def test_where_there_is_no_room_there_is_none(
    layout_dir: Path, reserve: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with Layout.open(layout_dir) as layout:
        layout.allocate_reserve()
        assert not layout.release_reserve()
    assert not reserve.exists()


def test_a_link_in_its_place_is_not_followed(
    layout_dir: Path, reserve: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "precious"
    outside.write_text("data")
    reserve.parent.mkdir(mode=0o700)
    reserve.symlink_to(outside)
    with Layout.open(layout_dir) as layout:
        layout.allocate_reserve()
        assert outside.read_text() == "data"
        layout.release_reserve()
    assert outside.read_text() == "data"
