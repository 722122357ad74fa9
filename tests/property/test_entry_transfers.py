"""Any multiset of entries of index.json, and what copy and sync do to it and to the registry.

The kit of entries is that of removals and writes (`tests/property/test_entries.py`). Registries
are models in memory, some of whose blobs are lost.
"""

import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.cli.app import main
from cachedb.errors import CacheError
from cachedb.operations.read.listing import Health
from tests import build
from tests.property.laws import hold
from tests.property.test_entries import (
    ARM,
    ENTRIES,
    LENGTHS,
    Entries,
    Texts,
    check_collection,
    is_weak,
    layout,
    target_matches,
    text,
    texts,
)
from tests.property.test_entry_commands import is_pinned, is_readable, name_of
from tests.registry import scripted
from tests.registry.model import BEHAVIOURS, USER, Behaviour, RegistryModel, Repository

NEW = build.index(build.image(build.layer({"n": "new"})), ARM)
"""An image that the layout does not have, but for one of its platforms."""
BEHAVIOUR = st.sampled_from(BEHAVIOURS)
LOST = st.sets(st.integers(0, 12), max_size=2)
"""Places, among the sorted blobs of an image, of those that the registry has lost."""


@contextmanager
def at_a_registry(
    behaviour: Behaviour, entries: Entries
) -> Iterator[tuple[RegistryModel, str, build.Tree]]:
    """Serve a registry, and make a layout whose names are of that registry."""
    model = RegistryModel(behaviour)
    with tempfile.TemporaryDirectory() as folder, scripted.scripted(model.answer) as server:
        here = json.loads(json.dumps(entries).replace("example.com", server.host))
        yield model, server.host, layout(Path(folder) / "cache", here)


def fill(repository: Repository, thing: build.Thing, lost: set[int], tag: str = "1") -> bool:
    """Put an image into a repository; returns whether all of it is there."""
    documents = {build.OCI_INDEX, build.OCI_MANIFEST}
    present = [
        blob
        for place, blob in enumerate(sorted(thing.blobs, key=lambda blob: blob.digest))
        if place not in lost or blob.digest == thing.digest
    ]
    for blob in present:
        if blob.media_type in documents:
            repository.manifests[blob.digest] = (blob.media_type, blob.content)
        else:
            repository.blobs[blob.digest] = blob.content
    repository.tags[tag] = thing.digest
    return {blob.digest for blob in present} == thing.digests


def check_names(tree: build.Tree, before: Texts, *names: str) -> None:
    """Only entries of some names are gone, or weak ones, and only the new image has arrived."""
    after = texts(tree)
    for each in before - after:
        entry = json.loads(each)
        assert is_weak(entry) or any(target_matches(name, entry) for name in names), each
    for each in after - before:
        assert json.loads(each)["digest"] == NEW.digest, each


def check_whole(cache: Cache, name: str) -> None:
    """The name stands for the new image, none of whose blobs is missing."""
    assert str(cache.find_root(name).digest) == NEW.digest
    (listed,) = [each for each in cache.list() if (each.name, each.digest) == (name, NEW.digest)]
    assert listed.health is Health.COMPLETE


def check_copy(entries: Entries, behaviour: Behaviour, lost: set[int]) -> None:
    """A copy settles the name of its source alone, and carries a whole image or fails."""
    with at_a_registry(behaviour, entries) as (model, host, tree):
        source, target = f"{host}/a:1", f"{host}/b:1"
        fill(model.repository("a"), NEW, lost)
        before = texts(tree)
        user = USER if behaviour.needs_login else None
        with scripted.client(host, user=user) as client, Cache.open(tree.path) as cache:
            try:
                cache.copy(source, target, registries=lambda _: client)
            except CacheError:
                assert "1" not in model.repository("b").tags
                check_collection(tree, cache)
            else:
                assert model.repository("b").tags["1"] == NEW.digest
                assert model.repository("b").digests >= NEW.digests
                check_collection(tree, cache)
                check_whole(cache, source)
            check_names(tree, before, source)


def sync(tree: build.Tree, lines: list[str], *options: str) -> int:
    """Run `cachedb sync` inside of this process; returns its exit code."""
    file = tree.path.parent / "images"
    file.write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CACHEDB_CACHE", str(tree.path))
        patch.setattr(sys, "argv", ["cachedb", "sync", str(file), *options])
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                main()
            except SystemExit as ended:
                return int(ended.code or 0)
    return 0


def check_sync(entries: Entries, lost: set[int], pattern: str, *, prunes: bool) -> None:
    """A mirror settles the names that it pulls, and removes others of its repositories alone."""
    with at_a_registry(BEHAVIOURS[0], entries) as (model, host, tree):
        fill(model.repository("a"), NEW, lost)
        name, old = f"{host}/a:1", f"{host}/a:old"
        tree.write_entries(json.loads(json.dumps(tree.entries()).replace(f"{host}/b:1", old)))
        before = texts(tree)
        pinned = Counter(
            text(each)
            for each in tree.entries()
            if is_readable(each) and is_pinned(each) and name_of(each) not in {None, name}
        )
        code = sync(tree, [f"{host}/{pattern}"], *(["--prune"] if prunes else []))
        check_names(tree, before, *([name, old] if prunes and code == 0 else [name]))
        assert pinned <= texts(tree)
        with Cache.open(tree.path) as cache:
            check_collection(tree, cache)
            if code == 0:
                check_whole(cache, name)


@LENGTHS
def test_a_copy_settles_its_name_and_leaves_a_whole_image_or_none(length: settings) -> None:
    hold(length, check_copy, entries=ENTRIES, behaviour=BEHAVIOUR, lost=LOST)


@LENGTHS
def test_a_sync_settles_the_names_of_its_file_and_no_other(length: settings) -> None:
    pattern = st.sampled_from(("a:1", "a:*"))
    hold(length, check_sync, entries=ENTRIES, lost=LOST, pattern=pattern, prunes=st.booleans())
