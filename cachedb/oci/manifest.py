"""Indexes and manifests: documents with descriptors of other content.

OCI's (image-index.md, manifest.md), Docker's schema 2 forms of the same, and the withdrawn
OCI artifact manifest. Documents are kept as bytes and read here; nothing is ever re-encoded.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from cachedb.errors import InvalidManifest, InvalidMediaType
from cachedb.oci import attestation, media_type
from cachedb.oci.descriptor import (
    Descriptor,
    are_annotations,
    artifact_type,
    usual_descriptors,
)
from cachedb.oci.json_fields import Fields
from cachedb.oci.media_type import MediaType
from cachedb.oci.plain_json import decode_plain
from cachedb.oci.strict_json import decode_object
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEMA_VERSION = 2
# A document with the fields of two kinds is ambiguous (CVE-2021-41190): a reader that trusts the
# Content-Type sees another image than one that trusts the fields.
_OWN_FIELDS = {
    "index": frozenset({"manifests"}),
    "manifest": frozenset({"config", "layers"}),
    "artifact": frozenset({"blobs"}),
}
_KIND_FIELDS = frozenset({"manifests", "config", "layers", "fsLayers", "history"})


class ChildRole(StrEnum):
    """Role of a child in its parent document."""

    MANIFEST = "manifest"
    CONFIG = "config"
    LAYER = "layer"
    SUBJECT = "subject"


class Child(NamedTuple):
    """One descriptor of a document; `position` counts from 0 within its role."""

    role: ChildRole
    """Role of the target in the document."""
    position: int
    descriptor: Descriptor


class Index(NamedTuple):
    """An image index: the manifests of the platforms, and attestations (image-index.md)."""

    media_type: MediaType
    manifests: tuple[Descriptor, ...]
    """Descriptors of ``manifests``, in their order."""
    artifact_type: MediaType | None = None
    """Value of ``artifactType``; None without one."""
    subject: Descriptor | None = None
    """Descriptor of the document that this one refers to; None without one."""
    annotations: Mapping[str, str] = MappingProxyType({})
    """Annotations of the document."""
    states_type: bool = False
    """Whether its own ``mediaType`` is the declared one, so that `guess` returns it as well."""

    def children(self) -> Iterator[Child]:
        """Yield every descriptor in the order of the document, the subject last."""
        yield from _numbered(ChildRole.MANIFEST, self.manifests)
        yield from _subject(self.subject)


class Manifest(NamedTuple):
    """An image or artifact manifest: a config and layers (manifest.md).

    `config` is None in the withdrawn artifact manifest only, whose blobs are its layers.
    """

    media_type: MediaType
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    """Descriptors of ``layers``, the lowest first."""
    artifact_type: MediaType | None = None
    """Value of ``artifactType``; None without one."""
    subject: Descriptor | None = None
    """Descriptor of the document that this one refers to; None without one."""
    annotations: Mapping[str, str] = MappingProxyType({})
    """Annotations of the document."""
    states_type: bool = False
    """Whether its own ``mediaType`` is the declared one, so that `guess` returns it as well."""

    @property
    def is_image(self) -> bool:
        """Whether the config is that of an image that can be run."""
        return self.config is not None and self.config.media_type.is_config

    @property
    def is_attestation(self) -> bool:
        """Whether it holds statements about other content, and no software."""
        if self.artifact_type and attestation.is_artifact_type(self.artifact_type):
            return True
        return bool(self.layers) and all(
            layer.media_type == media_type.IN_TOTO for layer in self.layers
        )

    def children(self) -> Iterator[Child]:
        """Yield every descriptor: the config, the layers in order, the subject."""
        if self.config is not None:
            yield Child(ChildRole.CONFIG, 0, self.config)
        yield from _numbered(ChildRole.LAYER, self.layers)
        yield from _subject(self.subject)


def parse(content: bytes, declared: MediaType) -> Index | Manifest:
    """Parse a document as the kind that its descriptor or Content-Type declares.

    Raises:
        InvalidManifest: The document is malformed, is of another kind than `declared`, or has
            fields of two kinds.
    """
    return _parse_usual(content, declared) or _parse_any(content, declared)


def _parse_any(content: bytes, declared: MediaType) -> Index | Manifest:
    fields = Fields(decode_object(content))
    check_kind(fields, declared)
    match kind_of(declared):
        case "index":
            return _index(fields, declared)
        case "artifact":
            return _artifact(fields, declared)
        case _:
            return _manifest(fields, declared)


def _parse_usual(content: bytes, declared: MediaType) -> Index | Manifest | None:
    """Return what `_parse_any` returns for a document with the usual fields; None for others.

    Documents are usual that state the declared type and have no other fields than builders write.
    """
    plain = decode_plain(content)
    if plain is None:
        return None
    document, keys = plain
    own = _USUAL_FIELDS.get(kind_of(declared))
    notes = document.get("annotations", _NO_NOTES)
    if own is None or not own <= document.keys() <= own | {"annotations"}:
        return None
    version, listed = document["schemaVersion"], document.get("manifests")
    if document["mediaType"] != declared or not are_annotations(notes):
        return None
    if version != _SCHEMA_VERSION or type(version) is not int:
        return None
    if listed is None and type(document.get("layers")) is list:
        listed = [document["config"], *document["layers"]]
    found = usual_descriptors(listed) if type(listed) is list else None
    # Otherwise a key occurs twice, or a text looks like one.
    if found is None or len(document) + len(notes) + found[1] != keys:
        return None
    descriptors = found[0]
    if "manifests" in document:
        return Index(declared, descriptors, None, None, notes, True)
    return Manifest(declared, descriptors[0], descriptors[1:], None, None, notes, True)


_NO_NOTES: dict[str, str] = {}
_USUAL_FIELDS = {
    "index": {"schemaVersion", "mediaType", "manifests"},
    "manifest": {"schemaVersion", "mediaType", "config", "layers"},
}


def guess(content: bytes) -> MediaType | None:
    """Return the media type of a document that nothing declares; None if it cannot be told.

    Decides by ``mediaType``, else by the fields that only one kind has, as containers/image does.
    """
    try:
        fields = Fields(decode_object(content))
        stated = fields.get("mediaType", str)
        if stated and kind_of(MediaType(stated)):
            return MediaType(stated)
        if fields.get("schemaVersion", int) == 1:
            signed = "signatures" in fields
            return media_type.DOCKER_SCHEMA1_SIGNED if signed else media_type.DOCKER_SCHEMA1
        if fields.get("schemaVersion", int) != _SCHEMA_VERSION:
            return None
        return _guess_by_fields(fields)
    except (InvalidManifest, InvalidMediaType):
        return None


def type_to_send(content: bytes, declared: MediaType) -> MediaType:
    """Return the Content-Type of a document that is pushed (distribution-spec, Pushing Manifests).

    It has to equal the ``mediaType`` of the document, which the descriptor may spell as Docker's
    or as OCI's type of the same kind. Docker's documents always have the field, so one without it
    is OCI's.
    """
    kind = kind_of(declared)
    stated = Fields(decode_object(content)).get("mediaType", str)
    if not stated:
        return _OCI_TYPES.get(declared, declared)
    return MediaType(stated) if kind and _kind_stated(stated) == kind else declared


_OCI_TYPES = {
    media_type.DOCKER_LIST: media_type.OCI_INDEX,
    media_type.DOCKER_MANIFEST: media_type.OCI_MANIFEST,
}


def _guess_by_fields(fields: Fields) -> MediaType | None:
    if "manifests" in fields:
        return media_type.OCI_INDEX
    config = fields.object("config")
    if config is not None:
        docker = config.get("mediaType", str) == media_type.DOCKER_CONFIG
        return media_type.DOCKER_MANIFEST if docker else media_type.OCI_MANIFEST
    return None


def _index(fields: Fields, declared: MediaType) -> Index:
    _check_schema_version(fields)
    _check_has(fields, "manifests")
    return Index(
        media_type=declared,
        manifests=tuple(map(Descriptor.from_fields, fields.objects("manifests"))),
        artifact_type=artifact_type(fields),
        subject=_descriptor(fields, "subject"),
        annotations=fields.string_map("annotations"),
        states_type=fields.get("mediaType", str) == declared,
    )


def _manifest(fields: Fields, declared: MediaType) -> Manifest:
    _check_schema_version(fields)
    config = _descriptor(fields, "config")
    if config is None:
        raise InvalidManifest("missing", "config")
    _check_has(fields, "layers")
    return Manifest(
        media_type=declared,
        config=config,
        layers=tuple(map(Descriptor.from_fields, fields.objects("layers"))),
        artifact_type=artifact_type(fields),
        subject=_descriptor(fields, "subject"),
        annotations=fields.string_map("annotations"),
        states_type=fields.get("mediaType", str) == declared,
    )


def _artifact(fields: Fields, declared: MediaType) -> Manifest:
    return Manifest(
        media_type=declared,
        config=None,
        layers=tuple(map(Descriptor.from_fields, fields.objects("blobs"))),
        artifact_type=artifact_type(fields),
        subject=_descriptor(fields, "subject"),
        annotations=fields.string_map("annotations"),
        states_type=fields.get("mediaType", str) == declared,
    )


def kind_of(declared: MediaType) -> str:
    """Return the kind of document of a media type: index, manifest, artifact, or ''."""
    if declared.is_index:
        return "index"
    if declared == media_type.OCI_ARTIFACT:
        return "artifact"
    return "manifest" if declared.is_manifest else ""


def check_kind(fields: Fields, declared: MediaType) -> None:
    """Refuse a document whose ``mediaType`` or fields are those of another kind than `declared`.

    Docker's and OCI's type of one kind are interchangeable, as in containerd: an index that
    linuxkit merged has Docker's type inside and OCI's in its descriptor.

    Raises:
        InvalidManifest: The kinds differ, or the kind is not supported.
    """
    kind = kind_of(declared)
    if declared in {media_type.DOCKER_SCHEMA1, media_type.DOCKER_SCHEMA1_SIGNED}:
        raise InvalidManifest("Docker's schema 1 is not supported; convert the image")
    if not kind:
        raise InvalidManifest(f"{str(declared)!r} is not the type of an index or a manifest")
    check_unambiguous(fields, _OWN_FIELDS[kind])
    stated = fields.get("mediaType", str)
    if stated and stated != declared and _kind_stated(stated) != kind:
        raise InvalidManifest(
            f"is {stated!r}, and its descriptor declares {str(declared)!r}", "mediaType"
        )


def _kind_stated(text: str) -> str:
    try:
        return kind_of(MediaType(text))
    except InvalidMediaType:
        return "none"


def check_unambiguous(fields: Fields, allowed: frozenset[str]) -> None:
    """Refuse a document with fields of another kind (CVE-2021-41190).

    Raises:
        InvalidManifest: It has one, which the message names.
    """
    foreign = sorted(name for name in _KIND_FIELDS - allowed if name in fields)
    if foreign:
        raise InvalidManifest(f"ambiguous: a document of this kind has no {foreign[0]!r}")


def _check_schema_version(fields: Fields) -> None:
    version = fields.require("schemaVersion", int)
    if version != _SCHEMA_VERSION:
        raise InvalidManifest(f"expected 2, found {version}", "schemaVersion")


def _check_has(fields: Fields, key: str) -> None:
    if not fields.has(key):
        raise InvalidManifest("missing", fields.at(key))


def _descriptor(fields: Fields, key: str) -> Descriptor | None:
    found = fields.object(key)
    return None if found is None else Descriptor.from_fields(found)


def _numbered(role: ChildRole, descriptors: tuple[Descriptor, ...]) -> Iterator[Child]:
    for position, descriptor in enumerate(descriptors):
        yield Child(role, position, descriptor)


def _subject(descriptor: Descriptor | None) -> Iterator[Child]:
    if descriptor is not None:
        yield Child(ChildRole.SUBJECT, 0, descriptor)
