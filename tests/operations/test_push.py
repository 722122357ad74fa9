"""Push to a real registry: what is sent, what is not, and what is left alone."""

import base64
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.user_state import repositories
from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidInput,
    InvalidReference,
    PlatformNotFound,
    RefNotFound,
    Refused,
    RegistryUnavailable,
)
from cachedb.feedback.progress import Progress
from cachedb.oci import Digest
from cachedb.operations.transfer.push import Change
from tests import build
from tests.operations.registries import (
    Holding,
    Place,
    document,
    fetch,
    has_blob,
    on_disk,
    platforms,
    push,
    put,
    send,
    tags,
)
from tests.registry import servers
from tests.registry.counting import Counter

BASE = build.layer({"base": "b" * 4000})
AMD = build.image(BASE, build.layer({"arch": "amd64"}))
ARM = build.image(BASE, build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
MULTI = build.index(AMD, ARM, build.attestation(AMD), build.attestation_artifact(ARM))
OTHER = build.image(BASE, build.layer({"other": "1"}))
DOCKER = build.index(
    build.image(BASE, build.layer({"docker": "1"}), docker=True),
    build.image(BASE, build.layer({"docker": "2"}), arch="arm64", docker=True),
    docker=True,
)
ARTIFACT = build.artifact(BASE, artifact_type="application/vnd.example.thing")
NESTED = build.index(AMD, build.index(ARM))


def writes(requests: list[str]) -> list[str]:
    """Return the requests that change something."""
    return [line for line in requests if not line.startswith(("GET", "HEAD"))]


# -- what arrives ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(AMD, id="image"),
        pytest.param(MULTI, id="index with attestations"),
        pytest.param(NESTED, id="index in an index"),
        pytest.param(DOCKER, id="Docker's list"),
        pytest.param(ARTIFACT, id="artifact"),
    ],
)
def test_what_was_pushed_is_pulled_byte_for_byte(
    holding: Holding, empty: Cache, place: Place, thing: build.Thing
) -> None:
    pushed = push(holding({place.name: thing}), place.name)

    assert (pushed.descriptor.digest, pushed.change) == (thing.digest, Change.PUSHED)
    fetch(empty, place.host, place.tagged("1").partition("/t/")[2])
    assert on_disk(empty) == thing.digests
    assert empty.verify().is_clean


def test_parents_come_after_their_children_and_the_tag_last(
    holding: Holding, counted: Counter
) -> None:
    name = f"{counted.host}/t/order:1"
    push(holding({name: NESTED}), name)

    puts = [
        line.rpartition("/")[2] for line in counted.take() if "PUT" in line and "manifests" in line
    ]
    inner = NESTED.document["manifests"][1]["digest"]
    assert sorted(puts) == sorted([AMD.digest, ARM.digest, inner, "1"])
    assert puts.index(ARM.digest) < puts.index(inner)
    assert puts[-1] == "1"


def test_an_image_gets_another_name(holding: Holding, place: Place) -> None:
    cache = holding({"example.com/app:1": AMD})
    (pushed,) = send(cache, "example.com/app:1", to=place.tagged("other")).pushed

    assert str(pushed.target) == place.tagged("other")
    assert tags(place.host, place.path) == {"other": AMD.digest}
    assert [each.name for each in cache.list()] == ["example.com/app:1"]


def test_a_name_without_a_tag_means_latest(holding: Holding, place: Place) -> None:
    send(holding({"example.com/app:1": AMD}), "example.com/app:1", to=f"{place.host}/{place.path}")
    assert tags(place.host, place.path) == {"latest": AMD.digest}


def test_a_digest_is_pushed_without_a_tag(holding: Holding, place: Place) -> None:
    pinned = f"{place.host}/{place.path}@{AMD.digest}"
    push(holding({pinned: AMD}), pinned)
    assert document(place.host, place.path, AMD.digest) == AMD.document


def test_a_digest_cannot_be_the_name_of_something_else(holding: Holding, place: Place) -> None:
    report = send(holding({place.name: AMD}), place.name, to=f"{place.host}/x@{ARM.digest}")
    ((_, error),) = report.failures
    assert isinstance(error, InvalidInput)


@pytest.mark.parametrize(
    ("names", "to", "error"),
    [
        pytest.param(["v1"], None, InvalidReference, id="only a tag"),
        pytest.param([AMD.digest], None, InvalidReference, id="only a digest"),
        pytest.param(["v1", AMD.digest], "example.com/a:1", InvalidInput, id="two to one name"),
        pytest.param([BASE.digest], "example.com/a:1", InvalidInput, id="a layer"),
        pytest.param(["nothing"], None, RefNotFound, id="absent"),
    ],
)
def test_what_cannot_be_pushed_is_refused(
    holding: Holding, names: list[str], to: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        send(holding({"v1": AMD}, ARM), *names, to=to)


def test_one_failure_does_not_undo_the_others(holding: Holding, place: Place) -> None:
    other = place.next()
    put(place.host, place.path, OTHER)
    cache = holding({place.name: AMD, other.name: ARM})

    report = send(cache, place.name, other.name)

    assert [each.descriptor.digest for each in report.pushed] == [ARM.digest]
    ((failed, error),) = report.failures
    assert (failed.name, type(error)) == (place.name, Refused)


# -- what is not sent --------------------------------------------------------------------------


def test_what_is_there_costs_one_head(holding: Holding, counted: Counter) -> None:
    name = f"{counted.host}/t/again:1"
    cache = holding({name: MULTI})
    push(cache, name)
    counted.take()

    pushed = push(cache, name)

    assert counted.last_parts() == ["HEAD 1"]
    assert (pushed.change, pushed.sent) == (Change.UNCHANGED, 0)


def test_another_tag_of_what_is_there_sends_no_blobs(holding: Holding, counted: Counter) -> None:
    cache = holding({f"{counted.host}/t/tagged:{tag}": MULTI for tag in "12"})
    push(cache, f"{counted.host}/t/tagged:1")
    counted.take()

    pushed = push(cache, f"{counted.host}/t/tagged:2")

    assert writes(counted.take()) == ["PUT /v2/t/tagged/manifests/2"]
    assert pushed.sent == 0


def test_a_blob_that_is_there_is_not_sent(holding: Holding, place: Place) -> None:
    cache = holding({place.tagged("1"): AMD, place.tagged("2"): OTHER})
    first = push(cache, place.tagged("1"))
    second = push(cache, place.tagged("2"))

    assert (first.uploaded, first.existed) == (3, 0)
    assert (second.uploaded, second.existed) == (2, 1)
    assert second.sent == OTHER.config.size + OTHER.layers[1].size


def test_a_blob_is_sent_once_for_all_platforms(holding: Holding, counted: Counter) -> None:
    name = f"{counted.host}/t/shared:1"
    push(holding({name: MULTI}), name)
    sent = [line for line in counted.take() if line.startswith("POST")]
    blobs = {blob.digest for blob in MULTI.blobs if "manifest" not in blob.media_type}
    assert len(sent) == len(blobs - {MULTI.digest})


def test_what_was_pulled_is_mounted_and_not_sent(
    empty: Cache, registry: servers.Served, place: Place
) -> None:
    put(registry.host, "t/origin", MULTI)
    fetch(empty, registry.host, "origin:1")

    (pushed,) = send(empty, f"{registry.host}/t/origin:1", to=place.name).pushed

    assert (pushed.sent, pushed.uploaded, pushed.existed) == (0, 0, 0)
    assert pushed.mounted > 0
    assert tags(place.host, place.path)["1"] == MULTI.digest


def test_what_was_pushed_is_mounted_elsewhere(holding: Holding, place: Place) -> None:
    other = place.next()
    cache = holding({place.name: AMD, other.name: OTHER})
    push(cache, place.name)

    pushed = push(cache, other.name)

    assert (pushed.mounted, pushed.uploaded) == (1, 2)


def test_a_hint_that_is_wrong_costs_nothing_but_a_request(holding: Holding, place: Place) -> None:
    other = place.next()
    cache = holding({place.name: AMD})
    with cache.catalog.writing() as connection:
        digests = [blob.digest for blob in AMD.blobs]
        repositories.remember(connection, f"{place.host}/{other.path}", digests, 1)

    assert push(cache, place.name).uploaded == 3

    with cache.catalog.reading() as connection:
        left = repositories.sources(connection, place.host, "", [BASE.digest])
    assert left == {BASE.digest: f"{place.host}/{place.path}"}


def test_another_registry_is_no_place_to_mount_from(
    holding: Holding, place: Place, tmp_path: Path
) -> None:
    with servers.docker_registry(tmp_path / "second") as second:
        name = f"{second.host}/t/x:1"
        cache = holding({place.name: AMD, name: AMD})
        push(cache, place.name)
        assert push(cache, name).uploaded == 3


# -- what must not happen ----------------------------------------------------------------------


def test_a_wrong_blob_is_not_sent_and_nothing_is_tagged(holding: Holding, place: Place) -> None:
    cache = holding({place.name: AMD})
    build.Tree(cache.layout.root).flip(BASE.digest)

    with pytest.raises(CorruptBlob, match=BASE.digest):
        push(cache, place.name)

    assert not has_blob(place.host, place.path, BASE.digest)
    with pytest.raises(RefNotFound):
        tags(place.host, place.path)


def test_a_blob_of_a_wrong_size_is_found_before_anything_is_sent(
    holding: Holding, counted: Counter
) -> None:
    name = f"{counted.host}/t/size:1"
    cache = holding({name: AMD})
    build.Tree(cache.layout.root).truncate(BASE.digest)
    with pytest.raises(CorruptBlob, match="instead of"):
        push(cache, name)
    assert counted.take() == []


def test_a_registry_that_is_down_is_said_to_be(holding: Holding) -> None:
    with pytest.raises(RegistryUnavailable):
        push(holding({"127.0.0.1:1/x:1": AMD}), "127.0.0.1:1/x:1")


def test_push_sends_a_non_distributable_layer_that_is_here(holding: Holding, place: Place) -> None:
    foreign = build.layer({"windows": "1"}, media_type=build.FOREIGN_LAYER)
    image = build.image(BASE, foreign)
    cache = holding({place.name: image})
    send(cache, place.name)
    assert has_blob(place.host, place.path, BASE.digest)
    assert has_blob(place.host, place.path, foreign.digest)


def test_content_inside_a_descriptor_is_sent(holding: Holding, place: Place) -> None:
    config = AMD.config
    data = base64.b64encode(config.content).decode()
    value = AMD.document | {"config": config.descriptor(data=data)}
    root = build.Blob(build.to_json(value), build.OCI_MANIFEST)
    cache = holding({place.name: build.Thing(root=root, parts=AMD.layers)})

    push(cache, place.name)

    assert has_blob(place.host, place.path, config.digest)


def test_what_is_being_pushed_is_not_collected(holding: Holding, place: Place) -> None:
    cache = holding({place.name: AMD})
    removed: list[object] = []

    class Saboteur(Progress):
        def expect(self, digest: Digest, size: int, image: str = "") -> None:  # noqa: ARG002
            if not removed:
                removed.extend(cache.remove(cache.plan_removal([place.name])))
                cache.collect(cache.plan_collection(grace=0))

    pushed = push(cache, place.name, progress=Saboteur())

    assert removed
    assert pushed.descriptor.digest == AMD.digest
    assert cache.list() == []


# -- part of an image --------------------------------------------------------------------------


def test_a_partial_index_is_refused_before_anything_is_sent(
    empty: Cache, counted: Counter, registry: servers.Served
) -> None:
    put(registry.host, "t/whole", MULTI)
    fetch(empty, registry.host, "whole:1", platforms=platforms("linux/arm64"))

    report = send(empty, f"{registry.host}/t/whole:1", to=f"{counted.host}/t/nowhere:1")

    ((_, error),) = report.failures
    assert isinstance(error, BlobNotFound)
    assert "linux/amd64" in str(error)
    assert error.hint is not None
    assert "--platform" in error.hint
    assert writes(counted.take()) == []


def test_a_partial_index_is_pushed_where_the_rest_is(
    empty: Cache, registry: servers.Served, place: Place
) -> None:
    put(registry.host, place.path, MULTI)
    fetch(empty, registry.host, f"{place.path[2:]}:1", platforms=platforms("linux/arm64"))

    (pushed,) = send(empty, place.name, to=place.tagged("2")).pushed

    assert pushed.change is Change.PUSHED
    assert tags(place.host, place.path) == {"1": MULTI.digest, "2": MULTI.digest}


def test_one_platform_of_an_index_is_pushed_as_an_index_of_it(
    holding: Holding, place: Place
) -> None:
    pushed = push(holding({place.name: MULTI}), place.name, platforms=platforms("linux/arm64"))

    assert pushed.descriptor.digest != MULTI.digest
    listed = document(place.host, place.path, "1")["manifests"]
    about = build.attestation_artifact(ARM)
    assert [each["digest"] for each in listed] == [ARM.digest, about.digest]
    assert not has_blob(place.host, place.path, AMD.layers[1].digest)


def test_platforms_pushed_one_by_one_become_one_index(holding: Holding, place: Place) -> None:
    cache = holding({place.name: MULTI})
    push(cache, place.name, platforms=platforms("linux/arm64"))
    push(cache, place.name, platforms=platforms("linux/amd64"))
    listed = {each["digest"] for each in document(place.host, place.path, "1")["manifests"]}
    assert listed == {each["digest"] for each in MULTI.document["manifests"]}


def test_a_platform_inside_of_an_inner_index_is_found(holding: Holding, place: Place) -> None:
    push(holding({place.name: NESTED}), place.name, platforms=platforms("linux/arm64"))
    (inner,) = document(place.host, place.path, "1")["manifests"]
    assert inner["digest"] == NESTED.document["manifests"][1]["digest"]


@pytest.mark.parametrize("thing", [AMD, MULTI], ids=["image", "index"])
def test_a_platform_that_is_not_there_is_refused(
    holding: Holding, place: Place, thing: build.Thing
) -> None:
    with pytest.raises(PlatformNotFound, match="riscv64") as caught:
        push(holding({place.name: thing}), place.name, platforms=platforms("linux/riscv64"))
    assert "linux/amd64" in caught.value.available
    with pytest.raises(RefNotFound):
        tags(place.host, place.path)


def test_of_one_manifest_a_platform_the_chosen_one_is_pushed(place: Place, tmp_path: Path) -> None:
    images = {arch: build.image(arch=arch) for arch in ("amd64", "arm64")}
    tree = build.layout(tmp_path / "split")
    for image in images.values():
        tree.put(*image.blobs)
    named = {build.REF_NAME: place.name}
    tree.write_entries([image.descriptor(annotations=named) for image in images.values()])
    with Cache.open(tree.path) as cache:
        for wanted in ((), platforms("linux/amd64", "linux/arm64")):
            with pytest.raises(InvalidInput, match="a tag stands for one document") as refused:
                push(cache, place.name, platforms=wanted)
            assert refused.value.hint == (
                "choose one: --platform linux/amd64 or --platform linux/arm64"
            )
        with pytest.raises(PlatformNotFound):
            push(cache, place.name, platforms=platforms("linux/riscv64"))
        pushed = push(cache, place.name, platforms=platforms("linux/arm64"))
        assert pushed.descriptor.digest == images["arm64"].digest
    assert tags(place.host, place.path) == {"1": images["arm64"].digest}
