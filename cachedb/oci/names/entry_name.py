"""Names of entries of index.json: one rule for adoption, import and every command.

image-spec, annotations.md and image-layout.md, do not define the value of the annotation
``org.opencontainers.image.ref.name``: linuxkit, skopeo and crane write a full name or a tag;
containerd, docker and regctl a tag beside the full name in ``io.containerd.image.name``. cosign
and hauler give a signature, an attestation or an SBOM the name of its image, and mark it by the
annotation ``kind``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidDigest
from cachedb.oci import attestation
from cachedb.oci.descriptor import CONTAINERD_NAME, REF_NAME
from cachedb.oci.digest import Digest
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = "kind"
"""The annotation by which cosign and hauler distinguish an image from its attachments."""

IMAGE_KINDS = ("image", "imageIndex")
"""The last words of the kinds of an image; any other kind is attached to one."""
_SHA256_HEX = lazy(r"[0-9a-f]{64}")


def name_in(annotations: Mapping[str, str]) -> str | None:
    """Return the name that an entry gives its content: containerd's, else ref.name, or None."""
    return annotations.get(CONTAINERD_NAME) or annotations.get(REF_NAME)


def is_attached_kind(kind: str | None) -> bool:
    """Return whether the annotation `kind` marks an entry as attached to the image of its name.

    The last part of the value counts: ``dev.cosignproject.cosign/sigs``, ``dev.hauler/image``.
    """
    return bool(kind) and (kind or "").rpartition("/")[2] not in IMAGE_KINDS


def is_attached(annotations: Mapping[str, str]) -> bool:
    """Return whether the annotations of an entry say that it is attached to the image of its name.

    Either by `kind`, or by BuildKit's mark of an attestation manifest.
    """
    return is_attached_kind(annotations.get(KIND)) or attestation.is_attestation(annotations)


def whole_digest(text: str) -> Digest | None:
    """Read a whole digest: alone, without its algorithm, or behind a repository and ``@``.

    Such a text addresses content, and is never looked up as a name.
    """
    bare = text.rpartition("@")[2]
    if _SHA256_HEX.fullmatch(bare):
        bare = f"sha256:{bare}"
    try:
        found = Digest.declared(bare)
    except InvalidDigest:
        return None
    return found if found.is_verifiable else None


def claims_other_content(name: str, digest: Digest) -> bool:
    """Return whether a name holds a whole digest other than that of the content it is given to."""
    claimed = whole_digest(name)
    return claimed is not None and claimed != digest
