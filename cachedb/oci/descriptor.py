"""Descriptors: typed, sized pointers to content (image-spec, descriptor.md)."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidDigest, InvalidManifest, InvalidMediaType
from cachedb.oci.digest import Digest
from cachedb.oci.media_type import MediaType
from cachedb.oci.platform.model import Platform
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachedb.oci.json_fields import Fields

REF_NAME = "org.opencontainers.image.ref.name"
_LARGEST_SIZE = 2**63 - 1
_REQUIRED = frozenset({"mediaType", "digest", "size"})
_USUAL = _REQUIRED | {"platform", "annotations"}
_USUAL_PLATFORMS = frozenset({"os", "architecture", "variant"})
CONTAINERD_NAME = "io.containerd.image.name"


class Descriptor(Record):
    """Declaration of a child by its parent: media type, digest, size in bytes, and the rest.

    `data` is embedded content, checked against digest and size (descriptor.md §Embedded Content).
    """

    media_type: MediaType
    digest: Digest
    size: int
    """Bytes of the content, which readers compare."""
    platform: Platform | None = None
    """Platform of an image that an index lists; None without one."""
    artifact_type: MediaType | None = None
    """Type of the artifact behind a manifest; None without one."""
    annotations: Mapping[str, str] = {}
    """Annotations of the descriptor, not those of its target."""
    urls: tuple[str, ...] = ()
    """Places where the content of a foreign layer can be fetched."""
    data: bytes | None = None

    @classmethod
    def from_fields(cls, fields: Fields) -> Descriptor:
        """Read and check the JSON object of a descriptor.

        Raises:
            InvalidManifest: A field is missing, of another type, or not of its grammar; or the
                embedded data is not what digest and size say.
        """
        if fields.keys <= _REQUIRED:
            return cls(
                media_type=_media_type(fields, "mediaType"),
                digest=_digest(fields),
                size=_size(fields),
            )
        platform = fields.object("platform")
        found = cls(
            media_type=_media_type(fields, "mediaType"),
            digest=_digest(fields),
            size=_size(fields),
            platform=None if platform is None else Platform.from_fields(platform),
            artifact_type=artifact_type(fields),
            annotations=fields.string_map("annotations"),
            urls=fields.strings("urls"),
            data=_data(fields),
        )
        found._check_data(fields)
        return found

    @classmethod
    def pointer(cls, fields: Fields) -> Descriptor:
        """Read a descriptor that breaks rules: its target, and every other field that can be read.

        An unreadable size is 0. Embedded data and an artifact type are omitted.

        Raises:
            InvalidManifest: The media type or the digest is missing or malformed.
        """
        platform = fields.object("platform")
        return cls(
            media_type=_media_type(fields, "mediaType"),
            digest=_digest(fields),
            size=max(0, fields.get("size", int) or 0),
            platform=None if platform is None else Platform.from_fields(platform),
            annotations=fields.string_map("annotations"),
            urls=fields.strings("urls"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object without empty fields, with keys in the order that Go writes."""
        found: dict[str, Any] = {
            "mediaType": str(self.media_type),
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.urls:
            found["urls"] = list(self.urls)
        if self.annotations:
            found["annotations"] = dict(sorted(self.annotations.items()))
        if self.data is not None:
            found["data"] = binascii.b2a_base64(self.data, newline=False).decode()
        if self.platform is not None:
            found["platform"] = self.platform.to_json()
        if self.artifact_type:
            found["artifactType"] = str(self.artifact_type)
        return found

    def is_same_content_as(self, other: Descriptor) -> bool:
        """Return whether both point at the same bytes as the same kind of content.

        Docker's and OCI's media types of one kind are the same kind.
        """
        return (
            self.digest == other.digest
            and self.size == other.size
            and _kind(self.media_type) == _kind(other.media_type)
        )

    def _check_data(self, fields: Fields) -> None:
        if self.data is None:
            return
        if len(self.data) != self.size:
            raise InvalidManifest(
                f"has {len(self.data)} bytes, and size declares {self.size}", fields.at("data")
            )
        if self.digest.is_verifiable:
            actual = Digest.of(self.data, self.digest.algorithm)
            if actual != self.digest:
                raise InvalidManifest(f"is {actual}, not {self.digest}", fields.at("data"))


def usual_descriptors(found: Iterable[Any]) -> tuple[tuple[Descriptor, ...], int] | None:
    """Return what `from_fields` returns for each of some decoded objects, and their keys.

    None unless each is valid, and has a platform and annotations at most. The number is that of
    the keys of all objects in it.
    """
    made: list[Descriptor] = []
    keys = 0
    try:
        for data in found:
            if type(data) is not dict or not data.keys() <= _USUAL:
                return None
            keys += len(data)
            platform, annotations = data.get("platform"), data.get("annotations")
            if platform is not None:
                keys += len(platform)
                if not platform.keys() <= _USUAL_PLATFORMS:
                    return None
                platform = _platform(**platform)
            if annotations is not None:
                keys += len(annotations)
                if not are_annotations(annotations):
                    return None
            size = data["size"]
            if type(size) is not int or not 0 <= size <= _LARGEST_SIZE:
                return None
            made.append(
                # All fields: nothing is computed as a default.
                Descriptor(
                    media_type=MediaType(data["mediaType"]),
                    digest=Digest.declared(data["digest"]),
                    size=size,
                    platform=platform,
                    artifact_type=None,
                    annotations=annotations or {},
                    urls=(),
                    data=None,
                )
            )
    except (InvalidDigest, InvalidMediaType, AttributeError, KeyError, TypeError):
        return None  # of another type, or not of its grammar: `from_fields` says which
    return tuple(made), keys


def are_annotations(found: Any) -> bool:
    """Return whether a decoded value is an object of texts, without a null."""
    return type(found) is dict and {str}.issuperset(map(type, found.values()))


@lru_cache(maxsize=64)
def _platform(*, os: str, architecture: str, variant: str = "") -> Platform:
    if not type(os) is type(architecture) is type(variant) is str:
        raise TypeError
    return Platform(os=os, architecture=architecture, variant=variant)


_KINDS_ALIKE = {
    "application/vnd.docker.distribution.manifest.list.v2+json": "index",
    "application/vnd.oci.image.index.v1+json": "index",
    "application/vnd.docker.distribution.manifest.v2+json": "manifest",
    "application/vnd.oci.image.manifest.v1+json": "manifest",
    "application/vnd.docker.container.image.v1+json": "config",
    "application/vnd.oci.image.config.v1+json": "config",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "layer+gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip": "layer+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": "layer",
    "application/vnd.oci.image.layer.v1.tar": "layer",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "layer+zstd",
    "application/vnd.oci.image.layer.v1.tar+zstd": "layer+zstd",
}


def _kind(media_type: MediaType) -> str:
    return _KINDS_ALIKE.get(media_type, media_type)


def artifact_type(fields: Fields) -> MediaType | None:
    """Return the ``artifactType`` of a descriptor or manifest; None if it is empty.

    Raises:
        InvalidManifest: It is no string, or no media type (RFC 6838 §4.2).
    """
    return _media_type(fields, "artifactType") if fields.get("artifactType", str) else None


def _media_type(fields: Fields, key: str) -> MediaType:
    text = fields.require(key, str)
    try:
        return MediaType(text)
    except InvalidMediaType as error:
        raise InvalidManifest(str(error), fields.at(key)) from error


def _digest(fields: Fields) -> Digest:
    text = fields.require("digest", str)
    try:
        return Digest.declared(text)
    except InvalidDigest as error:
        raise InvalidManifest(str(error), fields.at("digest")) from error


def _size(fields: Fields) -> int:
    size = fields.require("size", int)
    if size < 0:
        raise InvalidManifest(f"{size} is negative", fields.at("size"))
    if size > _LARGEST_SIZE:
        raise InvalidManifest(f"{size} is out of range", fields.at("size"))
    return size


def _data(fields: Fields) -> bytes | None:
    text = fields.get("data", str)
    if text is None:
        return None
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise InvalidManifest("not base64", fields.at("data")) from error
