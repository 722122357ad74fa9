"""Files that are synced while they grow, and removed files that another process frees."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb import system_calls
from cachedb.archive import output_file
from cachedb.errors import StorageFailed
from cachedb.layout import Layout
from cachedb.oci import Digest
from cachedb.system_calls import SlicedSync, free_behind

_MEGABYTE = bytes(1_000_000)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of files at each sync of a slice."""
    sizes: list[int] = []
    monkeypatch.setattr(system_calls, "_sync_data", lambda fd: sizes.append(os.fstat(fd).st_size))
    return sizes


def chunks(count: int) -> Iterator[bytes]:
    return (_MEGABYTE for _ in range(count))


def test_a_file_is_synced_after_every_slice(synced: list[int], tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        slices = SlicedSync(file.fileno())
        for chunk in chunks(100):
            file.write(chunk)
            slices.wrote(len(chunk))

    assert synced == [32_000_000, 64_000_000, 96_000_000]


def test_an_exported_file_is_synced_while_it_grows(synced: list[int], tmp_path: Path) -> None:
    output_file.write(str(tmp_path / "out.tar"), chunks(70))

    assert len(synced) == 2
    assert (tmp_path / "out.tar").stat().st_size == 70_000_000


def test_a_staged_blob_is_synced_while_it_grows(synced: list[int], tmp_path: Path) -> None:
    digest = Digest.of(_MEGABYTE * 70)
    with Layout.create(tmp_path / "cache") as layout, layout.staging() as stage:
        with stage.writing(digest, 70_000_000) as writer:
            assert writer is not None
            for chunk in chunks(70):
                writer.write(chunk)
        assert synced == [32_000_000, 64_000_000]
        assert stage.add_unnamed(chunks(70)) == (digest, 70_000_000)
        assert synced == [32_000_000, 64_000_000] * 2


def test_a_slice_that_cannot_be_synced_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(system_calls, "_sync_data", refuse)
    with pytest.raises(StorageFailed, match="input/output error"):
        output_file.write(str(tmp_path / "out.tar"), chunks(70))
    with (
        Layout.create(tmp_path / "cache") as layout,
        layout.staging() as stage,
        pytest.raises(StorageFailed, match="input/output error"),
    ):
        stage.add_unnamed(chunks(70))
    assert os.listdir(tmp_path) == ["cache"]


@pytest.mark.parametrize("shell", [True, False], ids=["with a shell", "without a shell"])
def test_a_file_that_another_process_frees_is_closed_in_every_process(
    monkeypatch: pytest.MonkeyPatch, shell: bool
) -> None:
    if not shell:
        monkeypatch.setattr(os, "posix_spawn", lambda *_, **__: os.stat("/absent"))
    end, begin = os.pipe()
    before = os.listdir("/dev/fd")

    free_behind(begin)

    assert os.read(end, 1) == b""  # waits until no process has the other end
    assert os.fstat(begin).st_rdev == os.stat(os.devnull).st_rdev
    assert not os.get_inheritable(begin)
    assert len(os.listdir("/dev/fd")) == len(before)
    os.close(begin)
    os.close(end)


def test_an_interrupted_export_leaves_the_file_of_before(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield _MEGABYTE
        raise KeyboardInterrupt

    target = tmp_path / "out.tar"
    target.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        output_file.write(str(target), interrupted())

    assert (os.listdir(tmp_path), target.read_bytes()) == (["out.tar"], b"before")
