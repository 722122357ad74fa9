"""Deep validation: what the config says that its layers unpack to has to be so."""

import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import InvalidArchive
from cachedb.layout.blobs import BlobStore
from cachedb.oci import Digest, Platform
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from cachedb.operations.check.deep_validation import contradictions
from cachedb.operations.check.validate import Condition, Validation
from tests import build
from tests.archive import build as archives
from tests.archive import lazy_layers
from tests.conftest import APP, BASE, TOOL

NAME = "example.com/app:1"
AMD = Platform.parse("linux/amd64")
OTHER = build.layer({"bin/sh": "#!other"})


def deeply(tree: build.Tree, *names: str) -> Validation:
    with Cache.open(tree.path) as cache:
        (found,) = cache.validate_deeply(names)
    return found


def claiming(layer: build.Blob, diff_id: str) -> build.Thing:
    """Make an image whose config says of its one layer that it unpacks to something."""
    return build.image(replace(layer, diff_id=diff_id))


def test_an_image_whose_layer_is_another_than_its_config_says_is_a_finding(
    tree: build.Tree,
) -> None:
    tree.add(claiming(OTHER, BASE.diff_id), NAME)
    found = deeply(tree, NAME)
    (report,) = found.platforms
    assert report.condition is Condition.WRONG_LAYERS
    assert report.problem == (
        f"layer {OTHER.digest} unpacks to {OTHER.diff_id}, its config declares {BASE.diff_id}"
    )
    assert not found.is_valid


def test_the_platform_that_was_asked_for_is_then_not_there(tree: build.Tree) -> None:
    tree.add(claiming(OTHER, BASE.diff_id), NAME)
    with Cache.open(tree.path) as cache:
        (shallow,) = cache.validate([NAME], [AMD])
        (deep,) = cache.validate_deeply([NAME], [AMD])
    assert shallow.is_valid
    assert deep.wanted == (AMD,)


def test_its_blobs_are_right_and_nothing_is_marked(tree: build.Tree) -> None:
    tree.add(claiming(OTHER, BASE.diff_id), NAME)
    deeply(tree, NAME)
    with Cache.open(tree.path) as cache:
        assert cache.verify().is_clean
        assert [listing.health for listing in cache.list()] == ["complete"]


def test_a_config_for_more_layers_than_there_are_is_a_finding(tree: build.Tree) -> None:
    config = build.config_blob([BASE, OTHER], build.platform_of("amd64"))
    tree.add(build.manifest(config, [BASE]), NAME)
    (report,) = deeply(tree, NAME).platforms
    assert report.condition is Condition.WRONG_LAYERS
    assert report.problem == "rootfs.diff_ids: 2 for 1 layers"


def test_a_layer_that_cannot_be_unpacked_is_a_finding(tree: build.Tree) -> None:
    cut = replace(BASE, content=BASE.content[:-9])
    tree.add(build.image(cut), NAME)
    (report,) = deeply(tree, NAME).platforms
    assert report.condition is Condition.WRONG_LAYERS
    assert report.problem == f"layer {cut.digest}: the gzip data are truncated"


def test_only_the_platform_with_the_wrong_layer_is_one(tree: build.Tree) -> None:
    wrong = build.image(replace(OTHER, diff_id=BASE.diff_id), arch="arm64")
    tree.add(build.index(build.image(BASE), wrong), NAME)
    conditions = [report.condition for report in deeply(tree, NAME).platforms]
    assert conditions == [Condition.COMPLETE, Condition.WRONG_LAYERS]


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(build.layer({"a": "b"}), id="gzip"),
        pytest.param(build.layer({"a": "b"}, media_type=build.OCI_LAYER), id="plain"),
        pytest.param(
            replace(build.layer({"a": "b"}), content=build.tar({"a": "b"})), id="mislabelled"
        ),
        pytest.param(
            replace(
                build.layer({"a": "b"}),
                content=b"".join(
                    gzip.compress(part, mtime=0)
                    for part in (build.tar({"a": "b"})[:99], build.tar({"a": "b"})[99:])
                ),
            ),
            id="two-members",
        ),
    ],
)
def test_it_is_the_unpacked_bytes_that_count(tree: build.Tree, layer: build.Blob) -> None:
    tree.add(build.image(layer), NAME)
    assert deeply(tree, NAME).is_valid


def test_what_is_no_image_has_no_layers_to_unpack(tree: build.Tree) -> None:
    image = build.image(BASE)
    statement = build.attestation(image)
    tree.add(build.index(image, statement), NAME)
    tree.add(statement, "example.com/statement:1")
    artifact = build.manifest(build.Blob(b"{}", "application/x.config+json"), [OTHER])
    tree.add(artifact, "example.com/artifact:1")
    assert deeply(tree, NAME).is_valid
    assert deeply(tree, "example.com/artifact:1").is_valid
    assert deeply(tree, "example.com/statement:1").is_valid
    with Cache.open(tree.path) as cache:
        manifests = [Digest(each.digest) for each in (image, statement, artifact)]
        assert contradictions(cache.layout, manifests) == {}


def test_a_layer_that_cannot_be_unpacked_here_is_no_finding(tree: build.Tree) -> None:
    secret = replace(BASE, content=b"secret", media_type=f"{BASE.media_type}+encrypted")
    foreign = replace(OTHER, media_type=build.FOREIGN_LAYER)
    image = build.image(secret, foreign)
    tree.add(image, NAME)
    tree.delete(foreign.digest)
    assert deeply(tree, NAME).is_valid


def test_a_layer_of_two_images_is_unpacked_once(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    original = BlobStore.open

    def counting(store: BlobStore, digest: object) -> object:
        opened.append(str(digest))
        return original(store, digest)  # type: ignore[arg-type]

    monkeypatch.setattr(BlobStore, "open", counting)
    with Cache.open(populated.path) as cache:
        opened.clear()
        assert all(found.is_valid for found in cache.validate_deeply())
    layers = {layer.digest for image in (APP, TOOL) for layer in image.blobs if layer.diff_id}
    assert BASE.digest in layers
    assert [digest for digest in opened if digest in layers] == sorted(layers, key=opened.index)


def test_wrong_bytes_are_told_as_before(populated: build.Tree) -> None:
    populated.flip(BASE.digest)
    conditions = {report.condition for report in deeply(populated, NAME).platforms}
    assert conditions == {Condition.CORRUPT}


@pytest.mark.parametrize("name", [".wh..", "etc/.wh..", "etc/.wh..."])
def test_a_whiteout_that_names_no_file_is_a_finding_and_an_export_refuses_it(
    tree: build.Tree, name: str
) -> None:
    layer = build.layer({"etc/a": "1", name: ""})
    tree.add(build.image(layer), NAME)
    (report,) = deeply(tree, NAME).platforms
    assert report.condition is Condition.WRONG_LAYERS
    why = f"{name!r} is not a whiteout: it names no file"
    assert report.problem == f"layer {layer.digest}: {why}"
    with Cache.open(tree.path) as cache:
        plan = cache.plan_export([NAME], ExportOptions(form=Form.FILESYSTEM))
        with pytest.raises(InvalidArchive, match=re.escape(why)):
            b"".join(plan.chunks(cache.layout))


@pytest.mark.parametrize("name", [".wh.", "etc/.wh."])
def test_a_whiteout_of_nothing_is_no_finding_and_an_export_ignores_it(
    tree: build.Tree, name: str
) -> None:
    tree.add(build.image(build.layer({"etc/a": "1", name: ""})), NAME)
    assert deeply(tree, NAME).is_valid
    with Cache.open(tree.path) as cache:
        plan = cache.plan_export([NAME], ExportOptions(form=Form.FILESYSTEM))
        b"".join(plan.chunks(cache.layout))
    assert "which hides no file" in plan.notes[0]


@pytest.mark.parametrize("name", [".wh.a", ".wh..wh..opq", ".wh....", ".what", "a/.wh"])
def test_other_whiteouts_are_no_finding(tree: build.Tree, name: str) -> None:
    tree.add(build.image(build.layer({name: ""})), NAME)
    assert deeply(tree, NAME).is_valid


def test_a_layer_that_is_no_tar_archive_is_a_finding(tree: build.Tree) -> None:
    content = gzip.compress(b"no tar archive" * 100)
    layer = build.Blob(content, build.OCI_LAYER_GZIP, f"sha256:{_sha256(b'no tar archive' * 100)}")
    tree.add(build.image(layer), NAME)
    (report,) = deeply(tree, NAME).platforms
    assert report.condition is Condition.WRONG_LAYERS
    assert "is not a tar archive" in (report.problem or "")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


ARCHIVE = archives.tar(archives.file("etc/motd", b"hello"))


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
def test_a_layer_whose_table_of_contents_is_true_is_complete(
    tree: build.Tree, write: Callable[[bytes, Any], build.Blob]
) -> None:
    tree.add(build.image(write(ARCHIVE, lazy_layers.table(ARCHIVE))), NAME)

    (report,) = deeply(tree, NAME).platforms

    assert (report.condition, report.problem) == (Condition.COMPLETE, None)


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
def test_a_table_of_contents_that_lies_is_a_finding_of_its_own_kind(
    tree: build.Tree, write: Callable[[bytes, Any], build.Blob]
) -> None:
    contents = lazy_layers.table(ARCHIVE)
    contents["entries"][0]["name"] = "etc/shadow"
    layer = write(ARCHIVE, contents)
    tree.add(build.image(layer), NAME)

    (report,) = deeply(tree, NAME).platforms

    assert report.condition is Condition.FALSE_TOC
    lie = "its table of contents lists 'etc/shadow' in the place of 'etc/motd'"
    assert report.problem == f"layer {layer.digest}: {lie}"


def test_a_table_of_contents_that_is_not_the_declared_one_is_a_finding(tree: build.Tree) -> None:
    layer = lazy_layers.stargz(ARCHIVE, lazy_layers.table(ARCHIVE))
    other = lazy_layers.stargz(ARCHIVE, b"{}")
    tree.add(build.image(replace(layer, annotations=other.annotations)), NAME)

    (report,) = deeply(tree, NAME).platforms

    assert report.condition is Condition.FALSE_TOC
    assert report.problem is not None
    assert "the table of contents cannot be used: its digest is" in report.problem
