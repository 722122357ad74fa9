"""Any multiset of entries of index.json, and what untag, pin, clean and prune do to it.

The oracles read index.json as its writers do and share no code with cachedb; the kit of entries
is that of removals and writes (`tests/property/test_entries.py`).
"""

import json
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from cachedb.catalog.index.ref_rows import PIN
from cachedb.errors import CacheError, Refused
from tests import build
from tests.property.laws import hold
from tests.property.test_entries import (
    AMD,
    ENTRIES,
    LENGTHS,
    NAMES,
    SIGNATURE,
    Entries,
    check_collection,
    check_removed,
    entry_of,
    kept_alive,
    opened,
    text,
    texts,
    with_referrers,
)

NAMED = st.sampled_from([name for name in NAMES if name is not None])
RULES = (
    'drop = ["name:example.com/a"]',
    'drop = ["everything"]\nkeep = ["name:latest"]',
    "untagged = true",
    "keep-last = 1",
    'max-size = "1B"',
    'max-size = "700B"\nkeep = ["is:pinned"]',
)


def name_of(entry: object) -> str | None:
    notes = entry.get("annotations", {}) if isinstance(entry, dict) else {}
    found = notes.get(build.CONTAINERD_NAME) or notes.get(build.REF_NAME)
    assert found is None or isinstance(found, str)
    return found


def is_readable(entry: build.Json) -> bool:
    return "mediaType" in entry


def digests(found: list[build.Json]) -> set[str]:
    return {entry["digest"] for entry in found if is_readable(entry)}


def check_untag(entries: Entries, name: str) -> None:
    """A name goes from its entries and from nothing else, and no digest leaves index.json."""
    with opened(entries) as (tree, cache):
        before, listed, blobs = texts(tree), digests(tree.entries()), tree.blobs()
        try:
            roots = cache.untag([name])
        except CacheError:
            assert texts(tree) == before
            return
        after = tree.entries()
        assert Counter(map(entry_of, roots)) == before - texts(tree)
        assert all(name_of(json.loads(each)) == name for each in before - texts(tree))
        assert all(name_of(json.loads(each)) is None for each in texts(tree) - before)
        assert name not in map(name_of, after)
        assert digests(after) == listed
        assert tree.blobs() == blobs
        check_collection(tree, cache)


def check_pins(entries: Entries, name: str) -> None:
    """A pin changes nothing but itself, holds every entry of its name, and comes off again."""
    with opened(entries) as (tree, cache):
        before = texts(tree)
        try:
            cache.pin([name])
        except CacheError:
            assert texts(tree) == before
            return
        assert texts(tree) == before
        assert all(is_pinned(each) for each in tree.entries() if name_of(each) == name)
        with pytest.raises(Refused):
            cache.untag([name])
        with suppress(CacheError):
            cache.remove(cache.plan_clean())
        left = [each for each in tree.entries() if name_of(each) == name]
        assert Counter(map(text, left)) == named(before, name)
        cache.unpin([name])
        assert not any(is_pinned(each) for each in tree.entries() if name_of(each) == name)
        assert named(texts(tree), name) == named(before, name)
        check_collection(tree, cache)


def is_pinned(entry: build.Json) -> bool:
    return entry.get("annotations", {}).get(PIN) == "true"


def named(found: Counter[str], name: str) -> Counter[str]:
    return Counter({each: n for each, n in found.items() if name_of(json.loads(each)) == name})


def check_clean(entries: Entries) -> None:
    """What is pinned stays with all that it reaches, and nothing else does."""
    with opened(entries) as (tree, cache):
        kept = pinned_in([each for each in tree.entries() if is_readable(each)])
        cache.clean()
        assert texts(tree) == Counter(map(text, kept))
        assert tree.blobs() == with_referrers(kept_alive(kept))
        assert {each.name for each in cache.list()} == {name_of(each) for each in kept}


def pinned_in(entries: Entries) -> Entries:
    """Return the entries of pinned names, pinned ones without a name, and what is about them."""
    names = {name_of(each) for each in entries if is_pinned(each)} - {None}
    loose = {each["digest"] for each in entries if is_pinned(each) and name_of(each) is None}
    pinned = [
        each
        for each in entries
        if name_of(each) in names or (name_of(each) is None and each["digest"] in loose)
    ]
    about = AMD.digest in kept_alive(pinned)
    return [
        each
        for each in entries
        if each in pinned
        or (about and name_of(each) is None and each["digest"] == SIGNATURE.digest)
    ]


def check_prune(entries: Entries, rules: str) -> None:
    """A prune removes the entries of its plan, none of them pinned, and leaves the others."""
    with opened(entries) as (tree, cache):
        before = texts(tree)
        try:
            plan = cache.plan_prune(f"version = 1\n{rules}\n")
        except CacheError:
            assert texts(tree) == before
            return
        assert texts(tree) == before
        gone = Counter(map(entry_of, cache.prune(plan)))
        assert gone == Counter(map(entry_of, plan.removal.roots))
        check_removed(tree, before, gone, {row.digest for row in plan.removal.weak})
        assert not any(PIN in (root.entry or "") for root in plan.removal.roots)
        check_collection(tree, cache)


@LENGTHS
def test_an_untag_takes_the_name_from_its_entries_and_keeps_every_digest(length: settings) -> None:
    hold(length, check_untag, entries=ENTRIES, name=NAMED)


@LENGTHS
def test_a_pin_holds_every_entry_of_its_name_and_changes_no_other(length: settings) -> None:
    hold(length, check_pins, entries=ENTRIES, name=NAMED)


@LENGTHS
def test_a_clean_keeps_what_is_pinned_and_nothing_else(length: settings) -> None:
    hold(length, check_clean, entries=ENTRIES)


@LENGTHS
def test_a_prune_removes_the_entries_of_its_plan(length: settings) -> None:
    hold(length, check_prune, entries=ENTRIES, rules=st.sampled_from(RULES))
