"""Entries of index.json: several of one name or digest, and names that are digests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.catalog.index.ref_rows import PIN
from cachedb.errors import AmbiguousName, InvalidArchive, Refused
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.gc.retention import Policy
from tests import build

IMAGES = [build.image(labels={"number": f"{number}"}) for number in range(3)]
KINDS = (None, "dev.cosignproject.cosign/image", "dev.cosignproject.cosign/sigs")
_ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([None, "example.com/a:1", "example.com/b:1"]),
        st.integers(0, len(IMAGES) - 1),
        st.sampled_from(KINDS),
        st.booleans(),
    ),
    max_size=6,
)


def layout(folder: Path, entries: list[tuple[str | None, int, str | None, bool]]) -> build.Tree:
    """Make a layout of entries: a name, a number of an image, a kind, whether it is pinned."""
    tree = build.layout(folder, {})
    for image in IMAGES:
        tree.put(*image.blobs)
    listed = []
    for name, number, kind, pinned in entries:
        notes = {build.REF_NAME: name, "kind": kind, PIN: "true" if pinned else None}
        kept = {key: value for key, value in notes.items() if value is not None}
        listed.append(IMAGES[number].descriptor(annotations=kept))
    tree.write_entries(listed)
    return tree


def texts(tree: build.Tree) -> list[str]:
    return sorted(map(unpinned, tree.entries()))


def unpinned(entry: build.Json) -> str:
    """Return an entry without its pin, which belongs to its name and comes back by any write."""
    notes = {k: v for k, v in entry.get("annotations", {}).items() if k != PIN}
    return json.dumps(entry | {"annotations": notes}, sort_keys=True)


@settings(max_examples=40, deadline=None)
@given(entries=_ENTRIES)
def test_a_retention_plan_removes_the_entries_that_it_names_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str | None, int, str | None, bool]],
) -> None:
    tree = layout(tmp_path_factory.mktemp("entries") / "cache", entries)
    with Cache.open(tree.path) as cache:
        before = texts(tree)
        drop = cache.parse("refs name:example.com/a or name:example.com/b")
        keep = cache.parse("refs is:pinned")
        pinned = [pinned for _, _, _, pinned in entries]
        if not any(pinned):  # a rule to keep that keeps nothing, or a policy that drops everything
            with pytest.raises(Refused):
                cache.plan_retention(Policy(drop=(drop,), keep=(keep,)))
            return
        plan = cache.plan_retention(Policy(drop=(drop,), keep=(keep,)))
        dropped = sorted(
            unpinned(json.loads(each.root.entry or ""))
            for each in plan.decisions
            if each.is_dropped
        )
        cache.remove(plan.removal)
    left = list(before)
    for text in dropped:
        left.remove(text)
    assert texts(tree) == left


@settings(max_examples=40, deadline=None)
@given(entries=_ENTRIES)
def test_an_import_brings_every_entry(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str | None, int, str | None, bool]],
) -> None:
    folder = tmp_path_factory.mktemp("import")
    tree = layout(folder / "origin", entries)
    with Cache.create(folder / "cache") as cache:
        cache.import_directory(tree.path, ImportOptions(), UNWATCHED)
        found = [(each.name, str(each.digest)) for each in cache.list()]
    given_ = {(name, IMAGES[number].digest) for name, number, _, _ in entries}
    named = {pair for pair in given_ if pair[0] is not None}
    assert named <= set(found)
    assert {digest for _, digest in given_} == {digest for _, digest in found}


def test_the_image_wins_the_name_over_what_is_attached_to_it(tmp_path: Path) -> None:
    name = "example.com/a:1"
    tree = layout(tmp_path / "cache", [(name, 1, KINDS[2], False), (name, 0, KINDS[1], False)])
    with Cache.open(tree.path) as cache:
        assert cache.find_root(name).digest == IMAGES[0].digest


def test_a_name_of_two_images_is_refused_with_the_choices(tmp_path: Path) -> None:
    name = "example.com/a:1"
    tree = layout(tmp_path / "cache", [(name, 0, None, False), (name, 1, None, False)])
    with Cache.open(tree.path) as cache:
        for question in (cache.find_root, lambda text: cache.plan_removal([text])):
            with pytest.raises(AmbiguousName) as caught:
                question(name)
            assert caught.value.candidates == tuple(f"{name}@{i.digest}" for i in IMAGES[:2])
        cache.remove(cache.plan_removal([f"{name}@{IMAGES[1].digest}"]))
        assert [str(each.digest) for each in cache.list()] == [IMAGES[0].digest]


@pytest.mark.parametrize(
    "name", [IMAGES[1].digest, IMAGES[1].digest.partition(":")[2], f"a/b@{IMAGES[1].digest}"]
)
def test_a_digest_is_content_even_when_an_entry_has_it_for_a_name(
    tmp_path: Path, name: str
) -> None:
    tree = layout(tmp_path / "cache", [(name, 0, None, False), (None, 1, None, False)])
    with Cache.open(tree.path) as cache:
        assert cache.find_root(name).digest == IMAGES[1].digest
        cache.remove(cache.plan_removal([name]))
    (left,) = tree.entries()
    assert left["digest"] == IMAGES[0].digest


def test_an_import_refuses_a_name_that_is_the_digest_of_another_image(tmp_path: Path) -> None:
    tree = layout(tmp_path / "origin", [(IMAGES[1].digest, 0, None, False)])
    with Cache.create(tmp_path / "cache") as cache:
        with pytest.raises(InvalidArchive, match="another digest"):
            cache.import_directory(tree.path, ImportOptions(), UNWATCHED)
        assert cache.list() == []


def test_an_import_with_replace_settles_a_name_of_two_images(tmp_path: Path) -> None:
    name = "example.com/a:1"
    cached = layout(tmp_path / "cache", [(name, 0, None, False), (name, 1, None, False)])
    origin = layout(tmp_path / "origin", [(name, 1, None, False)])
    with Cache.open(cached.path) as cache:
        options = ImportOptions(may_replace=True)
        cache.import_directory(origin.path, options, UNWATCHED)
        assert cache.find_root(name).digest == IMAGES[1].digest


def test_a_removal_lists_the_unnamed_entries_that_keep_its_content(tmp_path: Path) -> None:
    index: Any = build.index(IMAGES[0], IMAGES[1])
    tree = build.layout(tmp_path / "cache", {"example.com/m:1": index})
    tree.write_entries([*tree.entries(), IMAGES[0].descriptor()])
    with Cache.open(tree.path) as cache:
        plan = cache.plan_removal(["example.com/m:1"])
    assert [str(root.digest) for root in plan.unnamed] == [IMAGES[0].digest]
