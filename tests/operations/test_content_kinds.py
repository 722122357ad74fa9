"""Every kind of document: what is present and referenced is carried by every operation."""

import io
import re
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidArchive, InvalidInput, LimitExceeded, PlatformNotFound
from cachedb.feedback.progress import UNWATCHED
from cachedb.limits import GRAPH_DEPTH
from cachedb.oci import MediaType, Platform, Reference, graph, manifest
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.read.listing import Health
from cachedb.operations.transfer.remote_inspect import image_in_registry
from tests import build
from tests.operations import kinds
from tests.operations.kinds import DEEP, KINDS, WITHDRAWN_KINDS, KindOfImage
from tests.operations.registries import (
    Holding,
    Place,
    ask,
    connecting,
    document,
    fetch,
    has_blob,
    on_disk,
    platforms,
    put,
    send,
)
from tests.registry import scripted
from tests.registry.model import BEHAVIOURS, RegistryModel
from tests.registry.servers import Served

NAME = "example.com/kind:1"
CAMPAIGN = pytest.mark.campaign


def push_all(cache: Cache, name: str) -> None:
    """Push an image, which has to succeed."""
    report = send(cache, name)
    assert report.failures == ()


def archived(cache: Cache, name: str) -> bytes:
    """Export an image with everything that refers to it."""
    return b"".join(cache.export_chunks(cache.plan_export([name], ExportOptions())))


def imported(cache: Cache, archive: bytes) -> None:
    """Import all images of an archive."""
    cache.import_archive(io.BytesIO(archive), "the archive", ImportOptions(), UNWATCHED)


def check_whole(cache: Cache, name: str, made: KindOfImage) -> None:
    """Check that a cache holds an image with everything that refers to it, and nothing else."""
    assert on_disk(cache) == made.digests
    assert cache.verify().is_clean
    (listing,) = [each for each in cache.list() if each.name == name]
    assert listing.health is Health.COMPLETE
    assert cache.collect(cache.plan_collection(grace=0)).freed == 0


ROWS = {
    "image index, Docker's manifest list": ("index", "docker-list", "mixed-index"),
    "index of layers (lists no document; BuildKit's caches)": ("build-cache",),
    "image manifest, Docker's manifest": ("image", "docker-image", "non-distributable-layer"),
    "attestation manifest, artifact as image manifest": ("attested", "artifact"),
    "artifact manifest (withdrawn from image-spec 1.1)": ("artifact-manifest",),
    "content of an unknown type": ("unknown-content",),
}
"""The kinds of images of the tests for each row of the page about the content graph."""
OPTIONAL = {"mixed-index": 1, "unknown-content": 1, "non-distributable-layer": 1}
"""The number of optional descriptors of the kinds that have any."""


def test_the_page_about_the_graph_has_the_rows_that_are_tested() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "content-graph.md"
    table = page.read_text().partition("| document |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == list(ROWS)


@pytest.mark.parametrize("kind", [kind for kinds in ROWS.values() for kind in kinds])
def test_each_descriptor_of_a_document_is_required_or_optional(kind: str) -> None:
    thing = (KINDS | WITHDRAWN_KINDS)[kind]().thing
    document = manifest.parse(thing.root.content, MediaType(thing.root.media_type))
    found = graph.required_content(document)
    required = [*found.documents, *found.blobs]
    listed = [each.descriptor for each in document.children()]
    assert sorted(each.digest for each in (*required, *found.optional)) == sorted(
        each.digest for each in listed
    )
    assert len(found.optional) == OPTIONAL.get(kind, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_pull_export_import_push_and_pull_keep_every_blob(
    holding: Holding, registry: Served, tmp_path: Path, kind: str
) -> None:
    check_round_trip(holding, Place.new(registry.host), tmp_path, KINDS[kind]())


@pytest.mark.parametrize("kind", WITHDRAWN_KINDS)
def test_withdrawn_manifests_keep_every_blob_at_a_registry_that_takes_them(
    holding: Holding, tmp_path: Path, kind: str
) -> None:
    (takes_all,) = (each for each in BEHAVIOURS if each.name == "quay")
    with scripted.scripted(RegistryModel(takes_all).answer) as server:
        check_round_trip(holding, Place.new(server.host), tmp_path, WITHDRAWN_KINDS[kind]())


def check_round_trip(holding: Holding, place: Place, tmp_path: Path, made: KindOfImage) -> None:
    """Push an image, pull, export, import, push and pull it; nothing of it may be lost."""
    push_all(holding({place.name: made.thing}, *made.referrers), place.name)

    with (
        Cache.create(tmp_path / "pulled") as first,
        Cache.create(tmp_path / "imported") as second,
        Cache.create(tmp_path / "pulled-again") as third,
        Cache.create(tmp_path / "imported-from-a-directory") as fourth,
    ):
        fetch(first, place.host, place.short, has_referrers=True)
        check_whole(first, place.name, made)

        imported(second, archived(first, place.name))
        check_whole(second, place.name, made)

        target = place.next()
        report = send(second, place.name, to=target.name)
        assert report.failures == ()
        fetch(third, target.host, target.short, has_referrers=True)
        check_whole(third, target.name, made)

        fourth.import_directory(first.layout.root, ImportOptions(), UNWATCHED)
        check_whole(fourth, place.name, made)


@pytest.mark.parametrize("kind", KINDS)
def test_copy_keeps_every_blob(holding: Holding, empty: Cache, place: Place, kind: str) -> None:
    made = KINDS[kind]()
    push_all(holding({place.name: made.thing}, *made.referrers), place.name)
    target = place.next()

    with connecting() as connect:
        empty.copy(place.name, target.name, registries=connect)

    check_whole(empty, place.name, made)
    assert document(target.host, target.path, "1") == made.thing.document


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


@CAMPAIGN
@pytest.mark.parametrize("kind", DEEP)
def test_push_and_pull_go_400_documents_deep(
    holding: Holding, empty: Cache, place: Place, kind: str
) -> None:
    made = DEEP[kind]()
    push_all(holding({place.name: made.thing}, *made.referrers), place.name)

    fetch(empty, place.host, place.short, has_referrers=True)

    assert on_disk(empty) == made.digests


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["indexes", pytest.param("referrers", marks=CAMPAIGN)])
def test_export_and_import_go_400_documents_deep(
    holding: Holding, empty: Cache, kind: str
) -> None:
    made = DEEP[kind]()
    origin = holding({NAME: made.thing}, *made.referrers)

    imported(empty, archived(origin, NAME))

    check_whole(empty, NAME, made)
    (validation,) = empty.validate([NAME])
    assert validation.is_valid


@CAMPAIGN
def test_repair_goes_400_documents_deep(holding: Holding, empty: Cache) -> None:
    made = DEEP["indexes"]()
    origin = holding({NAME: made.thing})
    imported(empty, archived(origin, NAME))
    for digest in made.digests - {made.thing.digest}:
        build.Tree(empty.layout.root).blob_path(digest).unlink()

    with Cache.open(empty.layout.root) as damaged:
        repaired = damaged.repair(damaged.verify(), [origin.layout.root])

        assert all(each.source for each in repaired)
        check_whole(damaged, NAME, made)


def test_repair_ends_at_the_limit_of_depth_and_keeps_what_it_repaired(
    holding: Holding, empty: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kinds.nested(6)
    origin = holding({NAME: made})
    imported(empty, archived(origin, NAME))
    lost = made.digests - {made.digest}
    for digest in lost:
        build.Tree(empty.layout.root).blob_path(digest).unlink()
    monkeypatch.setattr(graph, "GRAPH_DEPTH", GRAPH_DEPTH.replace(value=3))

    with Cache.open(empty.layout.root) as damaged:
        with pytest.raises(LimitExceeded, match="nesting of repaired documents"):
            damaged.repair(damaged.verify(), [origin.layout.root])
        repaired = lost & on_disk(damaged)

    assert 0 < len(repaired) < len(lost)


def test_import_refuses_an_image_deeper_than_the_limit(tree: build.Tree, empty: Cache) -> None:
    tree.add(kinds.nested(GRAPH_DEPTH.value + 1), NAME)

    with pytest.raises(LimitExceeded, match="graph depth"):
        empty.import_directory(tree.path, ImportOptions(), UNWATCHED)


@pytest.mark.slow
def test_export_refuses_an_image_deeper_than_the_limit(holding: Holding) -> None:
    origin = holding({NAME: kinds.nested(GRAPH_DEPTH.value + 1)})

    with pytest.raises(LimitExceeded, match="graph depth"):
        archived(origin, NAME)


@pytest.mark.parametrize("form", [Form.DOCKER, Form.FILESYSTEM])
@pytest.mark.parametrize(
    ("media_type", "what"),
    [
        pytest.param(kinds.ENCRYPTED, "is encrypted", id="encrypted"),
        pytest.param(kinds.WASM, "is not a file system", id="wasm"),
    ],
)
def test_export_names_a_layer_that_cannot_be_unpacked(
    holding: Holding, form: Form, media_type: str, what: str
) -> None:
    cache = holding({NAME: kinds.with_layer(media_type)})

    with pytest.raises(InvalidInput, match=f"{what}.*{re.escape(media_type)}"):
        cache.plan_export([NAME], ExportOptions(form=form))


def test_import_stores_what_only_its_descriptor_holds(holding: Holding, empty: Cache) -> None:
    made = kinds.embedded()
    without = build.Thing(root=made.root, parts=made.layers)
    origin = holding({NAME: without})

    imported(empty, archived(origin, NAME))

    check_whole(empty, NAME, KindOfImage(made))


def test_import_refuses_an_index_of_which_only_an_attestation_is_whole(
    tree: build.Tree, empty: Cache
) -> None:
    image = kinds.image("broken")
    attested = build.index(image, build.attestation(image))
    tree.add(attested, NAME)
    tree.blob_path(image.layers[0].digest).unlink()

    with pytest.raises(InvalidArchive, match=image.layers[0].digest):
        empty.import_directory(tree.path, ImportOptions(), UNWATCHED)


def test_image_in_registry_looks_into_configs_where_the_index_is_silent(place: Place) -> None:
    put(place.host, place.path, kinds.silent_index())
    reference = Reference.parse(place.name)

    with connecting() as connect:
        client = connect(place.host)
        assert image_in_registry(client, reference, Platform.parse("linux/arm64"))
        assert not image_in_registry(client, reference, Platform.parse("linux/s390x"))


@pytest.mark.slow
def test_push_refuses_an_image_deeper_than_the_limit(holding: Holding, place: Place) -> None:
    cache = holding({place.name: kinds.nested(GRAPH_DEPTH.value + 1)})

    ((_, error),) = send(cache, place.name).failures

    assert isinstance(error, LimitExceeded)


def test_an_index_of_layers_that_lacks_one_is_broken(tree: build.Tree) -> None:
    made = kinds.build_cache()
    tree.add(made, NAME)
    tree.blob_path(made.parts[0].digest).unlink()

    with Cache.open(tree.path) as cache:
        assert cache.list()[0].health is Health.BROKEN
        (validation,) = cache.validate([NAME])
        assert not validation.is_valid
        assert cache.collect(cache.plan_collection(grace=0)).freed == 0


def test_a_layer_beside_images_that_is_absent_breaks_no_index(tree: build.Tree) -> None:
    made = kinds.mixed_index()
    tree.add(made, NAME)
    tree.blob_path(build.layer({"loose": "1"}).digest).unlink()

    with Cache.open(tree.path) as cache:
        assert cache.list()[0].health is not Health.BROKEN
