"""Indexes and manifests: what a document is, and what it may not be at once."""

import base64
import gzip
from typing import Any

import pytest

from cachedb.errors import InvalidDigest, InvalidManifest
from cachedb.oci import Digest, Index, Manifest, MediaType, manifest, media_type
from cachedb.oci.json_fields import Fields
from cachedb.oci.manifest import ChildRole
from cachedb.oci.strict_json import decode_object, encode
from tests import recorded
from tests.oci.table import Table

TABLE = Table(
    "manifest_identification",
    {
        "manifest_digest/*": "of signed schema 1 only, which is not supported: nothing is stored "
        "under the digest of a part of its bytes",
        "matches_digest/002": "signed schema 1: see manifest_digest",
        "known_oci_media_type/*": "an unknown media type must not be an error, so there is no "
        "list of known ones (image-layout.md)",
    },
)
DECLARED = {
    "index": media_type.OCI_INDEX,
    "docker_list": media_type.DOCKER_LIST,
    "manifest": media_type.OCI_MANIFEST,
    "docker_manifest": media_type.DOCKER_MANIFEST,
}
EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": str(Digest.of(b"{}")),
    "size": 2,
}
IMAGE = {"schemaVersion": 2, "config": EMPTY, "layers": [EMPTY]}
INDEX = {"schemaVersion": 2, "manifests": [EMPTY]}


SCHEMA_1 = {"schemaVersion": 1, "name": "a/b", "architecture": "amd64", "fsLayers": []}
ARTIFACT = {**IMAGE, "config": {**EMPTY, "mediaType": "application/vnd.example.artifact"}}
DOCUMENTS = {
    "v2s2.manifest.json": {**IMAGE, "mediaType": media_type.DOCKER_MANIFEST},
    "v2s2nomime.manifest.json": {
        **IMAGE,
        "config": {**EMPTY, "mediaType": "application/vnd.docker.container.image.v1+json"},
    },
    "v2list.manifest.json": {**INDEX, "mediaType": media_type.DOCKER_LIST},
    "v2s1.manifest.json": {**SCHEMA_1, "history": [], "signatures": [{"protected": "e30"}]},
    "v2s1-invalid-signatures.manifest.json": {**SCHEMA_1, "history": [], "signatures": 1},
    "schema2-to-schema1-by-docker.json": {**SCHEMA_1, "history": [{"v1Compatibility": "{}"}]},
    "unknown-version.manifest.json": {"schemaVersion": 99999, "name": "a/b", "tag": "latest"},
    "ociv1.manifest.json": {**IMAGE, "mediaType": media_type.OCI_MANIFEST},
    "ociv1.image.index.json": {**INDEX, "mediaType": media_type.OCI_INDEX},
    "ociv1.artifact.json": {**ARTIFACT, "mediaType": media_type.OCI_MANIFEST},
    "ociv1nomime.artifact.json": ARTIFACT,
}
"""Documents of the shapes that the rows are about, under the names of the originals."""


def document(name: str) -> bytes:
    return gzip.compress(b"{}") if name == "non-json.manifest.json" else encode(DOCUMENTS[name])


def original(name: str) -> bytes:
    return base64.b64decode(recorded.vectors("manifest_identification")["documents_b64"][name])


@pytest.mark.parametrize("row", TABLE.rows("guess_media_type"))
def test_a_document_tells_what_it_is(row: Any) -> None:
    assert (manifest.guess(document(row["document"])) or "") == row["expect"]["media_type"]


@pytest.mark.recorded
@pytest.mark.parametrize("row", TABLE.rows("guess_media_type"))
def test_an_original_document_tells_what_it_is(row: Any) -> None:
    assert (manifest.guess(original(row["document"])) or "") == row["expect"]["media_type"]


@pytest.mark.recorded
@pytest.mark.parametrize("row", TABLE.rows("matches_digest"))
def test_a_document_has_one_digest_of_an_algorithm(row: Any) -> None:
    content = original(row["document"])
    try:
        matches = Digest.of(content, Digest(row["digest"]).algorithm) == row["digest"]
    except InvalidDigest:
        matches = False
    assert matches is row["expect"]["match"]


@pytest.mark.parametrize("row", TABLE.rows("ambiguous"))
def test_fields_of_another_kind_are_refused(row: Any) -> None:
    def check() -> None:
        fields = Fields(decode_object(row["text"].encode()))
        manifest.check_unambiguous(fields, frozenset(row["allowed_fields"]))

    if row["expect"]["valid"]:
        check()
    else:
        with pytest.raises(InvalidManifest):
            check()


@pytest.mark.parametrize("row", TABLE.rows("extra_field"))
def test_a_document_of_two_kinds_is_refused(row: Any) -> None:
    head, _, _ = document(row["document"]).rpartition(b"}")
    content = head + b',"' + row["extra_field"].encode() + b'":[]}'
    if row["expect"]["valid"]:
        manifest.parse(content, DECLARED[row["parse_as"]])
    else:
        with pytest.raises(InvalidManifest, match=row["expect"]["error"]):
            manifest.parse(content, DECLARED[row["parse_as"]])


@pytest.mark.parametrize("row", TABLE.rows("wrong_kind"))
def test_a_document_is_not_read_as_another_kind(row: Any) -> None:
    assert row["expect"]["valid"] is False
    with pytest.raises(InvalidManifest):
        manifest.parse(document(row["document"]), DECLARED[row["parse_as"]])


@pytest.mark.parametrize("row", TABLE.rows("declared_vs_content"))
def test_the_declared_kind_is_the_stated_one(row: Any) -> None:
    fields = Fields(decode_object(row["text"].encode()))
    declared = MediaType(row["declared"])
    if row["expect"]["valid"]:
        manifest.check_kind(fields, declared)
    else:
        with pytest.raises(InvalidManifest):
            manifest.check_kind(fields, declared)


@pytest.mark.parametrize("row", TABLE.rows("inner_media_type"))
def test_a_stated_type_has_to_be_of_the_declared_kind(row: Any) -> None:
    declared = MediaType(row["declared"])
    content = encode({**(INDEX if declared.is_index else IMAGE), "mediaType": row["inner"]})
    if row["expect"]["valid"]:
        assert manifest.parse(content, declared).media_type == declared
    else:
        with pytest.raises(InvalidManifest):
            manifest.parse(content, declared)


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


def test_children_come_in_the_order_of_the_document() -> None:
    content = encode({**IMAGE, "layers": [EMPTY, EMPTY], "subject": EMPTY})
    found = manifest.parse(content, media_type.OCI_MANIFEST)
    assert [(each.role, each.position) for each in found.children()] == [
        (ChildRole.CONFIG, 0),
        (ChildRole.LAYER, 0),
        (ChildRole.LAYER, 1),
        (ChildRole.SUBJECT, 0),
    ]


def test_an_index_owns_its_manifests_and_names_its_subject() -> None:
    found = manifest.parse(encode({**INDEX, "subject": EMPTY}), media_type.OCI_INDEX)
    assert isinstance(found, Index)
    assert [each.role for each in found.children()] == [ChildRole.MANIFEST, ChildRole.SUBJECT]


def test_the_withdrawn_artifact_manifest_has_blobs_for_layers() -> None:
    content = encode({"mediaType": media_type.OCI_ARTIFACT, "blobs": [EMPTY]})
    found = manifest.parse(content, media_type.OCI_ARTIFACT)
    assert isinstance(found, Manifest)
    assert found.config is None
    assert len(found.layers) == 1


@pytest.mark.parametrize("key", ["manifests", "layers"])
def test_go_writes_null_for_an_empty_list(key: str) -> None:
    base, declared = {
        "manifests": (INDEX, media_type.OCI_INDEX),
        "layers": (IMAGE, media_type.OCI_MANIFEST),
    }[key]
    nulled = manifest.parse(encode({**base, key: None}), declared)
    assert [each for each in nulled.children() if each.role is not ChildRole.CONFIG] == []
    with pytest.raises(InvalidManifest, match="missing"):
        manifest.parse(encode({k: v for k, v in base.items() if k != key}), declared)


@pytest.mark.parametrize("version", [1, 3, "2", None, 2.0])
def test_the_schema_version_is_two(version: Any) -> None:
    with pytest.raises(InvalidManifest):
        manifest.parse(encode({**IMAGE, "schemaVersion": version}), media_type.OCI_MANIFEST)


def test_an_error_says_where_in_the_document() -> None:
    content = encode({**INDEX, "manifests": [EMPTY, {**EMPTY, "platform": {"os": 1}}]})
    with pytest.raises(InvalidManifest) as caught:
        manifest.parse(content, media_type.OCI_INDEX)
    assert caught.value.path == "manifests[1].platform.os"


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        pytest.param(b"{}", media_type.OCI_CONFIG, id="config"),
        pytest.param(b"{}", media_type.DOCKER_SCHEMA1_SIGNED, id="schema-1"),
        pytest.param(b"[]", media_type.OCI_INDEX, id="array"),
        pytest.param(b"", media_type.OCI_INDEX, id="empty"),
    ],
)
def test_nothing_else_is_a_manifest(content: bytes, declared: MediaType) -> None:
    with pytest.raises(InvalidManifest):
        manifest.parse(content, declared)


@pytest.mark.parametrize(
    ("layers", "artifact_type", "is_attestation"),
    [
        ([{**EMPTY, "mediaType": "application/vnd.in-toto+json"}], None, True),
        ([EMPTY], "application/vnd.docker.attestation.manifest.v1+json", True),
        ([EMPTY], "application/vnd.example", False),
        ([], None, False),
    ],
)
def test_attestations_are_told_from_software(
    layers: list[Any], artifact_type: str | None, is_attestation: bool
) -> None:
    content = encode({**IMAGE, "layers": layers, "artifactType": artifact_type})
    found = manifest.parse(content, media_type.OCI_MANIFEST)
    assert isinstance(found, Manifest)
    assert found.is_attestation is is_attestation
    assert not found.is_image
