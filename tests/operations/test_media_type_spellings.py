"""Documents whose descriptor, Content-Type and own mediaType are spelled differently.

Docker and OCI have a media type each for an index and for a manifest; a registry may send either,
or none, for a document whose descriptor has the other.
"""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError, InvalidManifest
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Reference
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.transfer.remote_inspect import inspect
from tests import build
from tests.operations.registries import (
    Holding,
    Place,
    connecting,
    document,
    fetch,
    on_disk,
    platforms,
    push,
)
from tests.registry.scripted import Asked, Reply
from tests.registry.shelf import Quirk, shelf, with_headers

DOCKER = build.DOCKER_MANIFEST
NAME = "example.com/spelled:1"
MANIFESTS = (build.OCI_MANIFEST, build.DOCKER_MANIFEST)
INDEXES = (build.OCI_INDEX, build.DOCKER_LIST)
VAGUE = (
    "",
    "application/json",
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "binary/octet-stream",
    "text/html",
)


def respelled(thing: build.Thing, inside: str, declared: str) -> build.Thing:
    """Give a document another mediaType, or none, and its descriptors another type than that."""
    value = thing.document
    value.pop("mediaType", None)
    if inside:
        value = {"mediaType": inside, **value}
    return replace(thing, root=build.Blob(build.to_json(value), declared))


def image(inside: str = build.OCI_MANIFEST, declared: str = build.OCI_MANIFEST) -> build.Thing:
    """Make an image with Docker's config if Docker's type is inside."""
    layer = build.layer({"inside": inside, "as": declared})
    return respelled(build.image(layer, docker=inside == DOCKER), inside, declared)


def sending(content_type: str) -> Quirk:
    """Send every document with one Content-Type."""

    def quirk(asked: Asked, reply: Reply) -> Reply:
        is_document = reply.status == 200 and "/manifests/" in asked.path
        return with_headers(reply, Content_Type=content_type) if is_document else reply

    return quirk


def sending_each(content_types: dict[str, str]) -> Quirk:
    """Send the documents of some digests with other Content-Types."""

    def quirk(asked: Asked, reply: Reply) -> Reply:
        sent = content_types.get(dict(reply.headers).get("Docker-Content-Digest", ""))
        return reply if sent is None else with_headers(reply, Content_Type=sent)

    return quirk


@pytest.mark.parametrize("inside", ["", *MANIFESTS])
@pytest.mark.parametrize("sent", [*MANIFESTS, *VAGUE, f"{build.OCI_MANIFEST}; charset=utf-8"])
@pytest.mark.parametrize("declared", MANIFESTS)
def test_pull_takes_a_child_in_either_spelling(
    empty: Cache, inside: str, sent: str, declared: str
) -> None:
    child = image(inside, declared)
    index = build.index(child)
    with shelf({"1": index}, sending_each({child.digest: sent})) as server:
        fetch(empty, server.host, "spelled:1", platforms=platforms("linux/amd64"))
    assert on_disk(empty) == index.digests
    assert [each.is_valid for each in empty.validate()] == [True]


@pytest.mark.parametrize("inside", ["", *INDEXES])
@pytest.mark.parametrize("sent", [*INDEXES, *VAGUE, build.OCI_INDEX.upper()])
@pytest.mark.parametrize("declared", INDEXES)
def test_pull_takes_an_inner_index_in_either_spelling(
    empty: Cache, inside: str, sent: str, declared: str
) -> None:
    inner = respelled(build.index(image()), inside, declared)
    outer = build.index(inner)
    with shelf({"1": outer}, sending_each({inner.digest: sent})) as server:
        fetch(empty, server.host, "spelled:1")
    assert on_disk(empty) == outer.digests


@pytest.mark.parametrize("inside", ["", *MANIFESTS])
@pytest.mark.parametrize("sent", [*MANIFESTS, *(each for each in VAGUE if each != "text/html")])
def test_pull_takes_a_tag_in_either_spelling(empty: Cache, inside: str, sent: str) -> None:
    made = image(inside)
    with shelf({"1": made}, sending(sent)) as server:
        fetch(empty, server.host, "spelled:1")
    assert on_disk(empty) == made.digests
    assert [each.is_valid for each in empty.validate()] == [True]


@pytest.mark.parametrize("sent", [build.OCI_INDEX, build.DOCKER_LIST])
def test_pull_refuses_a_manifest_that_is_sent_as_an_index(empty: Cache, sent: str) -> None:
    child = image()
    with (
        shelf({"1": build.index(child)}, sending_each({child.digest: sent})) as server,
        pytest.raises(CacheError, match="is sent as"),
    ):
        fetch(empty, server.host, "spelled:1")
    assert on_disk(empty) == set()


def _spelled_index(inside: str, declared: str, inner: str) -> build.Thing:
    """Make an index, itself declared as OCI's, of an image in some spelling."""
    return respelled(build.index(image(inside, declared)), inner, build.OCI_INDEX)


SPELLINGS = [
    pytest.param(inside, declared, inner, id=f"{n}")
    for n, (inside, declared, inner) in enumerate(
        (inside, declared, inner)
        for inside in ("", *MANIFESTS)
        for declared in MANIFESTS
        for inner in ("", *INDEXES)
    )
]


@pytest.mark.parametrize(("inside", "declared", "inner"), SPELLINGS)
def test_validate_export_import_push_pull_and_copy_accept_the_same_spellings(
    holding: Holding, place: Place, tmp_path: Path, inside: str, declared: str, inner: str
) -> None:
    made = _spelled_index(inside, declared, inner)
    source = holding({NAME: made})
    assert [each.is_valid for each in source.validate()] == [True]
    archive = b"".join(source.export_chunks(source.plan_export([NAME], ExportOptions())))
    with Cache.create(tmp_path / "imported") as imported:
        imported.import_archive(io.BytesIO(archive), "the archive", ImportOptions(), UNWATCHED)
        assert on_disk(imported) == made.digests
        push(imported, NAME, to=place.name)
    assert document(place.host, place.path, "1") == made.document
    with connecting() as connect:
        found = inspect(connect(place.host), Reference.parse(place.name))
        assert [str(each.platform) for each in found.manifests] == ["linux/amd64"]
    target = place.next()
    with Cache.create(tmp_path / "copied") as copied, connecting() as connect:
        copied.copy(place.name, target.name, registries=connect)
        assert on_disk(copied) == made.digests
    assert document(target.host, target.path, "1") == made.document


@pytest.mark.parametrize("inside", ["", *MANIFESTS])
@pytest.mark.parametrize("declared", MANIFESTS)
def test_push_sends_an_image_as_the_type_that_it_has_inside(
    holding: Holding, place: Place, inside: str, declared: str
) -> None:
    made = image(inside, declared)
    push(holding({NAME: made}), NAME, to=place.name)
    with connecting() as connect:
        found = connect(place.host).resolve(Reference.parse(place.name))
    assert found.digest == made.digest
    assert found.media_type == (inside or build.OCI_MANIFEST)


def test_no_operation_takes_an_index_for_a_manifest(
    holding: Holding, place: Place, empty: Cache
) -> None:
    child = respelled(image(), build.OCI_INDEX, build.OCI_MANIFEST)
    made = build.index(child)
    cache = holding({NAME: made})
    assert [each.is_valid for each in cache.validate()] == [False]
    with pytest.raises(InvalidManifest):
        b"".join(cache.export_chunks(cache.plan_export([NAME], ExportOptions())))
    with pytest.raises(InvalidManifest):
        push(cache, NAME, to=place.name)
    with shelf({"1": made}) as server, pytest.raises(InvalidManifest):
        fetch(empty, server.host, "spelled:1")
