import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.errors import StorageFailed
from cachedb.layout.atomic import replace_file


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[int]:
    (tmp_path / ".private").mkdir()
    descriptor = os.open(tmp_path / ".private", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def leftovers(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "file"]


def test_the_file_holds_the_new_content(root: int, private: int, tmp_path: Path) -> None:
    for content in (b"one", b"the second, which is longer", b""):
        found = replace_file(root, private, "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert os.path.samestat(found, (tmp_path / "file").stat())
        assert found.st_ctime_ns == (tmp_path / "file").stat().st_ctime_ns
    assert leftovers(tmp_path) == []


def test_a_reader_of_the_old_file_still_reads_it(root: int, private: int, tmp_path: Path) -> None:
    replace_file(root, private, "file", b"old")
    with (tmp_path / "file").open("rb") as old:
        replace_file(root, private, "file", b"new")
        assert old.read() == b"old"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_is_kept(root: int, private: int, tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "file").chmod(mode)
    replace_file(root, private, "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_new_file_has_the_mode_that_the_umask_says(
    root: int, private: int, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        replace_file(root, private, "file", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_file_to_its_owner(root: int, private: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.chown(tmp_path / "file", 1234, 4321)
    found = replace_file(root, private, "file", b"new")
    assert (found.st_uid, found.st_gid) == (1234, 4321)


def test_a_link_is_replaced_and_not_written_through(
    root: int, private: int, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "file").symlink_to("outside")
    found = replace_file(root, private, "file", b"new")
    assert (tmp_path / "outside").read_bytes() == b"secret"
    assert not (tmp_path / "file").is_symlink()
    assert stat.S_IMODE(found.st_mode) & 0o022 == 0


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "fchmod"])
def test_when_a_call_fails_the_old_file_stands_and_nothing_is_left(
    root: int, private: int, tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".private" / "tmp").mkdir()
    (tmp_path / "file").write_bytes(b"old")

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(StorageFailed, match="cannot write file: no space left on device"):
            replace_file(root, private, "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_a_short_write_is_continued(
    root: int, private: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    replace_file(root, private, "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_content_is_synced_before_the_rename_and_the_directory_after(
    root: int, private: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("sync directory" if is_directory else "sync file")
        fsync(descriptor)

    def renamed(*arguments: object, **more: object) -> None:
        calls.append("rename")
        rename(*arguments, **more)  # type: ignore[arg-type]

    replace_file(root, private, "file", b"so that tmp is there")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    replace_file(root, private, "file", b"new")
    assert calls == ["sync file", "rename", "sync directory"]
