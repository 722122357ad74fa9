"""What linuxkit's pull, push and merge left in a registry and a cache, and what ours leave."""

import json
from collections.abc import Iterator
from functools import cache as memoised
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Digest, MediaType
from cachedb.oci.index_merge import IndexDocument, append_index
from cachedb.operations.archives.import_ import ImportOptions
from tests import build, recorded
from tests.operations.registries import Place, fetch, on_disk, send, tags
from tests.registry import servers

pytestmark = pytest.mark.recorded

# Where the tags of platforms differ from linuxkit's, and why (design/linuxkit.md §4 F, H).
MORE_TAGS = {
    "ix-two-os": "Windows has a tag too; linuxkit gives its tag to the last operating system",
    "ix-nested": "linuxkit fails on an inner index; its images have tags here",
    "ix-nested-mixed": "linuxkit passes the inner index over",
    "ix-noplatform": "the index gives no platforms; those of the configs count here",
}
# Their archives are not among the recorded inputs, so there is nothing to push.
NOT_KEPT = {
    "fs-no-layers",
    "fs-same-layer-twice",
    "fs-zstd",
    "im-artifact",
    "ix-att-double",
    "ix-multiarch",
    "ix-zstd",
}


@memoised
def recordings() -> dict[str, Any]:
    path = recorded.root() / "linuxkit" / "api" / "registry.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@recorded.parameters(2)
def cases(kind: str) -> list[Any]:
    found = recordings()[kind].items()
    return [pytest.param(name, case, id=name) for name, case in found if name not in NOT_KEPT]


def index(manifests: list[Any]) -> IndexDocument:
    value = {"schemaVersion": 2, "mediaType": build.OCI_INDEX, "manifests": manifests}
    return IndexDocument.parse(json.dumps(value).encode(), MediaType(build.OCI_INDEX))


@pytest.fixture
def place(registry: servers.Served) -> Place:
    return Place.new(registry.host)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.create(tmp_path / "cache") as opened:
        yield opened


def take_in(cache: Cache, case: str) -> str:
    """Import a recorded archive; returns the name of its image."""
    path = recorded.root() / "linuxkit" / "inputs" / f"{case}.tar"
    with path.open("rb") as stream:
        (imported,) = cache.import_archive(stream, path.name, ImportOptions(), UNWATCHED)
    assert imported.name is not None
    return str(imported.name)


@pytest.mark.parametrize(("name", "case"), cases("push"))
def test_a_push_leaves_what_linuxkit_leaves(
    cache: Cache, place: Place, name: str, case: dict[str, Any]
) -> None:
    source = take_in(cache, name)
    before = cache.layout.read_index_json()
    plain = {tag: each["digest"] for tag, each in case["seed"]["remote_tags"].items()}
    assert plain == {tag: each["digest"] for tag, each in case["head"]["remote_tags"].items()}

    send(cache, source, to=place.tagged("v1"))
    assert tags(place.host, place.path) == plain

    send(cache, source, to=place.tagged("v1"), has_arch_tags=True)
    theirs = case["seed --with-arch-tags"]["remote_tags"]
    ours = tags(place.host, place.path)
    if name in MORE_TAGS:
        assert ours.keys() > theirs.keys()
    else:
        assert ours == {tag: each["digest"] for tag, each in theirs.items()}
    for tag, each in theirs.items():
        assert ours[tag] == each["digest"]
    # linuxkit writes the names of the registry into its cache.
    assert cache.layout.read_index_json() == before


@pytest.mark.parametrize(("name", "case"), cases("pull"))
def test_a_pull_brings_what_linuxkit_pulls(
    cache: Cache, place: Place, tmp_path: Path, name: str, case: dict[str, Any]
) -> None:
    with Cache.create(tmp_path / "origin") as origin:
        send(origin, take_in(origin, name), to=place.tagged("v1"))

    fetch(cache, place.host, f"{place.path[2:]}:v1")

    assert {digest[7:] for digest in on_disk(cache)} == set(case["seed"]["blobs"])
    (root,) = cache.list()
    # linuxkit adds a name for each platform; here that is an option of its own face.
    theirs = case["seed"]["index"]["manifests"][0]
    assert (str(root.digest), root.media_type) == (theirs["digest"], theirs["mediaType"])


def test_four_pushes_are_merged_as_linuxkit_merges_them() -> None:
    """Only the indexes are kept of these: tests/operations/test_push_tags.py pushes to merge."""
    steps = recordings()["merge"]
    assert [each["remote"] for each in steps["seed"]] == [each["remote"] for each in steps["head"]]
    remote = index([])
    for step in steps["seed"]:
        listed = step["remote"]["manifests"]
        ours = [each for each in listed if each["digest"] not in remote.digests]
        remote = append_index(index(ours), remote)
        assert json.loads(remote.content) == step["remote"]
        assert Digest.of(remote.content) == step["remote_digest"]


def test_every_difference_is_one_of_a_recorded_case() -> None:
    inputs = recorded.root() / "linuxkit" / "inputs"
    for kind in ("push", "pull"):
        gone = {name for name in recordings()[kind] if not (inputs / f"{name}.tar").exists()}
        assert gone == NOT_KEPT
    assert MORE_TAGS.keys() <= recordings()["push"].keys()
