"""Media types: the declared types of targets of descriptors (image-spec, media-types.md)."""

from __future__ import annotations

from typing import Self, cast

from cachedb.errors import InvalidMediaType
from cachedb.patterns import lazy

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = lazy(f"{_NAME}/{_NAME}")
_SPACE = " \t"


class MediaType(str):
    """A checked media type without parameters, such as ``application/json``.

    Raises:
        InvalidMediaType: The text is not a media type by RFC 6838 §4.2.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Drop the parameters of `text` and check the rest (RFC 6838 §4.2).

        Raises:
            InvalidMediaType: It is not `type/subtype`.
        """
        known = _KNOWN.get(text)
        if known is not None:
            return cast("Self", known)
        bare = text.partition(";")[0].strip(_SPACE)
        if not _MEDIA_TYPE.fullmatch(bare):
            raise InvalidMediaType(text, "expected type/subtype")
        return super().__new__(cls, bare)

    @property
    def is_index(self) -> bool:
        """Whether it is an image index or Docker's manifest list."""
        return self in _INDEXES

    @property
    def is_manifest(self) -> bool:
        """Whether it is an image manifest, OCI's or Docker's, or an artifact manifest."""
        return self in _MANIFESTS

    @property
    def is_config(self) -> bool:
        """Whether it is the configuration of an image that can be run."""
        return self in _CONFIGS

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of a file system."""
        return self in _LAYERS or self in _FOREIGN_LAYERS

    @property
    def is_encrypted(self) -> bool:
        """Whether ocicrypt has encrypted a layer; its type says so by a suffix."""
        return self.endswith("+encrypted")

    @property
    def may_unpack(self) -> bool:
        """Whether a layer may be a file system: of a known type, or of another kind of tar."""
        return not self.is_encrypted and (self.is_layer or "tar" in self)

    @property
    def is_distributable(self) -> bool:
        """Whether a registry holds its content; a foreign layer may be absent."""
        return self not in _FOREIGN_LAYERS


_KNOWN: dict[str, MediaType] = {}
"""The types of this module by their texts: nearly all descriptors have one of these."""

OCI_INDEX = MediaType("application/vnd.oci.image.index.v1+json")
OCI_MANIFEST = MediaType("application/vnd.oci.image.manifest.v1+json")
OCI_ARTIFACT = MediaType("application/vnd.oci.artifact.manifest.v1+json")
OCI_CONFIG = MediaType("application/vnd.oci.image.config.v1+json")
OCI_LAYER = MediaType("application/vnd.oci.image.layer.v1.tar")
OCI_LAYER_GZIP = MediaType("application/vnd.oci.image.layer.v1.tar+gzip")
OCI_LAYER_ZSTD = MediaType("application/vnd.oci.image.layer.v1.tar+zstd")
OCI_EMPTY = MediaType("application/vnd.oci.empty.v1+json")
DOCKER_LIST = MediaType("application/vnd.docker.distribution.manifest.list.v2+json")
DOCKER_MANIFEST = MediaType("application/vnd.docker.distribution.manifest.v2+json")
DOCKER_SCHEMA1 = MediaType("application/vnd.docker.distribution.manifest.v1+json")
DOCKER_SCHEMA1_SIGNED = MediaType("application/vnd.docker.distribution.manifest.v1+prettyjws")
DOCKER_CONFIG = MediaType("application/vnd.docker.container.image.v1+json")
DOCKER_LAYER = MediaType("application/vnd.docker.image.rootfs.diff.tar")
DOCKER_LAYER_GZIP = MediaType("application/vnd.docker.image.rootfs.diff.tar.gzip")
IN_TOTO = MediaType("application/vnd.in-toto+json")
OCTET_STREAM = MediaType("application/octet-stream")

_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT})
_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})
_LAYERS = frozenset(
    {
        OCI_LAYER,
        OCI_LAYER_GZIP,
        OCI_LAYER_ZSTD,
        DOCKER_LAYER,
        DOCKER_LAYER_GZIP,
        MediaType("application/vnd.docker.image.rootfs.diff.tar.zstd"),
    }
)
_FOREIGN_LAYERS = frozenset(
    {
        MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar"),
        MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
        MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar"),
        MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    }
)
_KNOWN.update(
    {str(each): each for each in (*_INDEXES, *_MANIFESTS, *_CONFIGS, *_LAYERS, *_FOREIGN_LAYERS)}
)
