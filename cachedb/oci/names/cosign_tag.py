"""Tags by which cosign 2 attaches a signature, attestations and an SBOM to a manifest.

The manifests behind these tags have no ``subject``: only the digest in the tag states which
manifest they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import InvalidDigest
from cachedb.oci.digest import Digest
from cachedb.oci.reference import TAG, TagName

if TYPE_CHECKING:
    from typing import Final

SIGNATURE: Final = ".sig"
ATTESTATIONS: Final = ".att"
SBOM: Final = ".sbom"
SUFFIXES: Final = (SIGNATURE, ATTESTATIONS, SBOM)


def cosign_tags(subject: Digest) -> tuple[TagName, ...]:
    """Return the tags that cosign 2 gives to attachments of `subject`.

    A digest that is too long for a tag (sha512) has none.

    Example:
        >>> [tag[-6:] for tag in cosign_tags(Digest.of(b""))]
        ['55.sig', '55.att', '5.sbom']
    """
    names = (f"{subject.algorithm}-{subject.encoded}{suffix}" for suffix in SUFFIXES)
    return tuple(TagName(name) for name in names if TAG.fullmatch(name))


def subject_of(name: str) -> Digest | None:
    """Return the digest in a name whose tag is one of cosign's, None in any other.

    Example:
        >>> str(subject_of("example.com/app:sha256-" + "0" * 64 + ".sig"))[:12]
        'sha256:00000'
    """
    if not name.endswith(SUFFIXES):
        return None
    tag = name.rpartition("/")[2].rpartition(":")[2]
    algorithm, _, encoded = tag.rpartition(".")[0].partition("-")
    try:
        return Digest(f"{algorithm}:{encoded}")
    except InvalidDigest:
        return None
