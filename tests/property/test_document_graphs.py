"""Random graphs of documents: no operation loses a blob that is present and reachable."""

import base64
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.errors import CacheError, InvalidArchive
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.read.listing import Health
from tests import build

NAME = "example.com/graph:1"
DOCUMENTS = {build.OCI_INDEX, build.OCI_MANIFEST, build.DOCKER_LIST, build.DOCKER_MANIFEST}
LAYERS = [
    build.layer({"a": "1"}),
    build.layer({"b": "2"}),
    build.layer({"c": "3"}, media_type=build.FOREIGN_LAYER),
    build.Blob(b"\0ciphertext", f"{build.OCI_LAYER_GZIP}+encrypted"),
    build.Blob(b"\0asm", "application/wasm"),
    build.Blob(b'{"note":1}', "application/vnd.example.note+json"),
    build.layer({"d": "4"}, media_type=build.DOCKER_LAYER_GZIP),
    build.Blob(b"\1ciphertext", f"{build.DOCKER_LAYER_GZIP}+encrypted"),
]
CONFIGS = [
    build.config_blob([], build.platform_of("amd64")),
    build.config_blob([], build.platform_of("arm64")),
    build.Blob(b"{}", build.OCI_EMPTY),
    build.config_blob([], build.platform_of("s390x"), media_type=build.DOCKER_CONFIG),
]


@st.composite
def descriptors(draw: st.DrawFn, blob: build.Blob) -> build.Json:
    """Describe a blob, now and then with its content embedded."""
    if len(blob.content) < 100 and draw(st.integers(0, 3)) == 0:
        return blob.descriptor(data=base64.b64encode(blob.content).decode())
    return blob.descriptor()


@st.composite
def manifests(draw: st.DrawFn, subjects: list[build.Blob]) -> build.Blob:
    config = draw(st.sampled_from(CONFIGS))
    layers = draw(st.lists(st.sampled_from(LAYERS), max_size=3))
    media_type = draw(
        st.sampled_from((build.OCI_MANIFEST, build.OCI_MANIFEST, build.DOCKER_MANIFEST))
    )
    value: build.Json = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": draw(descriptors(config)),
        "layers": [draw(descriptors(layer)) for layer in layers],
    }
    if subjects and draw(st.integers(0, 2)) == 0:
        value["subject"] = draw(st.sampled_from(subjects)).descriptor()
    return build.Blob(build.to_json(value), media_type)


@st.composite
def indexes(draw: st.DrawFn, below: list[build.Blob]) -> build.Blob:
    listed = draw(st.lists(st.sampled_from([*below, *LAYERS]), max_size=4))
    media_type = draw(st.sampled_from((build.OCI_INDEX, build.OCI_INDEX, build.DOCKER_LIST)))
    value = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [each.descriptor() for each in listed],
    }
    return build.Blob(build.to_json(value), media_type)


@st.composite
def graphs(draw: st.DrawFn) -> list[build.Blob]:
    """Make documents, each of which may list or refer to earlier ones; the last is the root."""
    made: list[build.Blob] = [draw(manifests([]))]
    for _ in range(draw(st.integers(0, 5))):
        made.append(draw(st.one_of(manifests(made), indexes(made))))
    return made


def listed_in(blob: build.Blob) -> Iterator[build.Json]:
    """Yield the descriptors of the content of a document, read without cachedb."""
    if blob.media_type in DOCUMENTS:
        value = json.loads(blob.content)
        yield from value.get("manifests", [])
        yield from value.get("layers", [])
        if "config" in value:
            yield value["config"]


def reachable(root: build.Blob, present: dict[str, build.Blob]) -> set[str]:
    """Return the digests of the content that is present, or embedded, below a root."""
    found: set[str] = set()
    pending = [root.descriptor()]
    while pending:
        described = pending.pop()
        digest = described["digest"]
        if digest in found or (digest not in present and "data" not in described):
            continue
        found.add(digest)
        if digest in present:
            blob = build.Blob(present[digest].content, described["mediaType"])
            pending += listed_in(blob)
    return found


def on_disk(cache: Cache) -> set[str]:
    return {str(file.digest) for file in cache.layout.blobs.files()}


def in_archive(content: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = [Path(name) for name in archive.getnames()]
    return {f"{name.parent.name}:{name.name}" for name in names if name.parts[0] == "blobs"}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents=graphs(), lost=st.sets(st.integers(0, 30), max_size=3))
def test_no_operation_loses_a_blob_that_is_present_and_reachable(
    documents: list[build.Blob], lost: set[int]
) -> None:
    root = documents[-1]
    every = {blob.digest: blob for blob in (*LAYERS, *CONFIGS, *documents)}
    gone = {digest for place, digest in enumerate(sorted(every)) if place in lost}
    present = {digest: blob for digest, blob in every.items() if digest not in gone}
    present[root.digest] = root
    wanted = reachable(root, present)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = build.Tree.make(folder / "origin")
        tree.put(*present.values())
        tree.name(build.Thing(root=root, parts=()), NAME)
        with Cache.open(tree.path) as origin, Cache.create(folder / "target") as target:
            check_import(origin, target, wanted)
            check_export(origin, wanted)
            check_collection(origin, wanted & present.keys())


def check_import(origin: Cache, target: Cache, wanted: set[str]) -> None:
    """An import carries all of it, or nothing; an image that lacks something is reported."""
    try:
        (done,) = target.import_directory(origin.layout.root, ImportOptions(), UNWATCHED)
    except InvalidArchive:
        assert on_disk(target) == set()
        return
    assert on_disk(target) >= wanted  # with what refers to it
    (listing,) = [each for each in target.list() if each.name == NAME]
    assert done.missing or listing.health is not Health.BROKEN


def check_export(origin: Cache, wanted: set[str]) -> None:
    """An archive holds all of it; parts that are absent are named, or the export is refused."""
    try:
        plan = origin.plan_export([NAME], ExportOptions())
    except CacheError:
        return
    (exported,) = plan.images
    held = in_archive(b"".join(origin.export_chunks(plan)))
    if exported.digest in wanted:
        assert held >= wanted


def check_collection(origin: Cache, wanted: set[str]) -> None:
    """A collection deletes nothing that the name reaches."""
    with suppress(CacheError):
        origin.collect(origin.plan_collection(grace=0))
    assert on_disk(origin) >= wanted
