import errno
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from cachedb.errors import BlobNotFound, CorruptBlob, LimitExceeded, NotALayout, StorageFailed
from cachedb.layout import Layout
from cachedb.layout.blobs import BlobStore, path_of
from cachedb.limits import Limit
from cachedb.oci.digest import Digest
from tests import build
from tests.programs import require_root

BLOB = build.Blob(b"0123456789" * 300_000, build.OCI_LAYER)  # three reads of the buffer
DIGEST = Digest(BLOB.digest)
LIMIT = Limit(name="test bytes", variable="CACHEDB_TEST", value=10 << 20)


@pytest.fixture
def store(tree: build.Tree):
    tree.put(BLOB)
    with Layout.open(tree.path) as layout:
        yield layout.blobs


def read_all(store: BlobStore) -> bytes:
    with store.open(DIGEST) as file:
        return file.read()


def read_in_pieces(store: BlobStore) -> bytes:
    parts = []
    with store.open(DIGEST) as file:
        while part := file.read(70_000):
            parts.append(part)
    return b"".join(parts)


def read_to_the_size(store: BlobStore) -> bytes:
    """As tarfile does, which knows the size and never asks for more."""
    with store.open(DIGEST) as file:
        left, parts = BLOB.size, []
        while left:
            parts.append(file.read(min(left, 70_000)))
            left -= len(parts[-1])
        return b"".join(parts)


def read_whole(store: BlobStore) -> bytes:
    return store.read(DIGEST, LIMIT)


def verify(store: BlobStore) -> bytes:
    store.verify(DIGEST)
    return BLOB.content


readers = pytest.mark.parametrize(
    "read",
    [read_all, read_in_pieces, read_to_the_size, read_whole, verify],
    ids=lambda function: function.__name__,
)


@readers
def test_reading_gives_the_bytes(store: BlobStore, read) -> None:
    assert read(store) == BLOB.content


@readers
@pytest.mark.parametrize("position", [0, BLOB.size - 1], ids=["first byte", "last byte"])
def test_a_flipped_byte_is_found_by_reading_to_the_end(
    store: BlobStore, tree: build.Tree, read, position: int
) -> None:
    tree.flip(DIGEST, position)
    with pytest.raises(CorruptBlob, match=r"holds sha256:[0-9a-f]{64} \(blobs/sha256/"):
        read(store)


@readers
def test_a_blob_that_is_cut_short_is_corrupt(store: BlobStore, tree: build.Tree, read) -> None:
    tree.truncate(DIGEST)
    with pytest.raises(CorruptBlob):
        read(store)


@readers
def test_an_empty_file_is_corrupt(store: BlobStore, tree: build.Tree, read) -> None:
    tree.overwrite(DIGEST, b"")
    with pytest.raises(CorruptBlob):
        read(store)


@readers
def test_a_blob_that_is_not_there_is_not_found(store: BlobStore, tree: build.Tree, read) -> None:
    tree.delete(DIGEST)
    with pytest.raises(BlobNotFound, match=DIGEST):
        read(store)


def test_the_empty_blob_can_be_read(store: BlobStore, tree: build.Tree) -> None:
    empty = build.Blob(b"", build.OCI_LAYER)
    tree.put(empty)
    with store.open(Digest(empty.digest)) as file:
        assert file.read() == b""


def test_going_back_to_the_start_reads_and_checks_anew(store: BlobStore, tree: build.Tree) -> None:
    with store.open(DIGEST) as file:
        file.read(BLOB.size // 2)
        file.seek(0)
        assert file.read() == BLOB.content
    tree.flip(DIGEST)
    with store.open(DIGEST) as file:
        file.read(10)
        file.seek(0)
        with pytest.raises(CorruptBlob):
            file.read()


def test_reading_from_the_middle_checks_no_hash(store: BlobStore) -> None:
    with store.open(DIGEST) as file:
        file.seek(BLOB.size - 5)
        assert file.read() == b"56789"
        assert file.tell() == BLOB.size


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_other_algorithms_are_checked_as_well(
    store: BlobStore, tree: build.Tree, algorithm: str
) -> None:
    blob = build.Blob(b"content", build.OCI_LAYER, algorithm=algorithm)
    tree.put(blob)
    assert store.read(Digest(blob.digest), LIMIT) == b"content"
    assert {file.digest for file in store.files()} == {DIGEST, Digest(blob.digest)}
    tree.flip(blob.digest)
    with pytest.raises(CorruptBlob):
        store.read(Digest(blob.digest), LIMIT)


def test_a_blob_above_the_limit_is_not_read(store: BlobStore) -> None:
    small = Limit(name="small bytes", variable="CACHEDB_LIMIT_SMALL", value=BLOB.size - 1)
    with pytest.raises(LimitExceeded, match="small bytes limit"):
        store.read(DIGEST, small)


def test_size_and_times_come_from_the_file(store: BlobStore, tree: build.Tree) -> None:
    os.utime(tree.blob_path(DIGEST), ns=(1, 10**18))
    found = store.stat(DIGEST)
    assert found is not None
    assert found.size == BLOB.size
    assert found.touched_ns > 10**18  # the ctime, which utime moves to now
    assert store.has(DIGEST, BLOB.size)
    assert not store.has(DIGEST, BLOB.size - 1)


# -- what is no regular file is never followed, opened, listed or moved ---------------------------


def plant_link(path: Path) -> None:
    secret = path.parents[3] / "outside"
    secret.write_bytes(BLOB.content)
    path.symlink_to(secret)


def plant_dangling(path: Path) -> None:
    path.symlink_to(path.parents[3] / "nowhere")


def plant_loop(path: Path) -> None:
    path.symlink_to(path.name)


def plant_socket(path: Path) -> None:
    # The path of a socket may have 107 bytes at most.
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{here}/s")
    os.rename(path.parent / "s", path)
    os.close(here)


def plant_device(path: Path) -> None:
    require_root("make a device")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # as /dev/zero


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_directory(path: Path) -> None:
    path.mkdir()


def by_trap(*plants):
    names = [plant.__name__.removeprefix("plant_") for plant in plants]
    return pytest.mark.parametrize("plant", plants, ids=names)


FILES = (plant_link, plant_dangling, plant_loop, plant_pipe, plant_socket, plant_device)
traps = by_trap(*FILES, plant_directory)


@pytest.fixture
def trapped(tree: build.Tree, store: BlobStore):
    def plant(trap) -> BlobStore:
        tree.delete(DIGEST)
        trap(tree.blob_path(DIGEST))
        return store

    return plant


@traps
@readers
def test_a_trap_is_never_read(trapped, plant, read) -> None:
    with pytest.raises(CorruptBlob, match=r"is (a symbolic link|a directory|not a regular file)"):
        read(trapped(plant))


@traps
def test_a_trap_is_described_as_what_it_is(trapped, plant, tree: build.Tree) -> None:
    store = trapped(plant)
    path = tree.blob_path(DIGEST)
    expected = (
        "is a symbolic link, which is not followed" if path.is_symlink()
        else "is a directory" if path.is_dir() else "is not a regular file"
    )  # fmt: skip
    assert store.obstacle(DIGEST) == expected


def test_a_blob_and_an_absent_one_have_no_obstacle(store: BlobStore) -> None:
    assert store.obstacle(DIGEST) is None
    assert store.obstacle(Digest.of(b"absent")) is None
    assert list(store.unreachable_directories()) == []


@traps
def test_a_trap_is_not_there_and_is_reported_as_stray(trapped, plant) -> None:
    store = trapped(plant)
    assert store.stat(DIGEST) is None
    assert not store.has(DIGEST, BLOB.size)
    assert list(store.files()) == []
    assert list(store.foreign_files()) == [path_of(DIGEST)]


@traps
def test_a_trap_is_not_moved_to_the_trash(trapped, plant, tree: build.Tree) -> None:
    trapped(plant)
    with Layout.open(tree.path) as layout, layout.quarantine() as trash:
        assert trash.add("run", [DIGEST]) == 0
        assert list(trash.blobs("run")) == []
    assert os.path.lexists(tree.blob_path(DIGEST))


@by_trap(*FILES)
def test_publishing_replaces_a_trap_and_writes_nothing_through_it(
    trapped, plant, tree: build.Tree, tmp_path: Path
) -> None:
    store = trapped(plant)
    outside = tmp_path / "outside"
    before = outside.stat().st_ino if outside.exists() else None
    (tmp_path / "new").write_bytes(BLOB.content)
    source = os.open(tmp_path, os.O_RDONLY)
    assert store.publish(source, "new", DIGEST)
    os.close(source)
    assert tree.blob_path(DIGEST).is_file()
    assert not tree.blob_path(DIGEST).is_symlink()
    assert (outside.stat().st_ino if outside.exists() else None) == before
    assert not (tmp_path / "nowhere").exists()


def test_publishing_over_a_directory_fails_and_says_so(trapped, tmp_path: Path) -> None:
    store = trapped(plant_directory)
    (tmp_path / "new").write_bytes(BLOB.content)
    source = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(StorageFailed, match="cannot publish blobs/sha256"):
        store.publish(source, "new", DIGEST)
    os.close(source)


@pytest.mark.parametrize("linked", ["blobs", "blobs/sha256"])
def test_a_blob_store_behind_a_link_is_refused(
    store: BlobStore, tree: build.Tree, tmp_path: Path, linked: str
) -> None:
    shutil.move(tree.path / linked, tmp_path / "moved")
    (tree.path / linked).symlink_to(tmp_path / "moved")
    assert store.stat(DIGEST) is None
    why = "is a symbolic link, which is not followed"
    assert store.obstacle(DIGEST) == f"is unreachable: {linked} {why}"
    assert list(store.unreachable_directories()) == [(linked, f"it {why}")]
    with pytest.raises(NotALayout):
        list(store.files())
    with pytest.raises(CorruptBlob, match="symbolic link"):
        store.open(DIGEST)
    source = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "new").write_bytes(b"")
    with pytest.raises(NotALayout):
        store.publish(source, "new", DIGEST)
    os.close(source)
    assert (tmp_path / "new").exists()


def test_a_layout_without_blobs_lists_none(store: BlobStore, tree: build.Tree) -> None:
    shutil.rmtree(tree.path / "blobs")
    assert list(store.files()) == []
    assert list(store.foreign_files()) == []
    store.sync()


STRAYS = ["README", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + ".tmp", "a" * 64 + "\n", "\udcff"]


def test_names_that_are_no_digests_are_passed_over_and_reported(
    store: BlobStore, tree: build.Tree
) -> None:
    for name in STRAYS:
        (tree.path / "blobs" / "sha256" / name).write_bytes(b"")
    assert [file.digest for file in store.files()] == [DIGEST]
    assert sorted(store.foreign_files()) == sorted(f"blobs/sha256/{name}" for name in STRAYS)


def test_a_blob_that_was_taken_away_is_not_withdrawn(store: BlobStore, tmp_path: Path) -> None:
    target = os.open(tmp_path, os.O_RDONLY)
    with store.in_bulk() as kept:
        assert kept.move_out([DIGEST], target, lambda _: "first") == 1
        assert kept.move_out([DIGEST], target, lambda _: "second") == 0
    os.close(target)
    assert (tmp_path / "first").read_bytes() == BLOB.content


def test_publishing_what_is_gone_says_so(store: BlobStore, tmp_path: Path) -> None:
    source = os.open(tmp_path, os.O_RDONLY)
    assert store.publish(source, "nothing", DIGEST) is False
    os.close(source)


def test_publishing_makes_the_folder_of_an_algorithm(
    store: BlobStore, tree: build.Tree, tmp_path: Path
) -> None:
    blob = build.Blob(b"x", build.OCI_LAYER, algorithm="sha512")
    (tmp_path / "new").write_bytes(blob.content)
    source = os.open(tmp_path, os.O_RDONLY)
    assert store.publish(source, "new", Digest(blob.digest))
    os.close(source)
    assert tree.blob_path(blob.digest).read_bytes() == b"x"


def test_an_input_output_error_is_an_error_of_storage(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_descriptor: int, _count: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", broken)
    for read in (read_whole, verify):
        with pytest.raises(StorageFailed, match=r"cannot read blobs/sha256/.*input/output error"):
            read(store)


def outcome(store: BlobStore) -> object:
    """Return what reading a blob gives: its bytes, or the error and its text."""
    try:
        return store.read(DIGEST, LIMIT)
    except (BlobNotFound, CorruptBlob, LimitExceeded, NotALayout, StorageFailed) as error:
        return type(error), str(error)


def replace_blob(tree: build.Tree, how: str) -> None:
    path = tree.path / path_of(DIGEST)
    content = path.read_bytes()
    path.unlink()
    match how:
        case "flipped":
            path.write_bytes(b"9" + content[1:])
        case "truncated":
            path.write_bytes(content[:-1])
        case "too-large":
            path.write_bytes(b"0" * (LIMIT.value + 1))
        case "link":
            path.symlink_to("/etc/passwd")
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "intact":
            path.write_bytes(content)


@pytest.mark.parametrize(
    "how",
    ["intact", "flipped", "truncated", "too-large", "link", "directory", "fifo", "missing"],
)
def test_a_store_kept_open_reads_and_refuses_what_a_store_does(tree: build.Tree, how: str) -> None:
    tree.put(BLOB)
    replace_blob(tree, how)
    with Layout.open(tree.path) as layout, layout.blobs.kept_open() as kept:
        expected = outcome(layout.blobs)
        assert outcome(kept) == expected
    assert (expected == BLOB.content) == (how == "intact")
