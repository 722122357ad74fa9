"""Signatures, attestations and SBOMs that cosign 2 attaches by tag: pull, copy and push."""

from collections.abc import Iterator
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import Refused
from cachedb.operations.transfer.tag_update import Conflict
from tests import build
from tests.operations.registries import (
    Holding,
    Place,
    connecting,
    fetch,
    on_disk,
    platforms,
    push,
    put,
    send,
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


def _copy(cache: Cache, source: str, target: str, **options: Any) -> list[str]:
    with connecting() as connect:
        copied = cache.copy(source, target, registries=connect, **options)
    return [str(each.target.tag) for each in copied.pushed.attached]


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


# -- push ---------------------------------------------------------------------------------------


def _holding_signed(holding: Holding, name: str, *kinds: str) -> Cache:
    """Make a cache of an image and of what cosign attached to it, all in one repository."""
    repository = name.rpartition(":")[0]
    chosen = {t: thing for t, thing in SIGNED.items() if not kinds or t.endswith(kinds)}
    return holding({name: MULTI, **{f"{repository}:{tag}": each for tag, each in chosen.items()}})


def test_push_sends_what_cosign_attached_with_its_tags(holding: Holding, place: Place) -> None:
    pushed = push(_holding_signed(holding, place.name), place.name)
    assert sorted(str(each.target.tag) for each in pushed.attached) == sorted(SIGNED)
    expected = {tag: thing.digest for tag, thing in SIGNED.items()}
    assert tags(place.host, place.path) == {"1": MULTI.digest, **expected}


def test_push_to_another_name_takes_what_cosign_attached_along(
    holding: Holding, place: Place
) -> None:
    cache = _holding_signed(holding, "example.com/app:1")
    push(cache, "example.com/app:1", to=place.name)
    assert set(tags(place.host, place.path)) == {"1", *SIGNED}
    other = place.next()
    push(cache, MULTI.digest, to=other.name)
    assert set(tags(other.host, other.path)) == {"1", *SIGNED}


def test_push_of_some_platforms_leaves_out_what_is_about_the_whole_index(
    holding: Holding, place: Place
) -> None:
    cache = _holding_signed(holding, place.name)
    push(cache, place.name, platforms=platforms("linux/amd64"))
    of_parts = {tag for tag in SIGNED if not tag.endswith(".sig")}
    assert set(tags(place.host, place.path)) == {"1", *of_parts}


def test_push_does_not_take_an_ambiguous_tag_of_another_repository(
    holding: Holding, place: Place
) -> None:
    (tag, thing), *_ = SIGNED.items()
    other = build.artifact(build.layer({"another": "signature"}))
    cache = holding({place.name: MULTI, f"a.example/x:{tag}": thing, f"b.example/x:{tag}": other})
    push(cache, place.name)
    assert set(tags(place.host, place.path)) == {"1"}


def _signatures(*names: str) -> build.Thing:
    """Make the manifest of some signatures, of which each is a layer."""
    return build.artifact(*(build.layer({name: "signed"}) for name in names))


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        pytest.param(("a", "b"), ("a",), ("a", "b"), id="the registry has more"),
        pytest.param(("a",), ("a", "b"), ("a", "b"), id="we have more"),
        pytest.param(("a", "b"), ("b", "a"), ("a", "b"), id="the same in another order"),
    ],
)
def test_push_loses_no_signature_of_either_side(
    holding: Holding, place: Place, there: tuple, here: tuple, expected: tuple
) -> None:
    tag = f"{AMD.digest.replace(':', '-')}.sig"
    put(place.host, place.path, _signatures(*there), tag)
    cache = holding({place.name: AMD, place.tagged(tag): _signatures(*here)})
    push(cache, place.name)
    assert tags(place.host, place.path)[tag] == _signatures(*expected).digest


def test_push_refuses_to_replace_other_signatures_and_pushes_the_image(
    holding: Holding, place: Place
) -> None:
    tag = f"{AMD.digest.replace(':', '-')}.sig"
    put(place.host, place.path, _signatures("a"), tag)
    cache = holding({place.name: AMD, place.tagged(tag): _signatures("b")})
    report = send(cache, place.name)
    assert [each.descriptor.digest for each in report.pushed] == [AMD.digest]
    ((sending, error),) = report.failures
    assert (str(sending.target.tag), type(error)) == (tag, Refused)
    assert tags(place.host, place.path) == {"1": AMD.digest, tag: _signatures("a").digest}

    push(cache, place.name, conflict=Conflict.REPLACE)
    assert tags(place.host, place.path)[tag] == _signatures("b").digest


@pytest.mark.parametrize(("kind", "suffix"), [("sigs", "sig"), ("atts", "att"), ("sboms", "sbom")])
def test_push_gives_what_hauler_saved_by_kind_the_tag_of_cosign(
    holding: Holding, place: Place, kind: str, suffix: str
) -> None:
    attached = _signatures("a")
    cache = holding({place.name: AMD}, attached)
    tree = build.Tree(cache.layout.root)
    notes = {build.REF_NAME: place.name, "kind": f"dev.cosignproject.cosign/{kind}"}
    tree.write_entries([*tree.entries(), attached.descriptor(annotations=notes)])
    with Cache.open(tree.path) as opened:
        push(opened, place.name)
    tag = f"{AMD.digest.replace(':', '-')}.{suffix}"
    assert tags(place.host, place.path) == {"1": AMD.digest, tag: attached.digest}
