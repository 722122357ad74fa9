"""SBOMs that an entry attaches to an image by its tag (cosign 2) or by its kind (hauler)."""

from dataclasses import replace
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.query.syntax.parser import parse
from tests import attested, build
from tests.operations.registries import Place, fetch, put
from tests.packages import sboms

AMD64 = build.image(build.layer({"arch": "amd64"}))
ARM64 = build.image(build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
INDEX = build.index(AMD64, ARM64)
APP = "example.com/app:1"
CURL = attested.spdx(curl="7.88.1-10")
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def by_cosign(layer: build.Blob, **annotations: str) -> build.Thing:
    """Make the manifest that cosign 2 writes: one layer, the config of an image, no subject."""
    made = build.manifest(build.config_blob((layer,), {"architecture": "", "os": ""}), (layer,))
    value = made.document
    value["layers"][0]["annotations"] = {"dev.cosignproject.cosign/signature": "", **annotations}
    return replace(made, root=build.Blob(build.to_json(value), made.media_type))


def tag_of(about: build.Thing, suffix: str) -> str:
    return f"{about.digest.replace(':', '-')}.{suffix}"


ATTESTED = by_cosign(
    attested.blob(sboms.envelope(sboms.statement(CURL)), sboms.DSSE),
    predicateType=sboms.SPDX_PREDICATE,
)
CYCLONEDX = sboms.cyclonedx(sboms.cyclonedx_component())
FORMS = [
    pytest.param("att", ATTESTED, id="attestation"),
    pytest.param("sbom", by_cosign(attested.blob(CURL, "text/spdx+json")), id="spdx"),
    pytest.param("sbom", by_cosign(attested.blob(CYCLONEDX, sboms.CYCLONEDX)), id="cyclonedx"),
]
SIGNED = by_cosign(build.Blob(b'{"critical":{}}', SIMPLE_SIGNING))


def ask(cache: Cache, query: str) -> list[Any]:
    return [row[0] for row in cache.query(parse(query)).rows]


@pytest.mark.parametrize("name", ["example.com/app:{}", "{}"], ids=["full name", "bare tag"])
@pytest.mark.parametrize(("suffix", "attached"), FORMS)
def test_an_sbom_behind_a_tag_describes_the_image_in_the_tag(
    tree: build.Tree, suffix: str, attached: build.Thing, name: str
) -> None:
    tree.add(AMD64, APP)
    tree.add(attached, name.format(tag_of(AMD64, suffix)))
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs pkg:curl") == [APP]
        assert ask(cache, "manifests any package") == [AMD64.digest]
        assert [each.described for each in cache.sboms(APP)] == [AMD64.digest]
        assert [each.name for each in cache.packages(APP).packages] == ["curl"]
        coverage = cache.sbom_coverage(parse("packages"))
        assert coverage is not None
        assert (coverage.refs, coverage.without, coverage.unreadable) == (1, 0, 0)


@pytest.mark.parametrize(("suffix", "attached"), FORMS)
@pytest.mark.parametrize("about", [INDEX, ARM64], ids=["index", "one platform"])
def test_an_sbom_behind_a_tag_describes_an_index_or_one_of_its_platforms(
    tree: build.Tree, suffix: str, attached: build.Thing, about: build.Thing
) -> None:
    tree.add(INDEX, APP)
    tree.add(attached, f"example.com/app:{tag_of(about, suffix)}")
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs pkg:curl") == [APP]
        assert [each.described for each in cache.sboms(APP)] == [about.digest]


def test_an_sbom_in_a_form_that_is_not_read_is_counted(tree: build.Tree) -> None:
    tree.add(AMD64, APP)
    protobuf = attested.blob(b"\n\x031.6", "application/vnd.cyclonedx+protobuf")
    tree.add(by_cosign(protobuf), f"example.com/app:{tag_of(AMD64, 'sbom')}")
    with Cache.open(tree.path) as cache:
        coverage = cache.sbom_coverage(parse("packages"))
        assert coverage is not None
        assert (coverage.refs, coverage.without, coverage.unreadable) == (1, 1, 1)
        (lacking,) = cache.packages(APP).unreadable
        assert "'application/vnd.cyclonedx+protobuf' is not read" in lacking.why


@pytest.mark.parametrize("is_first", [True, False], ids=["sbom first", "image first"])
@pytest.mark.parametrize(("suffix", "attached"), FORMS)
def test_the_order_of_arrival_does_not_matter(
    tree: build.Tree, suffix: str, attached: build.Thing, is_first: bool
) -> None:
    arrivals = [(attached, f"example.com/app:{tag_of(AMD64, suffix)}"), (AMD64, APP)]
    for thing, name in arrivals if is_first else reversed(arrivals):
        tree.add(thing, name)
        with Cache.open(tree.path) as cache:
            ask(cache, "packages")
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs pkg:curl") == [APP]


@pytest.mark.parametrize(("suffix", "attached"), FORMS)
def test_without_its_tag_an_sbom_describes_nothing(
    tree: build.Tree, suffix: str, attached: build.Thing
) -> None:
    tree.add(AMD64, APP)
    name = f"example.com/app:{tag_of(AMD64, suffix)}"
    tree.add(attached, name)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "packages") == ["curl"]
        cache.remove(cache.plan_removal([name]))
        assert ask(cache, "refs pkg:curl") == []
        assert list(cache.sboms(APP)) == []
    tree.add(attached, "example.com/app:another-tag")
    with Cache.open(tree.path) as cache:
        assert ask(cache, "packages") == []
    tree.add(attached, name)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs pkg:curl") == [APP]


@pytest.mark.parametrize("image_kind", ["dev.cosignproject.cosign/image", None])
@pytest.mark.parametrize(
    ("kind", "attached"),
    [("atts", ATTESTED), ("sboms", by_cosign(attested.blob(CURL, "text/spdx+json")))],
)
@pytest.mark.parametrize("is_first", [True, False], ids=["sbom first", "image first"])
def test_an_sbom_of_a_kind_describes_the_image_of_its_name(
    tree: build.Tree, kind: str, attached: build.Thing, image_kind: str | None, is_first: bool
) -> None:
    arrivals = [(attached, f"dev.cosignproject.cosign/{kind}"), (AMD64, image_kind)]
    for thing, its_kind in arrivals if is_first else reversed(arrivals):
        notes = {build.REF_NAME: APP} | ({} if its_kind is None else {"kind": its_kind})
        tree.put(*thing.blobs)
        tree.write_entries([*tree.entries(), thing.descriptor(annotations=notes)])
        with Cache.open(tree.path) as cache:
            ask(cache, "packages")
    with Cache.open(tree.path) as cache:
        assert ask(cache, "manifests any package") == [AMD64.digest]


@pytest.mark.parametrize("about", [INDEX, ARM64], ids=["index", "one platform"])
def test_a_signature_behind_a_tag_signs_what_holds_its_subject(
    tree: build.Tree, about: build.Thing
) -> None:
    tree.add(INDEX, APP)
    tree.add(AMD64, "example.com/other:1")
    tree.add(SIGNED, f"example.com/app:{tag_of(about, 'sig')}")
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs is:signed tag:1") == [APP]


def test_a_pull_with_referrers_brings_the_packages_behind_tags(empty: Cache, place: Place) -> None:
    put(place.host, place.path, INDEX)
    put(place.host, place.path, ATTESTED, tag_of(AMD64, "att"))
    put(place.host, place.path, SIGNED, tag_of(INDEX, "sig"))
    fetch(empty, place.host, place.short, has_referrers=True)
    assert ask(empty, "refs pkg:curl and is:signed") == [place.name]
    assert [each.described for each in empty.sboms(place.name)] == [AMD64.digest]
