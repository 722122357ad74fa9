"""Layouts that ten tools and several test suites made, and some that were damaged on purpose."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

import pytest

from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import Kind, State
from cachedb.errors import NotALayout
from cachedb.layout import Layout
from cachedb.operations.sync import reconcile
from tests import recorded
from tests.catalog.contents import Contents, contents, wipe

pytestmark = pytest.mark.recorded

REFUSED = {
    "derived/index-bom": "a byte order mark: readers differ on what follows",
    "derived/index-duplicate-key": "the key occurs twice: readers differ on which one counts",
    "derived/index-empty-file": "zero bytes, as after a torn write",
    "derived/index-trailing-garbage": "a second document: readers differ on which one counts",
    "derived/layout-file-not-json": "the marker says nothing",
    "derived/layout-version-2": "another version of layouts",
    "derived/layout-version-number": "a version is a string",
}

NOT_IN_THIS_COPY = {"derived/symlink-out-of-layout": "a link out of its folder was not kept"}
MORE_ROOTS = {
    "derived/unknown-algorithm": "image-spec: a digest of an unknown algorithm SHOULD pass",
}
FEWER_ROOTS = {
    "containers-image/name_lookups": "'x' is no media type: that entry is a problem, and kept",
}
# The table names entries by ref.name alone; containerd's annotation has the full name.
FULL_NAMES = {
    ("stereoscope/multiplatform_oci_dir", "latest"): "docker.io/library/multi-platform:latest",
}
UNKNOWN_TYPE = {
    "go-containerregistry/test_index": "a document of an unknown type is not read for platforms",
}
MORE_REACHABLE = {
    "derived/wrong-media-type-root": "what a miscalled manifest points at is not to be collected",
}
FEWER_REACHABLE = {
    "derived/flipped-byte-manifest": "wrong bytes are not read; a collection refuses to run",
}

NOT_READ = REFUSED.keys() | NOT_IN_THIS_COPY.keys()


def layouts() -> list[Any]:
    return recorded.cases("layouts", "upstream", "generated", "derived")


@recorded.parameters()
def readable() -> list[Any]:
    return [case for case in layouts() if case.values[0]["layout"] not in NOT_READ]


@recorded.parameters()
def read_the_same() -> list[Any]:
    """Leave out the layouts whose damage the table reads in another way."""
    otherwise = MORE_REACHABLE | FEWER_REACHABLE | UNKNOWN_TYPE
    return [case for case in readable() if case.values[0]["layout"] not in otherwise]


@recorded.parameters()
def refused() -> list[Any]:
    return [case for case in layouts() if case.values[0]["layout"] in REFUSED]


@cache
def _catalog() -> Catalog:
    return Catalog.in_memory()


@cache
def opened(name: str) -> tuple[Contents, tuple[str, ...]]:
    """Adopt a layout, once for all tests; also return what is wrong in its index.json."""
    wipe(_catalog())
    with Layout.open(recorded.root() / "vectors" / "layouts" / name) as layout:
        reconcile.reconcile(layout, _catalog())
        return contents(_catalog()), layout.index().problems


@pytest.mark.parametrize("case", refused())
def test_a_layout_that_can_be_read_in_two_ways_or_none_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(NotALayout):
        opened(case["layout"])


@pytest.mark.parametrize("case", readable())
def test_the_names_of_a_layout_are_those_of_the_table(case: dict[str, Any]) -> None:
    found, problems = opened(case["layout"])
    expect = case["expect"]
    listed = [(one["name"], one["target"]) for one in found.refs]
    wanted = [
        (FULL_NAMES.get((case["layout"], root.get("name")), root.get("name")), root["digest"])
        for root in expect["roots"]
    ]
    valid = [pair for pair in wanted if pair[1] not in expect["invalid_digests"]]
    if case["layout"] in MORE_ROOTS:
        assert listed == wanted != valid
    elif case["layout"] in FEWER_ROOTS:
        assert listed == [pair for pair in valid if pair[0] != "invalid-mime"] != valid
    else:
        assert listed == valid
    assert len(problems) == len(wanted) - len(listed)
    counted = Counter(name for name, _ in set(listed) if name)
    assert (
        sorted(name for name, count in counted.items() if count > 1) == expect["duplicate_names"]
    )


@pytest.mark.parametrize("case", readable())
def test_the_blobs_of_a_layout_are_reachable_or_not_as_the_table_says(
    case: dict[str, Any],
) -> None:
    found, _ = opened(case["layout"])
    expect = case["expect"]
    reachable = contained(found)
    on_disk = found.states(State.PRESENT) | found.states(State.CORRUPT)
    assert len(on_disk) == expect["blobs_on_disk"]
    if case["layout"] in MORE_REACHABLE:
        assert len(reachable & on_disk) > expect["reachable"]
        assert on_disk - reachable < set(expect["unreachable"])
    elif case["layout"] in FEWER_REACHABLE:
        assert len(reachable & on_disk) < expect["reachable"]
        assert found.states(State.CORRUPT) & reachable
    else:
        assert len(reachable & on_disk) == expect["reachable"]
        assert on_disk - reachable == set(expect["unreachable"])
    missing = {*expect["missing"], *_of_unknown_algorithm(expect)}
    if case["layout"] in FEWER_ROOTS:
        assert found.states(State.MISSING) & reachable < missing
    else:
        assert found.states(State.MISSING) & reachable == missing
    assert found.states(State.FOREIGN) == {*expect["missing_allowed"], *expect["embedded_only"]}


def _of_unknown_algorithm(expect: dict[str, Any]) -> list[str]:
    return [digest for digest in expect["invalid_digests"] if digest.startswith("md5:")]


@pytest.mark.parametrize("case", readable())
def test_referrers_lead_from_their_subjects(case: dict[str, Any]) -> None:
    found, _ = opened(case["layout"])
    referrers: dict[str, list[str]] = {}
    for (parent, role, _), one in sorted(found.links.items()):
        if role == "SUBJECT":
            referrers.setdefault(one["child"], []).append(parent)
            assert (one["child"], parent) in found.edges
    assert referrers == {key: sorted(value) for key, value in case["expect"]["referrers"].items()}


@pytest.mark.parametrize("case", read_the_same())
def test_every_name_has_the_platforms_of_the_table(case: dict[str, Any]) -> None:
    found, _ = opened(case["layout"])
    platforms: dict[str, list[str]] = {}
    for one in found.refs:
        if one["name"]:
            platforms[one["name"]] = list(leaves(found, one["target"], one["platform"]))
    expect = case["expect"]["platforms"].items()
    assert platforms == {
        full: [text.replace("arm64/v8", "arm64") for text in listed]
        for name, listed in expect
        if (full := FULL_NAMES.get((case["layout"], name), name)) in platforms
    }


@pytest.mark.parametrize("case", readable())
def test_damage_that_shows_without_hashing_everything_is_found(
    case: dict[str, Any],
) -> None:
    found, _ = opened(case["layout"])
    expect = case["expect"]
    wrong = set(expect["content_mismatch"])
    corrupt = found.states(State.CORRUPT)
    assert corrupt <= wrong
    # A wrong byte of a layer that is as long as it should be is what `verify` is for.
    documents = (Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION, Kind.CONFIG)
    unnoticed = wrong - corrupt
    assert not unnoticed & set(expect["size_mismatch"])
    assert all(found.blobs[digest]["kind"] not in documents for digest in unnoticed)
    for digest in (*expect["kind_mismatch"], *expect["ambiguous"]):
        assert found.blobs[digest]["problem"]


def test_every_row_of_the_table_is_read_or_has_a_reason_not_to_be() -> None:
    names = {case.values[0]["layout"] for case in layouts()}
    assert names > NOT_READ
    assert len(readable()) == len(layouts()) - len(NOT_READ)


@pytest.mark.parametrize("case", recorded.cases("layouts", "lookup"))
def test_a_name_leads_to_the_entry_that_has_it(case: dict[str, Any]) -> None:
    found, problems = opened(case["layout"])
    listed = [one["target"] for one in found.refs if case["name"] in {one["name"], ""}]
    if "error" not in case["expect"]:
        assert listed == [case["expect"]["digest"]]
    else:
        assert listed == []
        assert bool(problems) or case["expect"]["error"] == "image not found"


def contained(found: Contents) -> set[str]:
    """Walk as the table does: what is contained, without what merely refers to it."""
    below: dict[str, set[str]] = {}
    for (parent, role, _), one in found.links.items():
        if role != "SUBJECT":
            below.setdefault(parent, set()).add(one["child"])
    seen = {one["target"] for one in found.refs}
    pending = list(seen)
    while pending:
        fresh = below.get(pending.pop(), set()) - seen
        seen |= fresh
        pending += fresh
    return seen


def leaves(found: Contents, digest: str, declared: tuple[str, ...] | None) -> Iterator[str]:
    """Yield the platform of every manifest below a digest: the index's word, else the config's."""
    row = found.blobs[digest]
    if row["kind"] is Kind.INDEX:
        for position in count():
            one = found.links.get((digest, "MANIFEST", position))
            if one is None:
                return
            yield from leaves(found, one["child"], one["platform"])
    config = found.links.get((digest, "CONFIG", 0))
    platform = declared or (config and found.blobs[config["child"]]["platform"])
    if platform is not None:
        yield "/".join(part for part in platform[:3] if part)
