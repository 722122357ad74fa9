"""Signatures, attestations and SBOMs that cosign 2 attaches by tag, pulled and copied."""

from collections.abc import Iterator

import pytest

from cachedb.cache import Cache
from cachedb.oci import Reference
from cachedb.operations.transfer.copy import CopyOptions
from cachedb.operations.transfer.progress import UNWATCHED
from cachedb.operations.transfer.push import PushOptions
from tests import build
from tests.operations.registries import (
    Place,
    connecting,
    fetch,
    on_disk,
    platforms,
    put,
    tags,
)
from tests.registry import servers
from tests.registry.counting import Counter

AMD = build.image(build.layer({"arch": "amd64"}))
ARM = build.image(build.layer({"arch": "arm64"}), arch="arm64")
MULTI = build.index(AMD, ARM, build.attestation(AMD))


def _attached(about: build.Thing, kind: str) -> tuple[str, build.Thing]:
    """Make what `cosign KIND` attaches: an artifact without a subject, behind a tag."""
    payload = build.Blob(build.to_json({"about": about.digest, "kind": kind}), "application/json")
    return f"{about.digest.replace(':', '-')}.{kind}", build.artifact(payload)


SIGNED = dict([_attached(MULTI, "sig"), _attached(AMD, "att"), _attached(AMD, "sbom")])


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Served]:
    with servers.docker_registry(tmp_path_factory.mktemp("second")) as served:
        yield served


@pytest.fixture
def signed(place: Place) -> Place:
    put(place.host, place.path, MULTI)
    for tag, thing in SIGNED.items():
        put(place.host, place.path, thing, tag)
    return place


def _names(cache: Cache) -> dict[str, str]:
    return {str(each.name): str(each.digest) for each in cache.list()}


def _copy(cache: Cache, source: str, target: str, **options: object) -> list[str]:
    push = PushOptions(**options)  # type: ignore[arg-type]
    with connecting() as connect:
        copied = cache.copy(
            Reference.parse(source),
            Reference.parse(target),
            connect,
            CopyOptions(push=push),
            UNWATCHED,
        )
    return [str(each.target.tag) for each in copied.attached]


def test_what_cosign_attached_is_pulled_under_its_own_names(empty: Cache, signed: Place) -> None:
    fetch(empty, signed.host, signed.short, has_referrers=True)
    attached = {signed.tagged(tag): thing.digest for tag, thing in SIGNED.items()}
    assert _names(empty) == {signed.name: MULTI.digest, **attached}
    assert on_disk(empty) == MULTI.digests.union(*(each.digests for each in SIGNED.values()))


def test_what_cosign_attached_stays_where_referrers_are_not_asked_for(
    empty: Cache, signed: Place, counted: Counter
) -> None:
    fetch(empty, counted.host, signed.short)
    assert _names(empty) == {f"{counted.host}/{signed.path}:1": MULTI.digest}
    assert not [part for part in counted.last_parts() if part.startswith("HEAD sha256-")]


def test_a_second_pull_writes_no_name_again(empty: Cache, signed: Place) -> None:
    fetch(empty, signed.host, signed.short, has_referrers=True)
    before = (empty.layout.root / "index.json").stat()
    fetch(empty, signed.host, signed.short, has_referrers=True)
    assert (empty.layout.root / "index.json").stat().st_ino == before.st_ino


def test_what_cosign_attached_is_copied_with_its_tags(
    empty: Cache, signed: Place, second: servers.Served
) -> None:
    attached = _copy(empty, signed.name, f"{second.host}/c/signed:2")
    assert sorted(attached) == sorted(SIGNED)
    expected = {tag: thing.digest for tag, thing in SIGNED.items()}
    assert tags(second.host, "c/signed") == {"2": MULTI.digest, **expected}


def test_the_signature_of_an_index_is_not_copied_with_some_of_its_platforms(
    empty: Cache, signed: Place, second: servers.Served
) -> None:
    attached = _copy(
        empty, signed.name, f"{second.host}/c/part:1", platforms=platforms("linux/amd64")
    )
    assert sorted(attached) == sorted(tag for tag in SIGNED if not tag.endswith(".sig"))
    assert set(tags(second.host, "c/part")) == {"1", *attached}
