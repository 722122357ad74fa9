import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedb.errors import CacheNotFound, LimitExceeded, NotALayout, StorageFailed
from cachedb.layout import Layout, image_layout
from cachedb.layout.index_json import IndexJson
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Digest
from tests import build


@pytest.mark.parametrize(
    "style",
    [build.LINUXKIT, build.SKOPEO, build.UMOCI, build.CONTAINERD],
    ids=["linuxkit", "skopeo", "umoci", "containerd"],
)
def test_layouts_of_other_tools_are_opened(tmp_path: Path, style: build.Style) -> None:
    image = build.image()
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": image}, style)
    with Layout.open(tree.path) as layout:
        (ref,) = layout.index().refs
    assert ref.descriptor.digest == image.digest
    assert ref.name in {"example.com/app:1", "1"}


def test_opening_writes_nothing(populated: build.Tree) -> None:
    before = snapshot(populated.path)
    with Layout.open(populated.path) as layout:
        layout.index()
        layout.fingerprint()
        list(layout.blobs.files())
    assert snapshot(populated.path) == before


def snapshot(path: Path) -> dict[str, tuple[int, int]]:
    return {
        str(found): (found.lstat().st_mtime_ns, found.lstat().st_ctime_ns)
        for found in [path, *path.rglob("*")]
    }


def test_a_folder_that_is_not_there_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(CacheNotFound, match="no such directory") as caught:
        Layout.open(tmp_path / "nowhere")
    assert caught.value.exit_code == 3


def test_a_file_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotALayout, match="not a directory"):
        Layout.open(tmp_path / "file")


def test_a_folder_without_index_json_is_no_layout(tmp_path: Path) -> None:
    with pytest.raises(NotALayout, match=r"has no index\.json"):
        Layout.open(tmp_path)


def test_a_layout_without_a_marker_is_opened(populated: build.Tree) -> None:
    """linuxkit and others never look for one."""
    (populated.path / "oci-layout").unlink()
    with Layout.open(populated.path) as layout:
        assert len(layout.index().refs) == 2


@pytest.mark.parametrize(
    ("marker", "why"),
    [
        pytest.param(b'{"imageLayoutVersion":"9.9.9"}', "'9.9.9' is not a version", id="version"),
        pytest.param(b"\0\1\2", "oci-layout", id="garbage"),
        pytest.param(b"{}", "imageLayoutVersion: missing", id="no version"),
        pytest.param(b"", "not JSON", id="empty"),
    ],
)
def test_a_marker_that_says_something_else_is_refused(
    populated: build.Tree, marker: bytes, why: str
) -> None:
    (populated.path / "oci-layout").write_bytes(marker)
    with pytest.raises(NotALayout, match=why):
        Layout.open(populated.path)


def test_a_huge_marker_is_not_read(populated: build.Tree) -> None:
    (populated.path / "oci-layout").write_bytes(b" " * 5000)
    with pytest.raises(LimitExceeded, match="oci-layout"):
        Layout.open(populated.path)


def make_link(path: Path) -> None:
    os.rename(path, path.parent.parent / "outside")
    path.symlink_to("../outside")


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


traps = pytest.mark.parametrize("trap", [make_link, make_fifo, make_directory])


@traps
@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_a_file_of_the_layout_that_is_a_trap_is_refused(
    populated: build.Tree, trap, name: str
) -> None:
    trap(populated.path / name)
    with (
        pytest.raises(NotALayout, match="not a regular file"),
        Layout.open(populated.path) as layout,
    ):
        layout.index()


def test_our_folder_behind_a_link_is_refused(populated: build.Tree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (populated.path / ".cachedb").symlink_to("../outside")
    with Layout.open(populated.path) as layout:
        for use in (layout.publishing, layout.sweeping, layout.staging, layout.quarantine):
            with pytest.raises(NotALayout), use():
                pass
        with pytest.raises(NotALayout):
            layout.replace_index(IndexJson.empty())
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_our_folder_is_refused_if_others_may_write_to_it(populated: build.Tree, mode: int) -> None:
    (populated.path / ".cachedb").mkdir()
    (populated.path / ".cachedb").chmod(mode)
    with (
        Layout.open(populated.path) as layout,
        pytest.raises(NotALayout, match="writable by other users") as caught,
        layout.publishing(),
    ):
        pass
    assert caught.value.hint == f"chmod go-w {layout.private}"
    assert not layout_is_writable(populated.path)


def layout_is_writable(path: Path) -> bool:
    with Layout.open(path) as layout:
        return layout.is_writable


def test_files_of_a_folder_that_others_write_are_not_read(populated: build.Tree) -> None:
    with Layout.open(populated.path) as layout:
        layout.replace_own("config.toml", b"mine")
        assert layout.read_own("config.toml", MANIFEST_BYTES) == b"mine"
        layout.private.chmod(0o770)
        assert layout.read_own("config.toml", MANIFEST_BYTES) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_that_root_creates_belong_to_the_owner_of_the_layout(
    populated: build.Tree,
) -> None:
    for path in (populated.path, *populated.path.rglob("*")):
        os.chown(path, 65534, 65533)
    with (
        Layout.open(populated.path) as layout,
        layout.staging() as stage,
        layout.leasing(),
        layout.publishing(),
        layout.locking_names(),
    ):
        stage.add(Digest.of(b"new"), b"new")
        stage.publish([Digest.of(b"new")])
        layout.replace_own("config.toml", b"")
        layout.replace_index(layout.index())
        layout.allocate_reserve()
        owners = {
            str(path.relative_to(populated.path)): (path.lstat().st_uid, path.lstat().st_gid)
            for path in populated.path.rglob("*")
        }
    assert {".lock", ".cachedb", ".cachedb/reserved", ".cachedb/gc.lock"} <= owners.keys()
    assert set(owners.values()) == {(65534, 65533)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_does_not_give_away_a_file_that_was_there(
    populated: build.Tree, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of root")
    for path in (populated.path, *populated.path.rglob("*")):
        os.chown(path, 65534, 65534)
    os.link(secret, populated.path / ".lock")
    with Layout.open(populated.path) as layout, layout.locking_names():
        pass
    assert secret.stat().st_uid == 0


def test_our_folder_is_closed_to_others(populated: build.Tree) -> None:
    before = os.umask(0)
    try:
        with Layout.open(populated.path) as layout, layout.staging():
            mode = layout.private.stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_IMODE(mode) == 0o700


# -- making one -----------------------------------------------------------------------------------


def test_a_new_layout_is_one_that_others_can_read(tmp_path: Path) -> None:
    with Layout.create(tmp_path / "a" / "b") as layout:
        assert layout.index() == IndexJson.empty()
    assert json.loads((tmp_path / "a/b/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((tmp_path / "a/b/index.json").read_text())["manifests"] == []
    assert (tmp_path / "a/b/blobs/sha256").is_dir()


def test_creating_one_that_is_there_changes_nothing(populated: build.Tree) -> None:
    before = snapshot(populated.path)
    with Layout.create(populated.path) as layout:
        assert len(layout.index().refs) == 2
    assert snapshot(populated.path) == before


def test_an_empty_folder_is_made_one(tmp_path: Path) -> None:
    with Layout.create(tmp_path) as layout:
        assert layout.index().refs == ()


@pytest.mark.parametrize("left", [("blobs/sha256", "oci-layout"), (".cachedb",), ("ingest",)])
def test_a_layout_whose_making_was_cut_short_is_finished(
    tmp_path: Path, left: tuple[str, ...]
) -> None:
    for name in left:
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    if "oci-layout" in left:
        (tmp_path / "oci-layout").rmdir()
        (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    with Layout.create(tmp_path) as layout:
        assert layout.index().refs == ()


def test_a_layout_that_lost_its_names_is_not_made_an_empty_one(populated: build.Tree) -> None:
    """With an empty index.json every blob would be garbage."""
    (populated.path / "index.json").unlink()
    with pytest.raises(NotALayout, match=r"has no index\.json"):
        Layout.create(populated.path)
    assert not (populated.path / "index.json").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(NotALayout):
        Layout.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_who_make_the_same_layout_at_once_make_one(tmp_path: Path) -> None:
    meet = threading.Barrier(4)
    errors: list[BaseException] = []

    def make() -> None:
        meet.wait()
        try:
            Layout.create(tmp_path / "cache").close()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Layout.open(tmp_path / "cache") as layout:
        assert layout.index() == IndexJson.empty()


# -- index.json -----------------------------------------------------------------------------------


def test_a_torn_write_of_another_tool_is_waited_for(populated: build.Tree) -> None:
    whole = (populated.path / "index.json").read_bytes()
    populated.write_index(whole[: len(whole) // 2])
    timer = threading.Timer(0.1, lambda: populated.write_index(whole))
    with Layout.open(populated.path) as layout:
        timer.start()
        assert len(layout.index().refs) == 2
    timer.join()


def test_a_broken_index_of_long_ago_is_not_waited_for(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    populated.write_index(b"{")
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("waited"))
    with (
        Layout.open(populated.path) as layout,
        pytest.raises(NotALayout, match=r"index\.json: not JSON"),
    ):
        layout.index()


def test_an_index_that_stays_torn_is_refused(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_layout, "_TORN_SECONDS", 0.05)
    populated.write_index(b"")
    with Layout.open(populated.path) as layout, pytest.raises(NotALayout, match="not JSON"):
        layout.index()


def test_replacing_the_index_leaves_the_old_one_to_its_readers(populated: build.Tree) -> None:
    with Layout.open(populated.path) as layout:
        with (populated.path / "index.json").open("rb") as old:
            layout.replace_index(IndexJson.empty())
            assert len(json.load(old)["manifests"]) == 2
        assert layout.index().refs == ()


@contextmanager
def as_another_user() -> Iterator[None]:
    """Give up the rights of root, if we have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_layout_is_read_and_says_so(populated: build.Tree) -> None:
    blobs = populated.blobs()
    populated.path.chmod(0o555)
    with Layout.open(populated.path) as layout, as_another_user():
        assert not layout.is_writable
        assert len(layout.index().refs) == 2
        assert {file.digest for file in layout.blobs.files()} == blobs


def test_changing_a_read_only_layout_is_refused_in_one_line(populated: build.Tree) -> None:
    populated.path.chmod(0o555)
    with Layout.open(populated.path) as layout, as_another_user():
        for use in (layout.publishing, layout.locking_names, layout.staging):
            with pytest.raises(StorageFailed, match="is read-only"), use():
                pass
        with pytest.raises(StorageFailed, match="is read-only"):
            layout.replace_index(IndexJson.empty())


def test_a_layout_that_we_may_not_read_is_refused_in_one_line(populated: build.Tree) -> None:
    for name in ("index.json", "blobs"):
        (populated.path / name).chmod(0)
    populated.path.chmod(0o555)
    with Layout.open(populated.path) as layout, as_another_user():
        with pytest.raises(StorageFailed, match=r"cannot open index\.json: permission denied"):
            layout.index()
        with pytest.raises(StorageFailed, match="permission denied"):
            list(layout.blobs.files())


def test_setting_a_file_aside_keeps_one_old_one(populated: build.Tree) -> None:
    with Layout.open(populated.path) as layout:
        layout.make_private()
        for content in ("one", "two"):
            (layout.private / "index.db").write_text(content)
            layout.set_aside("index.db")
        assert (layout.private / "index.db.bak").read_text() == "two"
        assert not (layout.private / "index.db").exists()


def test_a_folder_in_the_place_of_the_old_one_stays(populated: build.Tree) -> None:
    with Layout.open(populated.path) as layout:
        layout.make_private()
        for number in range(2):
            (layout.private / "index.db").mkdir()
            (layout.private / "index.db" / f"file{number}").touch()
            layout.set_aside("index.db")
        (layout.private / "index.db").write_text("three")
        layout.set_aside("index.db")
        kept = {path.name for path in layout.private.glob("index.db.bak*/file*")}
        assert kept == {"file0", "file1"}
        assert "three" in {p.read_text() for p in layout.private.iterdir() if p.is_file()}
