"""Attestations: statements about content, in both of BuildKit's forms.

The older form is a manifest in the index; an annotation of its descriptor names the manifest that
it is about. The newer form is an artifact with that manifest as its subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE_TYPE = "vnd.docker.reference.type"
REFERENCE_DIGEST = "vnd.docker.reference.digest"
ATTESTATION_MANIFEST = "attestation-manifest"
PREDICATE_TYPE = "in-toto.io/predicate-type"

_ARTIFACT_TYPES = (
    "application/vnd.docker.attestation.",
    "application/vnd.in-toto",
    "application/vnd.dev.cosign.",
    "application/vnd.dev.sigstore.",
    "application/vnd.cncf.notary.",
    "application/spdx",
    "application/vnd.cyclonedx",
    "application/vnd.syft",
    "text/spdx",
)


_STATEMENTS = frozenset({"application/vnd.in-toto+json", "application/vnd.dsse.envelope.v1+json"})


def is_attestation(annotations: Mapping[str, str]) -> bool:
    """Return whether a descriptor's annotations mark its target as an attestation manifest."""
    return annotations.get(REFERENCE_TYPE) == ATTESTATION_MANIFEST


def about(annotations: Mapping[str, str]) -> str | None:
    """Return the digest of the manifest that an annotated attestation is about, unchecked."""
    return annotations.get(REFERENCE_DIGEST)


def is_artifact_type(artifact_type: str) -> bool:
    """Return whether an artifact type is that of a signature, an attestation or an SBOM."""
    return artifact_type.startswith(_ARTIFACT_TYPES)


def is_statement(media_type: str) -> bool:
    """Return whether a layer of a media type is a statement about other content."""
    return media_type in _STATEMENTS or is_artifact_type(media_type)
