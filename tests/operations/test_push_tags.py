"""What a push does to tags that are taken, to tags of platforms, and to referrers."""

from dataclasses import replace

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidInput, Refused
from cachedb.feedback.progress import Progress
from cachedb.operations.transfer.push import Change
from cachedb.operations.transfer.tag_update import Conflict
from tests import build
from tests.operations.registries import (
    Holding,
    Place,
    document,
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

BASE = build.layer({"base": "b" * 4000})


def image(arch: str, *, variant: str = "", os: str = "linux", salt: str = "") -> build.Thing:
    return build.image(
        BASE, build.layer({"arch": arch + variant + os + salt}), arch=arch, variant=variant, os=os
    )


AMD, NEW_AMD = image("amd64"), image("amd64", salt="new")
ARM = image("arm64", variant="v8")
ARM6, ARM7 = image("arm", variant="v6"), image("arm", variant="v7")
WINDOWS = image("amd64", os="windows")
MULTI = build.index(AMD, ARM6, ARM7, ARM, WINDOWS, build.attestation(AMD))


def listed(place: Place, tag: str = "1") -> list[str]:
    return [each["digest"] for each in document(place.host, place.path, tag)["manifests"]]


# -- a tag that is taken -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "here"),
    [
        pytest.param(AMD, NEW_AMD, id="image for image"),
        pytest.param(MULTI, NEW_AMD, id="image for index"),
        pytest.param(AMD, MULTI, id="index for image"),
    ],
)
def test_another_image_is_left_alone_unless_told(
    holding: Holding, place: Place, there: build.Thing, here: build.Thing
) -> None:
    put(place.host, place.path, there)
    cache = holding({place.name: here})

    with pytest.raises(Refused, match="resolves to") as caught:
        push(cache, place.name)
    assert caught.value.hint == "--override replaces it"
    assert tags(place.host, place.path) == {"1": there.digest}

    assert push(cache, place.name, conflict=Conflict.REPLACE).change is Change.PUSHED
    assert tags(place.host, place.path) == {"1": here.digest}


def test_nothing_is_sent_before_the_refusal(holding: Holding, counted: Counter) -> None:
    put(counted.host, "t/taken", AMD)
    counted.take()
    name = f"{counted.host}/t/taken:1"
    with pytest.raises(Refused):
        push(holding({name: NEW_AMD}), name)
    assert counted.last_parts() == ["HEAD 1"]


def test_two_indexes_become_one_in_which_ours_wins(holding: Holding, place: Place) -> None:
    put(
        place.host,
        place.path,
        build.index(AMD, ARM, build.attestation(AMD), build.attestation(ARM)),
    )
    ours = build.index(NEW_AMD, build.attestation(NEW_AMD))

    pushed = push(holding({place.name: ours}), place.name)

    assert pushed.change is Change.MERGED
    new, about_new = NEW_AMD.digest, build.attestation(NEW_AMD).digest
    assert listed(place) == [new, about_new, ARM.digest, build.attestation(ARM).digest]
    assert tags(place.host, place.path) == {"1": pushed.descriptor.digest}
    # The digest of the index that was pushed gives it too.
    assert listed(place, ours.digest) == [new, about_new]


def test_what_is_merged_can_be_pulled(holding: Holding, empty: Cache, place: Place) -> None:
    put(place.host, place.path, build.index(AMD, ARM))
    push(holding({place.name: build.index(NEW_AMD, ARM7)}), place.name)

    fetch(empty, place.host, f"{place.path[2:]}:1")

    assert on_disk(empty) > NEW_AMD.digests | ARM7.digests | ARM.digests
    assert AMD.digest not in on_disk(empty)
    assert empty.verify().is_clean


def test_an_index_that_has_it_all_is_left_as_it_is(holding: Holding, place: Place) -> None:
    put(place.host, place.path, MULTI)
    pushed = push(holding({place.name: build.index(ARM, AMD)}), place.name)
    assert (pushed.change, pushed.descriptor.digest) == (Change.UNCHANGED, MULTI.digest)
    assert tags(place.host, place.path) == {"1": MULTI.digest}


def test_an_index_that_replaces_every_platform_keeps_its_bytes(
    holding: Holding, place: Place
) -> None:
    put(place.host, place.path, build.index(AMD))
    ours = build.index(NEW_AMD)
    assert push(holding({place.name: ours}), place.name).change is Change.PUSHED
    assert tags(place.host, place.path) == {"1": ours.digest}


def test_an_index_replaces_another_when_told(holding: Holding, place: Place) -> None:
    put(place.host, place.path, build.index(AMD, ARM))
    ours = build.index(NEW_AMD)
    push(holding({place.name: ours}), place.name, conflict=Conflict.REPLACE)
    assert tags(place.host, place.path) == {"1": ours.digest}


def test_statements_without_annotation_follow_what_they_are_about(
    holding: Holding, place: Place
) -> None:
    about_amd, about_arm = build.attestation_artifact(AMD), build.attestation_artifact(ARM)
    put(place.host, place.path, build.index(AMD, ARM, about_amd, about_arm))

    push(holding({place.name: build.index(NEW_AMD)}), place.name)

    assert listed(place) == [NEW_AMD.digest, ARM.digest, about_arm.digest]


# -- tags of platforms -------------------------------------------------------------------------

ARCH_TAGS = {
    "1-amd64": AMD.digest,
    "1-arm-v6": ARM6.digest,
    "1-arm-v7": ARM7.digest,
    "1-arm64": ARM.digest,
    "1-windows-amd64": WINDOWS.digest,
}


def test_each_platform_gets_a_tag_of_its_own(holding: Holding, place: Place) -> None:
    cache = holding({place.name: MULTI})
    before = cache.layout.read_index_json()

    pushed = push(cache, place.name, has_arch_tags=True)

    assert tags(place.host, place.path) == {"1": MULTI.digest} | ARCH_TAGS
    assert {each.tag for each in pushed.arch_tags} == ARCH_TAGS.keys()
    assert cache.layout.read_index_json() == before


def test_what_is_there_already_still_gets_tags(holding: Holding, place: Place) -> None:
    cache = holding({place.name: MULTI})
    push(cache, place.name)
    assert push(cache, place.name, has_arch_tags=True).change is Change.UNCHANGED
    assert tags(place.host, place.path) == {"1": MULTI.digest} | ARCH_TAGS


def test_the_tag_of_a_platform_moves_with_the_image(holding: Holding, place: Place) -> None:
    push(holding({place.name: build.index(AMD, ARM)}), place.name, has_arch_tags=True)
    push(holding({place.name: build.index(NEW_AMD)}), place.name, has_arch_tags=True)
    found = tags(place.host, place.path)
    assert (found["1-amd64"], found["1-arm64"]) == (NEW_AMD.digest, ARM.digest)


def test_tags_that_stand_right_are_not_written(holding: Holding, counted: Counter) -> None:
    name = f"{counted.host}/t/arch-again:1"
    cache = holding({name: MULTI})
    push(cache, name, has_arch_tags=True)
    counted.take()
    push(cache, name, has_arch_tags=True)
    assert {line.split()[0] for line in counted.take()} == {"HEAD"}


def test_a_platform_that_is_not_here_is_tagged_too(
    empty: Cache, registry: servers.Served, place: Place
) -> None:
    put(registry.host, place.path, MULTI)
    fetch(empty, registry.host, f"{place.path[2:]}:1", platforms=platforms("linux/arm64"))
    push(empty, place.name, has_arch_tags=True)
    assert tags(place.host, place.path) == {"1": MULTI.digest} | ARCH_TAGS


def test_images_in_an_inner_index_are_tagged(holding: Holding, place: Place) -> None:
    nested = build.index(AMD, build.index(ARM))
    push(holding({place.name: nested}), place.name, has_arch_tags=True)
    found = tags(place.host, place.path)
    assert found == {"1": nested.digest, "1-amd64": AMD.digest, "1-arm64": ARM.digest}


def test_an_image_for_one_platform_gets_no_other_tag(holding: Holding, place: Place) -> None:
    push(holding({place.name: AMD}), place.name, has_arch_tags=True)
    assert tags(place.host, place.path) == {"1": AMD.digest}


def test_of_two_images_for_one_platform_the_first_gets_the_tag(
    holding: Holding, place: Place
) -> None:
    notes: list[str] = []

    class Listening(Progress):
        def note(self, line: str) -> None:
            notes.append(line)

    twice = build.index(AMD, NEW_AMD)
    push(holding({place.name: twice}), place.name, has_arch_tags=True, progress=Listening())

    assert tags(place.host, place.path)["1-amd64"] == AMD.digest
    assert [NEW_AMD.digest in note for note in notes] == [True]


def test_a_digest_has_no_tag_to_begin_with(holding: Holding, place: Place) -> None:
    pinned = f"{place.host}/{place.path}@{MULTI.digest}"
    report = send(holding({pinned: MULTI}), pinned, has_arch_tags=True)
    ((_, error),) = report.failures
    assert isinstance(error, InvalidInput)


# -- referrers ---------------------------------------------------------------------------------

SBOM = build.sbom(ARM)
SIGNED_SBOM = build.signature(SBOM)
SIGNATURE = build.signature(MULTI)


def referrers(place: Place, subject: str) -> list[str]:
    return listed(place, subject.replace(":", "-"))


def test_what_refers_to_an_image_goes_with_it(holding: Holding, place: Place) -> None:
    cache = holding({place.name: MULTI}, SIGNATURE, SBOM, SIGNED_SBOM)

    pushed = push(cache, place.name)

    assert set(pushed.referrers) == {SIGNATURE.digest, SBOM.digest, SIGNED_SBOM.digest}
    # Debian's registry has no referrers API: a tag stands in for it.
    assert referrers(place, MULTI.digest) == [SIGNATURE.digest]
    assert referrers(place, ARM.digest) == [SBOM.digest]
    assert referrers(place, SBOM.digest) == [SIGNED_SBOM.digest]


def test_a_referrer_that_came_later_is_pushed_alone(holding: Holding, counted: Counter) -> None:
    name = f"{counted.host}/t/later:1"
    push(holding({name: MULTI}, SIGNATURE), name)
    counted.take()

    pushed = push(holding({name: MULTI}, SIGNATURE, SBOM), name)

    assert (pushed.change, pushed.referrers) == (Change.UNCHANGED, (SBOM.digest,))
    puts = [
        line.rpartition("/")[2] for line in counted.take() if "PUT" in line and "manif" in line
    ]
    assert puts == [SBOM.digest, ARM.digest.replace(":", "-")]


def test_two_referrers_of_one_image_are_both_listed(holding: Holding, place: Place) -> None:
    others = [build.sbom(AMD, {"musl": str(number)}) for number in range(5)]
    push(holding({place.name: AMD}, *others), place.name)
    assert sorted(referrers(place, AMD.digest)) == sorted(each.digest for each in others)


def test_a_referrer_that_is_not_whole_stays_here(holding: Holding, place: Place) -> None:
    cache = holding({place.name: ARM}, SBOM, build.signature(ARM))
    build.Tree(cache.layout.root).delete(SBOM.layers[0].digest)
    pushed = push(cache, place.name)
    assert pushed.referrers == (build.signature(ARM).digest,)


def test_referrers_find_an_index_that_was_merged_by_its_digest(
    holding: Holding, place: Place
) -> None:
    put(place.host, place.path, build.index(AMD))
    ours = build.index(ARM)
    push(holding({place.name: ours}, build.signature(ours)), place.name)
    assert referrers(place, ours.digest) == [build.signature(ours).digest]
    assert listed(place, ours.digest) == [ARM.digest]


# -- platforms that only configs have -----------------------------------------------------------


def silent(*things: build.Thing) -> build.Thing:
    """Make an index whose descriptors have no platforms."""
    return build.index(*(replace(each, platform=None) for each in things))


def test_an_image_whose_platform_only_its_config_has_gets_its_tag(
    holding: Holding, place: Place
) -> None:
    pushed = push(holding({place.name: silent(AMD, ARM)}), place.name, has_arch_tags=True)
    assert {each.tag for each in pushed.arch_tags} == {"1-amd64", "1-arm64"}
    found = tags(place.host, place.path)
    assert (found["1-amd64"], found["1-arm64"]) == (AMD.digest, ARM.digest)


@pytest.mark.parametrize("ours", [silent(NEW_AMD), build.index(NEW_AMD)], ids=["silent", "not"])
@pytest.mark.parametrize(
    "theirs", [silent(AMD, ARM), build.index(AMD, ARM)], ids=["silent", "not"]
)
def test_a_merge_replaces_an_image_whose_platform_only_its_config_has(
    holding: Holding, place: Place, ours: build.Thing, theirs: build.Thing
) -> None:
    put(place.host, place.path, theirs)
    assert push(holding({place.name: ours}), place.name).change is Change.MERGED
    assert listed(place) == [NEW_AMD.digest, ARM.digest]
