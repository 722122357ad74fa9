"""Layers to one tree: as the spec asks, as umoci does it, and so that tools extract it."""

import hashlib
import io
import json
import os
import posixpath
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cachedb.archive import flatten
from cachedb.errors import InvalidArchive, LimitExceeded
from cachedb.limits import LAYER_MEMBERS
from tests import build as images
from tests import recorded
from tests.archive import build
from tests.archive.build import directory, file, link
from tests.interop.tools import umoci
from tests.oci.table import Table
from tests.programs import require

TABLE = Table(
    "layers_flatten",
    {
        "unsafe_path_ggcr/*": "ggcr refuses a name that climbs; we keep it in, as linuxkit's "
        "recorded fs-odd-names and umoci do, and a backslash is a character like others",
        "symlink_filter_ggcr/*": "ggcr drops symlinks that lead out; a symlink is data, nothing "
        "here follows one, and images need theirs (the rows of opaque_umoci keep them)",
        "whiteout_umoci/001": "a name that is nothing but the prefix hides nothing: fs-wh-empty",
        "whiteout_umoci/002": "a name that is nothing but the prefix hides nothing: fs-wh-empty",
    },
)


def flat(*layers: bytes) -> bytes:
    return b"".join(flatten.stream(len(layers), lambda number: io.BytesIO(layers[number]), []))


def tree(archive: bytes) -> dict[str, dict[str, Any]]:
    """Read a flattened archive, and check that it could be extracted in its order."""
    found: dict[str, dict[str, Any]] = {}
    for info, content in build.members(archive):
        assert info.name not in found
        assert not info.name.startswith("/")
        assert ".." not in info.name.split("/")
        parent = posixpath.dirname(info.name)
        assert not parent or found[parent]["type"] == "dir"
        node = {"type": build.NAMES[info.type], "info": info, "content": content}
        if info.islnk():
            target = found[info.linkname]
            node = {**target, "same": target.get("same", info.linkname)}
        found[info.name] = node
    return found


def describe(node: dict[str, Any]) -> dict[str, Any]:
    """Describe a node as the vectors do."""
    found = {"type": node["type"]}
    if node["type"] == "symlink":
        return {**found, "link": node["info"].linkname}
    found["mode"] = f"{node['info'].mode:04o}"
    if node["content"]:
        found["content"] = node["content"].decode()
    return found


def check(found: dict[str, dict[str, Any]], checks: dict[str, Any]) -> None:
    assert [path for path in checks.get("present", []) if path not in found] == []
    assert [path for path in checks.get("gone", []) if path in found] == []
    for path, content in checks.get("content", {}).items():
        assert found[path]["content"] == content.encode()
    for path, mode in checks.get("mode", {}).items():
        assert found[path]["info"].mode == int(mode, 8)
    for path, target in checks.get("link", {}).items():
        assert found[path]["info"].linkname == target
    for one, other in checks.get("same", []):
        assert found[one].get("same", one) == found[other].get("same", other)
    if "exact" in checks:
        assert sorted(found) == checks["exact"]


CATEGORIES = (
    "opaque opaque_umoci whiteout whiteout_umoci type_change parents hardlink round_trip "
    "breakout_containerd unsafe_path_ggcr symlink_filter_ggcr"
).split()


@pytest.mark.parametrize("row", TABLE.rows(*CATEGORIES))
def test_layers_give_the_tree_that_the_spec_asks_for(row: Any) -> None:
    layers = [build.from_rows(rows) for rows in row["layers"]]
    if "error" in row["checks"]:
        with pytest.raises(InvalidArchive):
            flat(*layers)
        return
    found = tree(flat(*layers))
    check(found, row["checks"])
    observed = row["observed"].get("umoci", {})
    if observed and "error" not in observed:
        for node in observed.values():
            node.pop("hardlink_of", None)
        assert {path: describe(node) for path, node in found.items()} == observed


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@recorded.parameters()
def recorded_cases() -> list[str]:
    return sorted(path.stem for path in (recorded.root() / "linuxkit" / "flat").iterdir())


def recorded_layers(case: str) -> list[bytes]:
    archive = (recorded.root() / "linuxkit" / "inputs" / f"{case}.tar").read_bytes()
    blobs = {info.name: content for info, content in build.members(archive)}

    def blob(descriptor: Any) -> bytes:
        return blobs["blobs/" + descriptor["digest"].replace(":", "/")]

    index = json.loads(blobs["index.json"])
    return [blob(layer) for layer in json.loads(blob(index["manifests"][0]))["layers"]]


def record(node: dict[str, Any]) -> dict[str, Any]:
    """Describe a node as the recorded trees do."""
    info = node["info"]
    found: dict[str, Any] = {"type": node["type"], "uid": info.uid, "gid": info.gid}
    if node["type"] == "symlink":
        return {**found, "to": info.linkname}
    found["mode"] = oct(info.mode)
    if node["type"] == "file":
        found["sha256"] = hashlib.sha256(node["content"]).hexdigest()[:16]
        found["size"] = len(node["content"])
    if node["type"] in {"char", "block"}:
        found["dev"] = [info.devmajor, info.devminor]
    xattrs = {
        key.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape").hex()
        for key, value in info.pax_headers.items()
        if key.startswith("SCHILY.xattr.")
    }
    return {**found, "xattr": xattrs} if xattrs else found


@pytest.mark.recorded
@pytest.mark.parametrize("case", recorded_cases())
def test_images_give_the_recorded_tree(case: str) -> None:
    expected = json.loads((recorded.root() / "linuxkit" / "flat" / f"{case}.json").read_text())
    found = tree(flat(*recorded_layers(case)))
    found.pop(".", None)
    assert {path: record(node) for path, node in found.items()} == expected["entries"]
    linked: dict[str, set[str]] = {}
    for path, node in found.items():
        if "same" in node:
            linked.setdefault(node["same"], {node["same"]}).add(path)
    assert sorted(map(sorted, linked.values())) == sorted(map(sorted, expected["hardlinks"]))


def extract_with_tar(archive: bytes, target: Path, *options: str) -> None:
    require("tar")
    xattrs = ["--xattrs", "--xattrs-include=user.*"]
    command = ["tar", *xattrs, *options, "--no-same-owner", "-C", target, "-xpf", "-"]
    subprocess.run(command, input=archive, check=True)


def extract_with_bsdtar(archive: bytes, target: Path, *options: str) -> None:
    require("bsdtar")
    command = ["bsdtar", *options, "--no-same-owner", "-C", target, "-xpf", "-"]
    subprocess.run(command, input=archive, check=True)


def extract_with_umoci(archive: bytes, target: Path, *_options: str) -> None:
    """Let it be the one layer of an image; of a device umoci makes an empty file."""
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    layer = images.Blob(archive, images.OCI_LAYER, diff_id)
    layout = images.layout(target.parent / "layout", {"x": images.image(layer)})
    target.rmdir()
    umoci("raw", "unpack", "--rootless", "--image", f"{layout.path}:x", target)


EXTRACTORS = [extract_with_tar, extract_with_bsdtar, extract_with_umoci]
by_each_tool = pytest.mark.parametrize(
    "extract", EXTRACTORS, ids=lambda extract: extract.__name__.rpartition("_")[2]
)


@pytest.mark.recorded
@by_each_tool
@pytest.mark.parametrize("case", recorded_cases())
def test_tools_extract_the_recorded_tree(case: str, extract: Any, tmp_path: Path) -> None:
    recording = json.loads((recorded.root() / "linuxkit" / "flat" / f"{case}.json").read_text())
    devices = {path for path, node in recording["entries"].items() if "dev" in node}
    expected = {k: node for k, node in recording["entries"].items() if k not in devices}
    target = tmp_path / "tree"
    target.mkdir()
    extract(flat(*recorded_layers(case)), target, *(f"--exclude={path}" for path in devices))
    found = {str(path.relative_to(target)): path for path in target.rglob("*")}
    assert found.keys() - devices == expected.keys()
    for name, node in expected.items():
        path = found[name]
        if node["type"] == "symlink":
            assert str(path.readlink()) == node["to"]
            continue
        # Who is not the owner of a file may not set its set-ID bits.
        assert stat.S_IMODE(path.stat().st_mode) & 0o1777 == int(node["mode"], 8) & 0o1777
        if node["type"] == "file":
            assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(node["sha256"])
        for key, value in node.get("xattr", {}).items():
            if key.startswith("user."):
                assert os.getxattr(path, key).hex() == value
    for linked in recording["hardlinks"]:
        assert len({found[name].stat().st_ino for name in linked}) == 1


@by_each_tool
def test_tools_extract_every_row_of_the_table_and_nothing_beside_it(
    extract: Any, tmp_path: Path
) -> None:
    """Many of these layers were made to write outside of where they are extracted."""
    for number, parameter in enumerate(TABLE.rows(*CATEGORIES)):
        (row,) = parameter.values
        if "error" in row["checks"]:
            continue
        archive = flat(*map(build.from_rows, row["layers"]))
        target = tmp_path / str(number) / "tree"
        target.mkdir(parents=True)
        extract(archive, target)
        found = {str(path.relative_to(target)) for path in target.rglob("*")}
        assert found == tree(archive).keys() - {"."}, row["id"]
        assert {path.name for path in target.parent.iterdir()} <= {"tree", "layout"}, row["id"]


# The rows that are not ours, since one tool has its own opinion or the recorded trees differ.
INSTEAD = {
    "unsafe_path_ggcr/002": ["tmp", "tmp/safe"],
    "unsafe_path_ggcr/003": ["tmp", "tmp/evil"],
    "unsafe_path_ggcr/004": ["..\\..\\tmp\\evil"],
    "unsafe_path_ggcr/006": ["C:\\tmp\\evil"],
    "symlink_filter_ggcr/001": ["usr", "usr/local", "usr/local/bin", "usr/local/bin/ld.so"],
    "symlink_filter_ggcr/004": ["usr", "usr/local", "usr/local/bin", "usr/local/bin/abs-link"],
    "symlink_filter_ggcr/005": ["etc", "etc/foo"],
    "symlink_filter_ggcr/006": ["etc", "etc/win-escape"],
    "whiteout_umoci/001": ["keep"],
    "whiteout_umoci/002": ["some", "some/path"],
}


@pytest.mark.parametrize("row", TABLE.others())
def test_entries_on_which_tools_disagree_stay_inside(row: Any) -> None:
    layers = [build.from_rows(rows) for rows in row["layers"]]
    key = row["id"].partition("/")[2]
    if key == "unsafe_path_ggcr/001":
        with pytest.raises(InvalidArchive, match="puts a file in place of the root"):
            flat(*layers)
        return
    found = tree(flat(*layers))
    assert list(found) == INSTEAD[key]
    for entry in row["layers"][-1]:
        if entry["type"] == "symlink":
            assert found[entry["path"]]["info"].linkname == entry["link"]


def test_one_layer_keeps_its_order() -> None:
    names = ["b", "b/z", "b/a", "a", "c"]
    layer = build.tar(directory("b"), file("b/z"), file("b/a"), file("a"), directory("c"))
    assert list(tree(flat(layer))) == names


def test_parents_come_first_whatever_the_layer_says() -> None:
    layer = build.tar(
        file("a/b/c", b"1"), directory("a/b", mode=0o700), directory("a", mode=0o711)
    )
    found = tree(flat(layer))
    assert list(found) == ["a", "a/b", "a/b/c"]
    assert [found[path]["info"].mode for path in ("a", "a/b")] == [0o711, 0o700]


def test_a_directory_that_was_emptied_stays() -> None:
    found = tree(flat(build.tar(file("a/b/c")), build.tar(file("a/b/.wh.c"))))
    assert list(found) == ["a", "a/b"]


def test_the_root_is_kept_if_a_layer_describes_it() -> None:
    found = tree(flat(build.tar(directory("./", mode=0o711)), build.tar(file("a"))))
    assert found["."]["info"].mode == 0o711


def test_a_file_is_stored_once_however_many_links_it_has() -> None:
    layers = [
        build.tar(file("a", b"content")),
        build.tar(link("c/b", "a", "hardlink")),
        build.tar(link("0", "c/b", "hardlink"), file(".wh.a")),
    ]
    found = tree(flat(*layers))
    assert found["c/b"]["content"] == found["0"]["content"] == b"content"
    assert sum(1 for node in found.values() if "same" in node) == 1
    assert "a" not in found


def test_a_hard_link_survives_the_whiteout_of_its_target_in_one_layer() -> None:
    found = tree(
        flat(build.tar(file("a", b"1")), build.tar(link("b", "a", "hardlink"), file(".wh.a")))
    )
    assert list(found) == ["b"]
    assert found["b"]["content"] == b"1"


def test_a_whiteout_that_is_a_directory_hides_too() -> None:
    found = tree(flat(build.tar(file("d/x")), build.tar(directory(".wh.d/"), file("k"))))
    assert list(found) == ["k"]


def test_a_directory_below_a_link_is_where_the_link_leads() -> None:
    lower = build.tar(directory("usr"), directory("usr/lib"), link("lib", "usr/lib"))
    found = tree(flat(lower, build.tar(file("lib/new", b"1"))))
    assert found["usr/lib/new"]["content"] == b"1"
    assert found["lib"]["type"] == "symlink"


def test_what_a_lower_directory_was_is_forgotten_with_it() -> None:
    lower = build.tar(directory("d", mode=0o700), file("d/old"))
    found = tree(flat(lower, build.tar(file("d/new"), file(".wh.d"))))
    assert list(found) == ["d", "d/new"]
    assert found["d"]["info"].mode == 0o755


def test_details_of_a_file_survive() -> None:
    records = {"mtime": "1.5", "SCHILY.xattr.user.a": "1"}
    layer = build.tar(
        file("f", b"1", uname="me", gname="us", uid=3_000_000, mode=0o6755, pax_headers=records)
    )
    info = tree(flat(layer))["f"]["info"]
    assert (info.uname, info.gname, info.uid, info.mode, info.mtime) == (
        "me",
        "us",
        3_000_000,
        0o6755,
        1.5,
    )
    assert info.pax_headers["SCHILY.xattr.user.a"] == "1"


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        pytest.param(
            [[link("a", "b", "hardlink")]], "refers to a missing file", id="link-to-nothing"
        ),
        pytest.param(
            [[directory("d"), link("a", "d", "hardlink")]], "a directory", id="link-to-a-directory"
        ),
        pytest.param(
            [[link("a", "", "hardlink")]], "refers to a missing file", id="link-to-the-root"
        ),
        pytest.param([[file(".", b"x")]], "the root", id="file-for-the-root"),
        pytest.param([[link("a", "b"), link("b", "a"), file("a/x")]], "form a cycle", id="circle"),
        pytest.param([[file("x" * 5000)]], "not a path", id="long-path"),
        pytest.param([[link("s", "x/" * 3000)]], "not a path", id="long-target"),
    ],
)
def test_what_has_no_place_in_a_tree_is_refused(layers: Sequence[Any], why: str) -> None:
    with pytest.raises(InvalidArchive, match=why) as caught:
        flat(*(build.tar(*entries) for entries in layers))
    assert str(caught.value).startswith("layer 0: ")


def test_links_do_not_make_a_tree_without_end() -> None:
    deep = "/".join("d" * 1000)
    entries = [link("l", deep), file(f"{deep}/x"), link(f"{deep}/m", deep), file("l/m/x")]
    assert "l" in tree(flat(build.tar(*entries)))
    deeper = [
        directory("/".join("e" * 1500)),
        link("s", "/".join("e" * 1500)),
        file("s/" + "f/" * 900),
    ]
    with pytest.raises(InvalidArchive, match="deep"):
        flat(build.tar(*deeper))


def test_implied_directories_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    few = type(LAYER_MEMBERS)(name="layer members", variable="X", value=10)
    monkeypatch.setattr("cachedb.archive.file_tree.LAYER_MEMBERS", few)
    with pytest.raises(LimitExceeded):
        flat(build.tar(file("/".join("abcdefghijkl"))))


def test_layers_are_opened_twice_at_most_and_read_to_their_end() -> None:
    opened: list[int] = []

    class Watched(io.BytesIO):
        def close(self) -> None:
            assert self.tell() == len(self.getbuffer())
            super().close()

    layers = [build.tar(file("a")), build.tar(file("b")), build.tar(file("a"))]

    def open_layer(number: int) -> Watched:
        opened.append(number)
        return Watched(layers[number])

    assert b"".join(flatten.stream(3, open_layer, []))
    # The first layer is hidden by the third.
    assert opened == [0, 1, 2, 1, 2]


def test_a_whiteout_of_nothing_is_ignored_with_a_note() -> None:
    layers = [build.tar(file("f", b"x")), build.tar(file("d/.wh."))]
    notes: list[str] = []

    for _ in flatten.stream(len(layers), lambda number: io.BytesIO(layers[number]), notes):
        pass

    assert notes == ["layer 1: ignored 'd/.wh.', which hides no file"]
