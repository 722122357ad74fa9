import os
import time
from pathlib import Path

import pytest

from cachedb.layout import Layout
from cachedb.layout.fingerprint import Fingerprint
from tests import build

LONG_AGO = time.time_ns() - 10**12


def settle(tree: build.Tree) -> None:
    """Give every file a time stamp of long ago."""
    for path in (tree.path / "index.json", *(tree.path / "blobs").iterdir()):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))


def take(tree: build.Tree) -> Fingerprint:
    with Layout.open(tree.path) as layout:
        return layout.fingerprint()


def take_when_settled(tree: build.Tree, monkeypatch: pytest.MonkeyPatch) -> Fingerprint:
    """Take one as if a minute had gone by: utime itself moves the ctime of index.json to now."""
    now = time.time_ns() + 60 * 10**9
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: now)
        return take(tree)


def test_an_untouched_layout_is_proven_unchanged(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = take_when_settled(populated, monkeypatch)
    assert recorded.settled
    assert take(populated).proves_unchanged(recorded)


def test_what_was_taken_right_after_a_change_proves_nothing(populated: build.Tree) -> None:
    recorded = take(populated)
    assert not recorded.settled
    assert not take(populated).proves_unchanged(recorded)


def test_without_a_record_nothing_is_proven(populated: build.Tree) -> None:
    assert not take(populated).proves_unchanged(None)


def test_str_and_parse_are_inverse(populated: build.Tree, monkeypatch) -> None:
    for found in (take(populated), take_when_settled(populated, monkeypatch)):
        assert Fingerprint.parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "a b", "a b c", "a b settled d"], ids=repr)
def test_what_str_did_not_write_is_no_fingerprint(text: str) -> None:
    assert Fingerprint.parse(text) is None


def rewrite_same_size(tree: build.Tree) -> None:
    content = (tree.path / "index.json").read_bytes()
    changed = content.replace(b"example.com/app:1", b"example.com/app:2")
    assert changed != content
    assert len(changed) == len(content)
    (tree.path / "index.json").write_bytes(changed)


def rewrite_and_put_the_time_back(tree: build.Tree) -> None:
    path = tree.path / "index.json"
    before = path.stat()
    rewrite_same_size(tree)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename_over(tree: build.Tree) -> None:
    build.Tree(tree.path, build.UMOCI).write_index((tree.path / "index.json").read_bytes())


def add_blob(tree: build.Tree) -> None:
    tree.put(build.layer({"new": ""}))


def remove_blob(tree: build.Tree) -> None:
    tree.delete(min(tree.blobs()))


def replace_blob(tree: build.Tree) -> None:
    path = tree.blob_path(min(tree.blobs()))
    (path.parent / "new").write_bytes(path.read_bytes())
    os.replace(path.parent / "new", path)


def add_algorithm(tree: build.Tree) -> None:
    tree.put(build.Blob(b"x", build.OCI_LAYER, algorithm="sha512"))


def make_blobs_anew(tree: build.Tree) -> None:
    os.rename(tree.path / "blobs", tree.path / "old")
    (tree.path / "blobs" / "sha256").mkdir(parents=True)


def remove_blobs(tree: build.Tree) -> None:
    os.rename(tree.path / "blobs", tree.path / "old")


@pytest.mark.parametrize(
    "change",
    [
        rewrite_same_size,
        rewrite_and_put_the_time_back,
        rename_over,
        add_blob,
        remove_blob,
        replace_blob,
        add_algorithm,
        make_blobs_anew,
        remove_blobs,
    ],
)
def test_a_change_by_another_tool_is_seen(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch, change
) -> None:
    settle(populated)
    recorded = take_when_settled(populated, monkeypatch)
    change(populated)
    assert not take(populated).proves_unchanged(recorded)


@pytest.mark.parametrize("name", [".fsverity-check-1", ".lock", ".cachedb", "oci-put-blob1"])
def test_what_others_do_in_the_root_is_no_change(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recorded = take_when_settled(populated, monkeypatch)
    (populated.path / name).write_bytes(b"")
    assert take(populated).proves_unchanged(recorded)


def test_a_time_stamp_of_the_future_never_settles(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time_ns() + 10**15
    os.utime(populated.path / "index.json", ns=(later, later))
    assert not take_when_settled(populated, monkeypatch).settled


def test_it_costs_a_handful_of_calls(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    call = os.stat

    def counting(*arguments: object, **more: object) -> os.stat_result:
        calls.append(arguments)
        return call(*arguments, **more)  # type: ignore[arg-type]

    with Layout.open(populated.path) as layout:
        monkeypatch.setattr(os, "stat", counting)
        layout.fingerprint()
    assert len(calls) == 4


def test_names_outside_of_the_layout_are_not_looked_at(tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache")
    os.rename(tree.path / "blobs", tmp_path / "moved")
    (tree.path / "blobs").symlink_to(tmp_path / "moved")
    assert take(tree).blobs == "none"
