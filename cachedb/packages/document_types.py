"""Media types and predicate types of documents that name packages.

A layer is an SBOM, or a statement about one, if the type of the layer says so, or that of the
artifact or of its config, or an annotation with the type of a predicate. Tools agree on none of
these: oras gives layers the type of a tar archive, cosign 1 annotates ``predicateType``, buildx
and Sigstore have other keys.
"""

from __future__ import annotations

from typing import NamedTuple

from cachedb.errors import InvalidManifest

_SBOMS = frozenset(
    [
        "application/spdx+json",
        "application/vnd.cyclonedx",
        "application/vnd.cyclonedx+json",
        "application/vnd.cyclonedx+xml",
        "application/vnd.spdx+json",
        "application/vnd.syft+json",
        "text/spdx",
        "text/spdx+json",
    ]
)
# SBOMs in formats without a reader here: their packages are unknown, not absent.
_OTHER_SBOMS = frozenset(["application/vnd.cyclonedx+protobuf", "text/spdx+xml"])
_IN_TOTO = "application/vnd.in-toto"
_ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_PREDICATES = (
    "https://spdx.dev/document",
    "https://cyclonedx.org/bom",
    "https://cyclonedx.org/schema",
)

PREDICATE_TYPE_ANNOTATIONS = (
    "in-toto.io/predicate-type",
    "predicateType",
    "dev.sigstore.bundle.predicateType",
)
"""Keys under which BuildKit, cosign and Sigstore annotate the type of a predicate."""


class DocumentTypes(NamedTuple):
    """Types of a layer in its descriptor and in its manifest; '' where none is stated.

    `layer` is the media type of the layer, `artifact` the artifact type of the manifest, `config`
    the media type of its config, `predicate` the predicate type that annotations state.
    """

    layer: str
    artifact: str = ""
    config: str = ""
    predicate: str = ""

    @property
    def media_type(self) -> str:
        """Return the first known type, else that of the layer."""
        stated = (self.layer, self.artifact, self.config)
        return next(filter(_is_known, stated), self.layer)

    @property
    def may_name_packages(self) -> bool:
        """Whether the layer is an SBOM, or a statement or an envelope that may be about one.

        A statement with an annotated predicate type that is not that of an SBOM names none.
        """
        if is_sbom(self.media_type) or is_sbom_predicate(self.predicate):
            return True
        return _is_known(self.media_type) and not self.predicate


def is_sbom(media_type: str) -> bool:
    """Return whether a document of that type is an SBOM, with or without a reader here."""
    return _bare(media_type) in _SBOMS | _OTHER_SBOMS


def check_readable(media_type: str) -> None:
    """Refuse an SBOM in a format without a reader.

    Raises:
        InvalidManifest: The media type says so.
    """
    if _bare(media_type) in _OTHER_SBOMS:
        raise InvalidManifest(
            f"{media_type!r} is not read: expected SPDX as JSON or tag-value, CycloneDX as JSON or"
            " XML, or JSON of syft"
        )


def is_statement(media_type: str) -> bool:
    """Return whether a document of that type is an in-toto statement without an envelope."""
    bare = _bare(media_type)
    return bare.startswith(_IN_TOTO) and bare.endswith("+json")


def is_envelope(media_type: str) -> bool:
    """Return whether a document of that type is a signed envelope: DSSE or a Sigstore bundle.

    ``application/vnd.in-toto.spdx+dsse`` is one (in-toto, spec/v1/envelope.md, Storage).
    """
    bare = _bare(media_type)
    return (
        bare == _ENVELOPE
        or bare.startswith(_BUNDLE)
        or (bare.startswith(_IN_TOTO) and bare.endswith("+dsse"))
    )


def is_sbom_predicate(predicate_type: str) -> bool:
    """Return whether statements of that type are about an SBOM."""
    return predicate_type.lower().startswith(_PREDICATES)


def promises_sbom(media_type: str, predicate_type: str) -> bool:
    """Return whether the types alone say that a document holds an SBOM."""
    return is_sbom(media_type) or is_sbom_predicate(predicate_type)


def _is_known(media_type: str) -> bool:
    return is_sbom(media_type) or is_statement(media_type) or is_envelope(media_type)


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
