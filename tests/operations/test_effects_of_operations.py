"""The table of the page about the content graph: what each operation does with each content.

The cells stand here as they stand on the page. Each row has a test, which holds all of its cells.
"""

import io
import json
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheError, InvalidArchive, InvalidInput, UnreadableGraph
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import MediaType, graph, manifest
from cachedb.operations.archives.export import ExportOptions, Form
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.check.validate import Condition
from cachedb.operations.read.listing import Health
from tests import build
from tests.operations import kinds
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
    put_blob,
    put_document,
    send,
)

EFFECTS = {
    "required, present": (
        "downloaded",
        "uploaded",
        "stored",
        "written",
        "complete",
        "kept",
    ),
    "required, absent": (
        "error",
        "error, unless the registry has it",
        "reported; an error if no platform is complete",
        "error",
        "finding",
        "refused for documents",
    ),
    "manifests of other platforms": (
        "left out by `--platform`",
        "an index of the wanted ones is made",
        "stored if present, else reported",
        "left out, and reported",
        "not pulled",
        "kept if present",
    ),
    "content embedded as `data`": (
        "stored as a blob",
        "uploaded from the descriptor",
        "stored as a blob",
        "written",
        "complete",
        "kept",
    ),
    "non-distributable layer": (
        "downloaded if the registry has it",
        "uploaded if present",
        "stored if present",
        "written if present",
        "complete without it",
        "kept",
    ),
    "layer beside manifests in an index": (
        "downloaded if the registry has it",
        "uploaded if present",
        "stored if present",
        "written if present",
        "partial without it",
        "kept",
    ),
    "encrypted, WebAssembly and unknown layers": (
        "as other layers",
        "as other layers",
        "as other layers",
        "as other layers; refused by `--format docker` and `filesystem`",
        "not unpacked by `--deep`",
        "kept",
    ),
    "content of an unknown type that points at other content": (
        "error",
        "error",
        "error",
        "written",
        "finding",
        "refused",
    ),
    "subject": (
        "not followed",
        "not followed",
        "not followed",
        "not followed",
        "not checked",
        "kept by entries of its referrers",
    ),
    "referrers": (
        "with `--referrers`, entries without a name; `copy` always",
        "uploaded if complete",
        "stored if complete in the source, listed there or not",
        "written if complete, as entries without a name",
        "own entries",
        "kept with their subject",
    ),
}
"""The cells of each row: pull, push and copy, import, export, validate, gc."""


def test_the_page_has_the_effects_that_are_tested() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "content-graph.md"
    table = page.read_text().partition("| content | pull |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert {row[0]: tuple(row[1:]) for row in rows} == EFFECTS


def archived(cache: Cache, name: str) -> bytes:
    return b"".join(cache.export_chunks(cache.plan_export([name], ExportOptions())))


def taken_in(cache: Cache, archive: bytes) -> tuple[str, ...]:
    """Import an archive; return the digests that it lacks."""
    found = cache.import_archive(io.BytesIO(archive), "the archive", ImportOptions(), UNWATCHED)
    return tuple(digest for image in found for digest in image.missing)


def copied_from(cache: Cache, source: Cache) -> tuple[str, ...]:
    """Import the directory of another cache; return the digests that it lacks."""
    found = cache.import_directory(source.layout.root, ImportOptions(), UNWATCHED)
    return tuple(digest for image in found for digest in image.missing)


def lose(cache: Cache, digest: str) -> None:
    """Remove the file of a blob, as a person may."""
    algorithm, _, encoded = digest.partition(":")
    (cache.layout.root / "blobs" / algorithm / encoded).unlink()


def forget(place: Place, digest: str) -> None:
    ask(place.host, "DELETE", f"/v2/{place.path}/blobs/{digest}")


def optional_of(thing: build.Thing) -> set[str]:
    """Find what the document of a thing may lack."""
    parsed = manifest.parse(thing.root.content, MediaType(thing.root.media_type))
    return {str(each.digest) for each in graph.required_content(parsed).optional}


def is_valid(cache: Cache, name: str) -> bool:
    """Validate an image, after what other tools have changed."""
    with Cache.open(cache.layout.root) as again:
        (found,) = again.validate([name])
    return found.is_valid


def health_of(cache: Cache) -> Health:
    """Return the state of the only image, after what other tools have changed."""
    with Cache.open(cache.layout.root) as again:
        (found,) = again.list()
    return found.health


def with_diff_ids(media_type: str) -> build.Thing:
    """Make an image that states a diff ID for a layer that is no file system."""
    image = kinds.with_layer(media_type)
    config = json.loads(image.config.content)
    config["rootfs"]["diff_ids"][1] = image.layers[1].digest
    stated = build.Blob(build.to_json(config), image.config.media_type)
    value = image.document | {"config": stated.descriptor()}
    root = build.Blob(build.to_json(value), build.OCI_MANIFEST)
    return build.Thing(root=root, parts=(stated, *image.layers))


def garbage(cache: Cache) -> int:
    return cache.collect(cache.plan_collection(grace=0)).freed


def test_required_content_is_moved_by_every_operation(
    holding: Holding, empty: Cache, place: Place
) -> None:
    image = kinds.image("present")
    source = holding({place.name: image})

    assert send(source, place.name).failures == ()
    assert has_blob(place.host, place.path, image.layers[0].digest)
    fetch(empty, place.host, place.short)
    assert on_disk(empty) == image.digests
    target = holding({})
    assert taken_in(target, archived(source, place.name)) == ()
    assert on_disk(target) == image.digests
    assert is_valid(target, place.name)
    assert garbage(target) == 0


def test_absent_required_content_is_an_error(holding: Holding, empty: Cache, place: Place) -> None:
    image = kinds.image("absent")
    lost = image.layers[0]
    put(place.host, place.path, image)
    forget(place, lost.digest)
    source = holding({place.name: image})
    lose(source, lost.digest)

    with pytest.raises(CacheError):
        fetch(empty, place.host, place.short)
    assert on_disk(empty) == set()
    elsewhere = place.next()
    assert send(source, place.name, to=elsewhere.name).failures != ()
    with pytest.raises(CacheError):
        archived(source, place.name)
    with pytest.raises(InvalidArchive):
        copied_from(empty, source)
    assert not is_valid(source, place.name)
    put_blob(elsewhere.host, elsewhere.path, lost)
    assert send(source, place.name, to=elsewhere.name).failures == ()


def test_absent_required_content_of_one_platform_is_reported_by_import(
    holding: Holding, empty: Cache
) -> None:
    whole, broken = kinds.image("whole"), kinds.image("broken", arch="arm64")
    source = holding({"example.com/a:1": build.index(whole, broken)})
    lose(source, broken.layers[0].digest)

    assert copied_from(empty, source) == (broken.layers[0].digest,)


def test_gc_refuses_where_a_required_document_is_absent(holding: Holding) -> None:
    image = kinds.image("no manifest")
    source = holding({"example.com/a:1": image})
    lose(source, image.digest)

    with Cache.open(source.layout.root) as again, pytest.raises(UnreadableGraph):
        again.plan_collection(grace=0)


def test_manifests_of_other_platforms_are_left_out(
    holding: Holding, empty: Cache, place: Place
) -> None:
    amd, arm = kinds.image("amd"), kinds.image("arm", arch="arm64")
    index = build.index(amd, arm)
    source = holding({place.name: index})
    assert send(source, place.name, platforms=platforms("linux/amd64")).failures == ()
    listed = document(place.host, place.path, "1")["manifests"]
    assert [each["digest"] for each in listed] == [amd.digest]

    whole = place.next()
    assert send(source, place.name, to=whole.name).failures == ()
    fetch(empty, whole.host, whole.short, platforms=platforms("linux/amd64"))
    assert on_disk(empty) == {index.digest} | amd.digests
    (validation,) = empty.validate([whole.name])
    assert Condition.NOT_PULLED in {each.condition for each in validation.platforms}
    assert validation.is_valid
    plan = empty.plan_export([whole.name], ExportOptions())
    assert [each.left_out for each in plan.images] == [("linux/arm64",)]
    target = holding({})
    assert copied_from(target, empty) == (arm.digest,)
    assert garbage(source) == 0


def test_embedded_content_is_stored_as_a_blob(
    holding: Holding, empty: Cache, place: Place
) -> None:
    image = kinds.embedded()
    put(place.host, place.path, image)
    forget(place, image.config.digest)
    source = holding({place.name: image})
    lose(source, image.config.digest)

    fetch(empty, place.host, place.short)
    assert on_disk(empty) == image.digests
    elsewhere = place.next()
    assert send(source, place.name, to=elsewhere.name).failures == ()
    assert has_blob(elsewhere.host, elsewhere.path, image.config.digest)
    target = holding({})
    assert taken_in(target, archived(source, place.name)) == ()
    assert on_disk(target) == image.digests
    assert is_valid(source, place.name)
    assert garbage(target) == 0


@pytest.mark.parametrize(
    ("kind", "health"),
    [("non-distributable-layer", Health.COMPLETE), ("mixed-index", Health.PARTIAL)],
)
def test_optional_content_is_moved_where_it_is_present(
    holding: Holding, empty: Cache, place: Place, kind: str, health: Health
) -> None:
    made = kinds.KINDS[kind]().thing
    (optional,) = optional_of(made)
    source = holding({place.name: made})
    assert send(source, place.name).failures == ()
    assert has_blob(place.host, place.path, optional)
    fetch(empty, place.host, place.short)
    assert on_disk(empty) == made.digests
    target = holding({})
    taken_in(target, archived(source, place.name))
    assert on_disk(target) == made.digests
    assert garbage(source) == 0

    lose(source, optional)
    forget(place, optional)
    later = holding({})
    fetch(later, place.host, place.short)
    assert on_disk(later) == made.digests - {optional}
    taken_in(holding({}), archived(source, place.name))
    assert health_of(source) is health


@pytest.mark.parametrize("media_type", [kinds.ENCRYPTED, kinds.WASM, kinds.UNKNOWN])
def test_a_layer_that_is_no_file_system_is_moved_as_others_are(
    holding: Holding, empty: Cache, place: Place, media_type: str
) -> None:
    image = with_diff_ids(media_type)
    source = holding({place.name: image})

    assert send(source, place.name).failures == ()
    fetch(empty, place.host, place.short)
    assert on_disk(empty) == image.digests
    target = holding({})
    assert taken_in(target, archived(source, place.name)) == ()
    assert on_disk(target) == image.digests
    (deep,) = target.validate_deeply([place.name])
    assert Condition.WRONG_LAYERS not in {each.condition for each in deep.platforms}
    for form in (Form.DOCKER, Form.FILESYSTEM):
        with pytest.raises(InvalidInput):
            source.plan_export([place.name], ExportOptions(form=form))
    assert garbage(target) == 0


def test_unknown_content_that_points_at_other_content_is_refused(
    holding: Holding, empty: Cache, place: Place
) -> None:
    inner = kinds.image("pointed at")
    pointing = build.Blob(json.dumps({"manifests": [inner.descriptor()]}).encode(), kinds.UNKNOWN)
    image = kinds.image("beside")
    index = build.index_of(image.root, pointing, parts=[*image.parts, *inner.blobs])
    source = holding({place.name: index})
    for blob in (*image.blobs, *inner.blobs, pointing):
        if blob.digest not in {image.digest, inner.digest}:
            put_blob(place.host, place.path, blob)
    put_document(place.host, place.path, image.digest, image.root)
    put_document(place.host, place.path, "1", index.root)

    with pytest.raises(CacheError):
        fetch(empty, place.host, place.short)
    assert send(source, place.name, to=place.next().name).failures != ()
    with pytest.raises(CacheError):
        copied_from(empty, source)
    assert pointing.content in archived(source, place.name)
    assert not is_valid(source, place.name)
    with pytest.raises(UnreadableGraph):
        source.plan_collection(grace=0)


def test_a_subject_is_not_followed(holding: Holding, empty: Cache, place: Place) -> None:
    subject = kinds.image("subject")
    artifact = build.signature(subject)
    source = holding({place.name: artifact}, subject)

    assert send(source, place.name).failures == ()
    assert not has_blob(place.host, place.path, subject.layers[0].digest)
    fetch(empty, place.host, place.short)
    assert on_disk(empty) == artifact.digests
    target = holding({})
    assert taken_in(target, archived(source, place.name)) == ()
    assert on_disk(target) == artifact.digests
    assert is_valid(target, place.name)
    assert garbage(source) == 0
    assert on_disk(source) == artifact.digests | subject.digests


def test_referrers_follow_where_they_are_wanted(
    holding: Holding, empty: Cache, place: Place
) -> None:
    image = kinds.image("referred")
    referrer = build.signature(image)
    both = image.digests | referrer.digests
    source = holding({place.name: image}, referrer)

    assert send(source, place.name).failures == ()
    fetch(empty, place.host, place.short)
    assert on_disk(empty) == image.digests
    fetch(empty, place.host, place.short, has_referrers=True)
    assert on_disk(empty) == both
    assert None in {each.name for each in empty.list()}
    assert all(each.is_valid for each in empty.validate())
    copying = holding({})
    with connecting() as connect:
        copying.copy(place.name, place.next().name, registries=connect)
    assert on_disk(copying) == both
    target, later = holding({}), holding({})
    assert taken_in(target, archived(source, place.name)) == ()
    assert on_disk(target) == both
    assert None in {each.name for each in target.list()}
    copied_from(later, source)
    assert on_disk(later) == both
    assert garbage(source) == 0
    assert on_disk(source) == both
    lose(source, referrer.parts[0].digest)
    elsewhere = place.next()
    assert send(source, place.name, to=elsewhere.name).failures == ()
    assert not has_blob(elsewhere.host, elsewhere.path, referrer.parts[-1].digest)
