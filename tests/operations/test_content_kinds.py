"""Every kind of document: what is present and referenced is carried by every operation."""

import pytest

from cachedb.cache import Cache
from cachedb.errors import LimitExceeded, PlatformNotFound
from cachedb.limits import GRAPH_DEPTH
from cachedb.operations.read.listing import Health
from tests import build
from tests.operations import kinds
from tests.operations.kinds import KINDS
from tests.operations.registries import (
    Holding,
    Place,
    ask,
    fetch,
    has_blob,
    on_disk,
    platforms,
    put,
    send,
)


def push_all(cache: Cache, name: str) -> None:
    """Push an image, which has to succeed."""
    report = send(cache, name)
    assert report.failures == ()


@pytest.mark.parametrize("kind", KINDS)
def test_push_and_pull_carry_every_blob(
    holding: Holding, empty: Cache, place: Place, kind: str
) -> None:
    made = KINDS[kind]()
    push_all(holding({place.name: made.thing}, *made.referrers), place.name)

    fetch(empty, place.host, place.short, has_referrers=True)

    assert on_disk(empty) == made.digests
    assert empty.verify().is_clean
    assert empty.list()[0].health is Health.COMPLETE
    assert empty.collect(empty.plan_collection(grace=0)).freed == 0


def test_pull_chooses_by_the_config_where_the_index_is_silent(
    holding: Holding, empty: Cache, place: Place
) -> None:
    index = kinds.silent_index()
    push_all(holding({place.name: index}), place.name)

    fetch(empty, place.host, place.short, platforms=platforms("linux/arm64"))

    arm = build.image(build.layer({"a": "arm64"}), arch="arm64")
    assert on_disk(empty) == {index.digest, *arm.digests}
    with pytest.raises(PlatformNotFound, match="linux/amd64, linux/arm64"):
        fetch(empty, place.host, place.short, platforms=platforms("linux/s390x"))


def test_push_chooses_by_the_config_where_the_index_is_silent(
    holding: Holding, place: Place
) -> None:
    cache = holding({place.name: kinds.silent_index()})

    report = send(cache, place.name, platforms=platforms("linux/arm64"))

    assert report.failures == ()
    arm, amd = (build.layer({"a": arch}) for arch in ("arm64", "amd64"))
    assert has_blob(place.host, place.path, arm.digest)
    assert not has_blob(place.host, place.path, amd.digest)


def test_pull_leaves_out_an_inner_index_without_the_wanted_platform(
    empty: Cache, place: Place
) -> None:
    arm = build.index(kinds.image("inner", arch="arm64"))
    amd = kinds.image("outer")
    put(place.host, place.path, arm, "inner")
    put(place.host, place.path, build.index(arm, amd))

    fetch(empty, place.host, place.short, platforms=platforms("linux/amd64"))

    assert arm.digest not in on_disk(empty)
    assert empty.list()[0].health is Health.PARTIAL


def test_a_forced_pull_takes_the_only_image_of_an_index(empty: Cache, place: Place) -> None:
    index = build.index(kinds.image("only", arch="arm64"))
    put(place.host, place.path, index)

    fetch(empty, place.host, place.short, platforms=platforms("linux/s390x"), is_forced=True)

    assert on_disk(empty) == index.digests


def test_a_forced_pull_refuses_to_choose_among_several_images(empty: Cache, place: Place) -> None:
    put(place.host, place.path, build.multi_platform("amd64", "arm64"))

    with pytest.raises(PlatformNotFound):
        fetch(empty, place.host, place.short, platforms=platforms("linux/s390x"), is_forced=True)

    assert on_disk(empty) == set()


def test_pull_leaves_out_a_non_distributable_layer_that_the_registry_lacks(
    empty: Cache, place: Place
) -> None:
    image = kinds.with_layer(build.FOREIGN_LAYER)
    foreign = image.layers[1]
    put(place.host, place.path, image)
    ask(place.host, "DELETE", f"/v2/{place.path}/blobs/{foreign.digest}")

    fetch(empty, place.host, place.short)

    assert on_disk(empty) == image.digests - {foreign.digest}
    assert empty.list()[0].health is Health.COMPLETE


@pytest.mark.parametrize("kind", ["indexes", "referrers"])
def test_push_and_pull_go_400_documents_deep(
    holding: Holding, empty: Cache, place: Place, kind: str
) -> None:
    made = {
        "indexes": lambda: kinds.KindOfImage(kinds.nested(kinds.DEPTH)),
        "referrers": lambda: kinds.referrers_in_a_chain(kinds.DEPTH),
    }[kind]()
    push_all(holding({place.name: made.thing}, *made.referrers), place.name)

    fetch(empty, place.host, place.short, has_referrers=True)

    assert on_disk(empty) == made.digests


def test_push_refuses_an_image_deeper_than_the_limit(holding: Holding, place: Place) -> None:
    cache = holding({place.name: kinds.nested(GRAPH_DEPTH.value + 1)})

    ((_, error),) = send(cache, place.name).failures

    assert isinstance(error, LimitExceeded)
