import errno
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from cachedb.errors import CorruptBlob, InvalidDigest, StorageFailed
from cachedb.layout import Layout, locks
from cachedb.layout.staging.area import StagingArea
from cachedb.oci.digest import Digest
from tests import build
from tests.layout import child

CONTENT = b"0123456789" * 1000
DIGEST = Digest.of(CONTENT)
SIZE = len(CONTENT)
OTHER = b"another"
OPENING = """
from pathlib import Path
from cachedb.layout import Layout
with Layout.open(Path({!r})) as layout, layout.staging():
    pass
"""
WRITING = """
from pathlib import Path
from cachedb.layout import Layout
from cachedb.oci.digest import Digest
layout = Layout.open(Path({!r}))
opened = layout.staging()
c = opened.__enter__().writing(Digest({!r}), {})
w = c.__enter__()
"""


@pytest.fixture
def layout(layout_dir: Path) -> Iterator[Layout]:
    with Layout.open(layout_dir) as layout:
        yield layout


@pytest.fixture
def stage(layout: Layout) -> Iterator[StagingArea]:
    with layout.staging() as stage:
        yield stage


@pytest.fixture
def ingest(layout: Layout) -> Path:
    return layout.private / "ingest"


def write(stage: StagingArea, content: bytes, digest: Digest = DIGEST, size: int = SIZE) -> None:
    with stage.writing(digest, size) as writer:
        assert writer is not None
        writer.write(content[writer.offset :])


def names(ingest: Path) -> list[str]:
    return sorted(path.name for path in ingest.iterdir())


def test_a_blob_is_seen_only_when_it_is_complete(stage: StagingArea, layout: Layout) -> None:
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        writer.write(CONTENT[:5000])
        assert not stage.has(DIGEST, SIZE)
        writer.write(CONTENT[5000:])
        assert not stage.has(DIGEST, SIZE)
    assert stage.has(DIGEST, SIZE)
    assert stage.read(DIGEST, SIZE) == CONTENT
    assert layout.blobs.stat(DIGEST) is None


def test_a_complete_blob_is_not_written_again(stage: StagingArea) -> None:
    write(stage, CONTENT)
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is None


def write_and_break_off(stage: StagingArea, content: bytes, digest: Digest, size: int) -> None:
    with pytest.raises(ConnectionError), stage.writing(digest, size) as writer:  # noqa: PT012
        assert writer is not None
        writer.write(content)
        raise ConnectionError


def test_writing_goes_on_where_it_stopped(stage: StagingArea) -> None:
    write_and_break_off(stage, CONTENT[:4000], DIGEST, SIZE)
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 4000
        writer.write(CONTENT[4000:])
    assert stage.read(DIGEST, SIZE) == CONTENT


def test_a_killed_process_leaves_what_it_wrote_to_the_next(
    stage: StagingArea, layout_dir: Path
) -> None:
    script = WRITING.format(str(layout_dir), str(DIGEST), SIZE) + "w.write(b'0123456789' * 300)"
    with child.holding(script) as other:
        other.kill()
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 3000
        writer.write(CONTENT[3000:])
    assert stage.has(DIGEST, SIZE)


def test_wrong_bytes_are_refused_and_forgotten(stage: StagingArea, ingest: Path) -> None:
    with pytest.raises(CorruptBlob, match="arrived as sha256:"):
        write(stage, CONTENT[:-1] + b"X")
    assert not stage.has(DIGEST, SIZE)
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 0
        writer.write(CONTENT)
    assert names(ingest) == [f"sha256-{DIGEST.encoded}"]


def test_wrong_bytes_that_were_resumed_from_are_forgotten(
    stage: StagingArea, ingest: Path
) -> None:
    stage.has(DIGEST, SIZE)  # makes the folder
    (ingest / f"sha256-{DIGEST.encoded}.part").write_bytes(b"X" * 100)
    with pytest.raises(CorruptBlob):
        write(stage, CONTENT)
    write(stage, CONTENT)
    assert stage.has(DIGEST, SIZE)


def test_too_few_bytes_are_refused_and_kept_to_be_continued(stage: StagingArea) -> None:
    with pytest.raises(CorruptBlob, match="ended after 9000 of the 10000 bytes declared"):
        write(stage, CONTENT[:9000])
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 9000
        writer.write(CONTENT[9000:])


def test_too_many_bytes_are_refused_at_once(stage: StagingArea) -> None:
    with pytest.raises(CorruptBlob, match="is longer than the 10000 bytes declared"):
        write(stage, CONTENT + b"X")
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 0
        writer.write(CONTENT)


def test_a_part_that_is_longer_than_declared_is_begun_anew(
    stage: StagingArea, ingest: Path
) -> None:
    stage.has(DIGEST, SIZE)
    (ingest / f"sha256-{DIGEST.encoded}.part").write_bytes(CONTENT + b"X")
    write(stage, CONTENT)
    assert stage.has(DIGEST, SIZE)


def test_a_digest_that_cannot_be_checked_is_not_stored(stage: StagingArea, ingest: Path) -> None:
    md5 = Digest.declared("md5:d41d8cd98f00b204e9800998ecf8427e")
    with pytest.raises(InvalidDigest), stage.writing(md5, 0):
        pass
    assert not ingest.exists() or names(ingest) == []


def test_adding_ignores_what_a_part_held(stage: StagingArea, ingest: Path) -> None:
    stage.has(DIGEST, SIZE)
    (ingest / f"sha256-{DIGEST.encoded}.part").write_bytes(b"X" * 100)
    stage.add(DIGEST, CONTENT)
    stage.add(DIGEST, CONTENT)
    assert stage.read(DIGEST, SIZE) == CONTENT


def test_a_blob_without_a_name_gets_that_of_its_content(stage: StagingArea, ingest: Path) -> None:
    assert stage.add_unnamed([CONTENT[:10], CONTENT[10:]]) == (DIGEST, SIZE)
    assert stage.add_unnamed([CONTENT]) == (DIGEST, SIZE)
    digest, _ = stage.add_unnamed([OTHER], "sha512")
    assert digest == Digest.of(OTHER, "sha512")
    assert names(ingest) == [f"sha256-{DIGEST.encoded}", f"sha512-{digest.encoded}"]


def test_a_blob_without_a_name_leaves_nothing_when_its_source_fails(
    stage: StagingArea, ingest: Path
) -> None:
    def source() -> Iterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        stage.add_unnamed(source())
    assert names(ingest) == []


def _open_parts() -> int:
    """Count the descriptors of this process that have a partial blob open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # it may be closed by now
            count += os.readlink(link).endswith(".part")
    return count


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_writer_takes_a_blob_that_was_published_and_released_while_it_waited(
    layout: Layout, stage: StagingArea
) -> None:
    with ThreadPoolExecutor(1) as pool, layout.staging() as other:
        with stage.writing(DIGEST, SIZE) as writer:
            assert writer is not None
            writer.write(CONTENT)
            held = os.dup(writer._descriptor)  # keeps the lock at the end of the block
            second = pool.submit(_is_written_by_another, other)
            while _open_parts() < 3:
                assert not second.done()
                time.sleep(0.001)
        stage.link([DIGEST])
        stage.release([DIGEST])
        os.close(held)
        assert second.result(timeout=120)
    assert layout.blobs.has(DIGEST, SIZE)


def test_threads_that_write_the_same_blob_write_it_once(stage: StagingArea) -> None:
    meet = threading.Barrier(8)
    written: list[int] = []

    def work(_number: int) -> None:
        meet.wait()
        with stage.writing(DIGEST, SIZE) as writer:
            if writer is not None:
                written.append(writer.offset)
                writer.write(CONTENT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert written == [0]
    assert stage.read(DIGEST, SIZE) == CONTENT


def test_a_blob_that_is_completed_between_two_looks_is_not_written_again(
    stage: StagingArea, ingest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_too_early(digest: Digest, size: int) -> bool:
        monkeypatch.undo()
        found = stage.has(digest, size)
        stage.add(digest, CONTENT)
        return found

    monkeypatch.setattr(stage, "has", has_too_early)
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is None
    assert names(ingest) == [f"sha256-{DIGEST.encoded}"]


def test_processes_that_write_the_same_blob_write_it_once(
    stage: StagingArea, layout_dir: Path
) -> None:
    script = WRITING.format(str(layout_dir), str(DIGEST), SIZE) + "w.write(b'0123456789' * 1000)"
    with child.holding(script, finish="c.__exit__(None, None, None)") as other:
        second = ThreadPoolExecutor(1).submit(_is_written_by_another, stage)
        other.let_go()
        assert second.result(timeout=120)
    assert stage.read(DIGEST, SIZE) == CONTENT


def _is_written_by_another(stage: StagingArea) -> bool:
    with stage.writing(DIGEST, SIZE) as writer:
        if writer is not None:
            writer.restart()
            writer.write(CONTENT)
        return writer is None


def test_published_blobs_can_be_read_by_all_and_written_by_none(
    stage: StagingArea, layout: Layout
) -> None:
    before = os.umask(0o077)
    try:
        stage.add(DIGEST, CONTENT)
        stage.publish([DIGEST])
    finally:
        os.umask(before)
    path = layout.root / "blobs" / "sha256" / DIGEST.encoded
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert layout.blobs.verify(DIGEST).size == SIZE
    assert not stage.has(DIGEST, SIZE)


def test_children_are_published_before_their_parents(
    stage: StagingArea, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = build.image()
    for blob in image.blobs:
        stage.add(Digest(blob.digest), blob.content)
    order: list[object] = []
    rename = os.rename

    def renamed(source: str, target: str, **more: object) -> None:
        order.append(target)
        rename(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", renamed)
    stage.publish([Digest(blob.digest) for blob in image.blobs])
    assert order == [Digest(blob.digest).encoded for blob in image.blobs]


def test_nothing_after_a_blob_that_cannot_be_published_is(
    stage: StagingArea, layout: Layout
) -> None:
    stage.add(DIGEST, CONTENT)
    stage.add(Digest.of(OTHER), OTHER)
    (layout.root / "blobs" / "sha256" / DIGEST.encoded).mkdir()
    with pytest.raises(StorageFailed, match="cannot publish"):
        stage.publish([DIGEST, Digest.of(OTHER)])
    assert layout.blobs.stat(Digest.of(OTHER)) is None


def test_a_blob_that_another_has_published_is_passed_over(
    stage: StagingArea, layout: Layout
) -> None:
    stage.add(DIGEST, CONTENT)
    with layout.staging() as other:
        other.publish([DIGEST])
    stage.publish([DIGEST])
    assert layout.blobs.has(DIGEST, SIZE)


def test_a_blob_that_is_nowhere_is_not_passed_over(stage: StagingArea) -> None:
    with pytest.raises(StorageFailed, match="has disappeared from the staging area"):
        stage.publish([DIGEST])


def test_publishing_heals_a_wrong_file_of_the_same_size(
    stage: StagingArea, layout: Layout
) -> None:
    path = layout.root / "blobs" / "sha256" / DIGEST.encoded
    path.write_bytes(b"X" * SIZE)
    stage.add(DIGEST, CONTENT)
    stage.publish([DIGEST])
    assert path.read_bytes() == CONTENT


def test_a_refused_rename_over_a_wrong_file_is_not_passed_over(
    stage: StagingArea, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layout.root / "blobs" / "sha256" / DIGEST.encoded).write_bytes(b"X" * SIZE)
    stage.add(DIGEST, CONTENT)

    def refuse(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StorageFailed, match="read-only file system"):
        stage.publish([DIGEST])


def test_bytes_are_synced_before_a_blob_counts_as_complete(
    stage: StagingArea, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    stage.has(DIGEST, SIZE)  # makes the folder
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageFailed, match="cannot complete a blob"):
        stage.add(DIGEST, CONTENT)
    assert not stage.has(DIGEST, SIZE)


def test_a_full_disk_keeps_what_was_written(
    stage: StagingArea, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.has(DIGEST, SIZE)
    write_bytes = os.write

    def refuse(descriptor: int, data: bytes) -> int:
        if os.fstat(descriptor).st_size >= 4096:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(descriptor, data[:4096])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        with pytest.raises(StorageFailed, match="cannot write a blob: no space left on device"):
            write(stage, CONTENT)
    with stage.writing(DIGEST, SIZE) as writer:
        assert writer is not None
        assert writer.offset == 4096
        writer.write(CONTENT[4096:])


def test_clearing_leaves_what_is_kept_and_what_is_being_written(
    layout: Layout, ingest: Path
) -> None:
    with layout.staging() as stage:
        stage.add(DIGEST, CONTENT)
        stage.add(Digest.of(OTHER), OTHER)
    (ingest / "unnamed-0011.part").write_bytes(b"left behind")
    assert layout.clear_staging(kept={DIGEST}) == len(OTHER) + len(b"left behind")
    third = Digest.of(b"third")
    with layout.staging() as stage, stage.writing(third, 5) as writer:
        assert writer is not None
        writer.write(b"third")
        assert layout.clear_staging() == 0
        assert names(ingest) == sorted(
            [f"sha256-{DIGEST.encoded}", f"sha256-{third.encoded}.part"]
        )
    assert layout.clear_staging() == SIZE + len(b"third")
    assert names(ingest) == []


def test_complete_blobs_stay_and_dead_parts_go_while_the_stage_is_open(
    layout: Layout, ingest: Path
) -> None:
    """Who finds a blob there relies on it, and may not have a lease on it yet."""
    with layout.staging() as stage:
        stage.add(DIGEST, CONTENT)
    dead = f"sha256-{Digest.of(OTHER).encoded}.part"
    (ingest / dead).write_bytes(OTHER)
    with Layout.open(layout.root) as another, another.staging() as stage:
        assert stage.has(DIGEST, SIZE)
        assert layout.clear_staging() == len(OTHER)
        assert [(left.path, left.is_in_use) for left in layout.temporary_files.find()] == [
            (f".cachedb/ingest/sha256-{DIGEST.encoded}", True)
        ]
        assert stage.has(DIGEST, SIZE)
    assert layout.clear_staging() == SIZE


def test_where_the_lock_of_the_stage_is_no_file_its_blobs_count_as_in_use(
    layout: Layout, ingest: Path
) -> None:
    with layout.staging() as stage:
        stage.add(DIGEST, CONTENT)
    lock = ingest.parent / "stage.lock"
    assert [left.is_in_use for left in layout.temporary_files.find()] == [False]
    lock.unlink()
    assert [left.is_in_use for left in layout.temporary_files.find()] == [False]
    assert not lock.exists(), "to look makes nothing"
    os.mkfifo(lock)
    assert [left.is_in_use for left in layout.temporary_files.find()] == [True]


def test_no_process_opens_the_stage_while_it_is_cleared(layout: Layout) -> None:
    with layout.staging():
        pass
    with layout._private() as private, locks.exclusive_staging(private) as is_unused:
        assert is_unused
        opening = child.start(OPENING.format(str(layout.root)))
        with pytest.raises(subprocess.TimeoutExpired):
            opening.wait(timeout=1)
    assert opening.wait(timeout=60) == 0


def test_clearing_a_stage_that_was_never_used_frees_nothing(layout: Layout) -> None:
    assert layout.clear_staging() == 0


def test_what_is_not_on_the_stage_is_not_read(stage: StagingArea) -> None:
    assert stage.read(DIGEST, SIZE) is None


def test_nothing_is_written_outside_of_our_folder(stage: StagingArea, layout: Layout) -> None:
    before = {path for path in layout.root.rglob("*") if ".cachedb" not in path.parts}
    stage.add(DIGEST, CONTENT)
    stage.add_unnamed([OTHER])
    assert {p for p in layout.root.rglob("*") if ".cachedb" not in p.parts} == before
    assert stat.S_IMODE((layout.private / "ingest").stat().st_mode) == 0o700


def test_a_part_whose_rename_failed_can_be_written_again(
    stage: StagingArea, ingest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(StorageFailed):
            write(stage, CONTENT)

    (part,) = ingest.glob("*.part")
    assert stat.S_IMODE(part.stat().st_mode) & stat.S_IWUSR
    write(stage, CONTENT)
    assert stage.has(DIGEST, SIZE)
