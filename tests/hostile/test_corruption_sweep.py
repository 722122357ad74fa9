"""A small layout, of which every byte is changed and every file is cut at every length.

``verify``, or the next open of the layout, finds it, unless the byte is in the text of a name or
of an annotation in index.json, which no hash protects. Whatever was changed, a collection removes
nothing that the layout needed when it was whole. A sample runs with every test run, all of it with
``make nightly``.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from cachedb.catalog.connect import Catalog
from cachedb.errors import CacheError
from cachedb.layout import Layout, image_layout
from cachedb.operations.check import verify
from cachedb.operations.gc import mark
from cachedb.operations.gc import sweep as gc
from cachedb.operations.sync import reconcile
from tests import build
from tests.catalog.contents import wipe

BASE = build.layer({"base": "1"})
APP = build.index(
    build.image(BASE, labels={"team": "red"}),
    build.image(build.layer({"arm": "1"}), arch="arm64", variant="v8"),
)
SIGNATURE = build.signature(APP)
ORPHAN = build.layer({"orphan": "1"})
NEEDED = APP.digests | SIGNATURE.digests
Change = Callable[[bytes], bytes]
Changes = Callable[[int, int], Iterator[tuple[str, Change]]]
History = Callable[[build.Tree], None]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_layout, "_TORN_SECONDS", 0.0)


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": APP})
    tree.add(SIGNATURE)
    tree.put(ORPHAN)
    return tree


@cache
def catalog() -> Catalog:
    return Catalog.in_memory()


def flips(size: int, step: int) -> Iterator[tuple[str, Change]]:
    """Yield changes of one byte: to a neighbour, which is a letter still, and to its opposite."""

    def flip(content: bytes, position: int, mask: int) -> bytes:
        changed = bytearray(content)
        changed[position] ^= mask
        return bytes(changed)

    for position in range(0, size, step):
        for mask in (0x01, 0x20, 0xFF):
            yield f"byte {position} ^ {mask:#x}", lambda c, p=position, m=mask: flip(c, p, m)


def cuts(size: int, step: int) -> Iterator[tuple[str, Change]]:
    """Yield cuts at each length, and one byte too many."""
    for length in range(0, size, step):
        yield f"cut to {length}", lambda content, n=length: content[:n]
    yield "a byte more", lambda content: content + b"\0"


@contextmanager
def changed(path: Path, change: Change) -> Iterator[bytes]:
    """Change a file in place, as a bad disk does, and put it back."""
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    try:
        yield path.read_bytes()
    finally:
        path.write_bytes(whole)


def new_to_us(_tree: build.Tree) -> None:
    """No command has opened the layout before."""
    wipe(catalog())


def known_to_us(tree: build.Tree) -> None:
    """The catalog has seen the layout as it was, and no time of a directory says otherwise."""
    wipe(catalog())
    with Layout.open(tree.path) as layout:
        reconcile.reconcile(layout, catalog())


def complaints(tree: build.Tree) -> list[str]:
    """Verify everything and collect; returns what was found wrong."""
    found = []
    try:
        with Layout.open(tree.path) as layout:
            reconcile.reconcile(layout, catalog())
            found += [one.why for one in verify.verify(layout, catalog()).findings]
            found += layout.index().problems
            gc.apply(mark.plan(layout, catalog(), grace=0), layout, catalog())
    except CacheError as error:
        found.append(str(error))
    return found


def is_free(content: bytes, whole: bytes) -> bool:
    """Whether index.json leads to the same content: only a name or a note has changed."""
    try:
        before, after = (json.loads(each)["manifests"] for each in (whole, content))
        return [one["digest"] for one in before] == [one["digest"] for one in after]
    except (ValueError, TypeError, KeyError):
        return False


def check(tree: build.Tree, path: Path, what: str, change: Change, history: History) -> None:
    history(tree)
    whole = path.read_bytes()
    with changed(path, change) as content:
        if content == whole:
            return
        found = complaints(tree)
        is_free_text = path.name == "index.json" and is_free(content, whole)
        assert found or is_free_text, what
        assert NEEDED - tree.blobs() == set(), what
    tree.put(ORPHAN)


def sweep(tree: build.Tree, changes: Changes, history: History, step: int) -> None:
    orphan = tree.blob_path(ORPHAN.digest)
    files = [tree.path / "oci-layout", tree.path / "index.json", *tree.path.glob("blobs/*/*")]
    for path in sorted(files, key=str):
        if path != orphan:
            for what, change in changes(path.stat().st_size, step):
                check(tree, path, f"{path.relative_to(tree.path)}: {what}", change, history)


each_change = pytest.mark.parametrize("changes", [flips, cuts])
each_history = pytest.mark.parametrize("history", [new_to_us, known_to_us])


@each_change
@each_history
def test_a_change_at_some_places_is_found_and_costs_nothing(
    tree: build.Tree, changes: Changes, history: History
) -> None:
    sweep(tree, changes, history, step=311)


@pytest.mark.campaign
@each_change
@each_history
def test_a_change_at_any_place_is_found_and_costs_nothing(
    tree: build.Tree, changes: Changes, history: History
) -> None:
    sweep(tree, changes, history, step=1)


def test_of_what_is_whole_only_the_orphan_goes(tree: build.Tree) -> None:
    new_to_us(tree)
    assert complaints(tree) == []
    assert tree.blobs() == NEEDED
