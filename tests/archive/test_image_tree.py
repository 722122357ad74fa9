"""File trees of images: what is visible is what flattening writes, the rest is hidden."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.archive.image_tree import HiddenState, ImageTree, hash_members, list_members
from cachedb.errors import InvalidArchive
from tests import recorded
from tests.archive import build
from tests.archive.test_flatten import flat, recorded_cases, recorded_layers
from tests.archive.test_flatten_law import STEPS, Directory, Step, apply


def image_tree(*layers: bytes) -> ImageTree:
    return ImageTree([list(hash_members(io.BytesIO(each), name="layer")) for each in layers])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=4))
def test_visible_files_are_the_members_of_the_flattened_archive(steps: list[list[Step]]) -> None:
    root = Directory()
    layers = [apply(root, number, each) for number, each in enumerate(steps)]

    visible = {file.path: file.member.kind.value for file in image_tree(*layers).visible()}

    kinds = {"dir": "directory", "file": "file", "symlink": "symlink", "hardlink": "file"}
    flattened = {
        f"/{info.name}".rstrip("/"): kinds[build.NAMES[info.type]]
        for info, _ in build.members(flat(*layers))
    }
    del visible["/"]
    assert visible == {path: kind for path, kind in flattened.items() if path != "/."}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=4))
def test_a_stored_byte_is_visible_or_hidden_and_never_both(steps: list[list[Step]]) -> None:
    root = Directory()
    layers = [apply(root, number, each) for number, each in enumerate(steps)]
    tree = image_tree(*layers)

    stored = sum(
        info.size
        for layer in layers
        for info, _ in build.members(layer)
        if info.isreg() and "/.wh." not in f"/{info.name}"
    )

    seen = {
        (file.origin.layer, file.origin.index): file.member.size
        for file in tree.visible()
        if file.origin and file.member.kind.value == "file"
    }
    assert sum(seen.values()) + sum(file.size for file in tree.hidden()) == stored


def test_overwritten_and_deleted_files_are_told_apart() -> None:
    lower = build.tar(build.file("a", b"11"), build.file("b", b"222"), build.file("c", b"3"))
    upper = build.tar(build.file("a", b"44"), build.file(".wh.b"))

    hidden = list(image_tree(lower, upper).hidden())

    assert [(file.path, file.size, file.state) for file in hidden] == [
        ("/a", 2, HiddenState.OVERWRITTEN),
        ("/b", 3, HiddenState.DELETED),
    ]


def test_content_that_a_hard_link_shows_is_not_hidden() -> None:
    lower = build.tar(build.file("a", b"11"), build.link("b", "a", "hardlink"))
    upper = build.tar(build.file(".wh.a"))

    assert not list(image_tree(lower, upper).hidden())


def test_a_file_hidden_through_a_symlink_is_found_at_its_path() -> None:
    lower = build.tar(build.directory("usr"), build.link("lib", "usr"), build.file("usr/x", b"1"))
    upper = build.tar(build.file("lib/x", b"22"))

    (hidden,) = image_tree(lower, upper).hidden()

    assert (hidden.path, hidden.state) == ("/usr/x", HiddenState.OVERWRITTEN)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/x", "/usr/x"),
        ("/lib/x", "/usr/x"),
        ("/lib", "/lib"),
        ("/lib/", "/usr"),
        ("//usr/./x", "/usr/x"),
        ("/usr/../lib/x", "/usr/x"),
        ("/", "/"),
        ("/absent", None),
        ("/usr/x/below", None),
    ],
)
def test_a_path_is_resolved_inside_the_tree(path: str, expected: str | None) -> None:
    layer = build.tar(build.directory("usr"), build.link("lib", "/usr"), build.file("usr/x", b"1"))

    assert image_tree(layer).canonical(path) == expected


def test_a_symlink_out_of_the_tree_stays_inside() -> None:
    layer = build.tar(build.link("a", "../../../../b"), build.file("b", b"1"))

    found = image_tree(layer).find("/a")

    assert found is not None
    assert found.member.path == "b"


def test_symlinks_in_a_circle_are_an_error() -> None:
    layer = build.tar(build.link("a", "b"), build.link("b", "a"))

    with pytest.raises(InvalidArchive, match="cycle"):
        image_tree(layer).find("/a/x")


def test_listing_reads_headers_and_hashing_reads_content() -> None:
    layer = build.tar(build.file("a", b"1"), build.directory("d"))

    listed = list(list_members(io.BytesIO(layer), name="layer"))
    hashed = list(hash_members(io.BytesIO(layer), name="layer"))

    assert [file.sha256 for file in listed] == [None, None]
    assert hashed[0].sha256 is not None
    assert hashed[0].sha256.hex().startswith("6b86b273ff34")
    assert [file.member for file in listed] == [file.member for file in hashed]


@pytest.mark.recorded
@pytest.mark.parametrize("case", recorded_cases())
def test_visible_files_are_those_that_were_recorded(case: str) -> None:
    recording = json.loads((recorded.root() / "linuxkit" / "flat" / f"{case}.json").read_text())

    visible = {file.path for file in image_tree(*recorded_layers(case)).visible()}

    assert visible - {"/"} == {f"/{path}" for path in recording["entries"]}
