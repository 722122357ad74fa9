"""SBOMs of an image: the documents byte for byte, and the packages that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
from cachedb.catalog.index import sboms as documents
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs
from cachedb.catalog.statements import sboms as statements
from cachedb.errors import InvalidManifest, PlatformNotFound
from cachedb.operations.read.listing import manifests_below
from cachedb.operations.sync.read_sboms import unreadable_sboms
from cachedb.packages.raw_documents import raw_sbom
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.sboms import SbomClaim
    from cachedb.layout import Layout
    from cachedb.oci.digest import Digest
    from cachedb.oci.platform.model import Platform
    from cachedb.operations.read.resolve import ResolvedImage
    from cachedb.operations.sync.read_sboms import UnreadableSbom
    from cachedb.packages.raw_documents import RawSbom


class Sbom(Record, uncompared=("content",)):
    """An SBOM: the manifest that it describes, and its text, unchanged: JSON, XML or tag-value.

    `document` is the blob that it is, or is in; `predicate_type` is that of the statement that
    it was in, '' if it was in none. An SBOM of a whole index has no platform.
    """

    platform: Platform | None
    described: Digest
    """Digest of the manifest or index that it describes."""
    document: Digest
    media_type: str
    """Media type of the SBOM, outside of its statement."""
    predicate_type: str
    content: bytes
    """Bytes of the SBOM, outside of its statement."""

    @property
    def format(self) -> str:
        """Format by its types: ``spdx``, ``cyclonedx`` or ``syft``."""
        stated = (self.predicate_type or self.media_type).lower()
        return next((name for name in ("cyclonedx", "syft") if name in stated), "spdx")


class ListedPackage(Record):
    """A package that an SBOM names in a manifest.

    `platform` is that of the manifest, `described` its digest. `version`, `type`, `license` and
    `purl` are as in `Package`: '' where the SBOM states none.
    """

    platform: Platform | None
    described: Digest
    name: str
    version: str
    type: str
    license: str
    purl: str


class PackageListing(Record):
    """The packages of an image, and the SBOMs that the list lacks, as a whole or in part."""

    packages: tuple[ListedPackage, ...]
    unreadable: tuple[UnreadableSbom, ...]
    """SBOMs of which nothing can be read."""
    incomplete: tuple[UnreadableSbom, ...]
    """SBOMs of which some elements were skipped; their other packages are listed."""


class SbomCoverage(Record):
    """Coverage of a cache by queries of packages.

    Of `refs` refs of images, `without` contain no package that an SBOM names. `unreadable` SBOMs
    cannot be read, as a whole or in part.
    """

    refs: int
    without: int
    unreadable: int

    @property
    def is_whole(self) -> bool:
        """Whether every image has packages and every SBOM was read."""
        return not self.without and not self.unreadable


class _Described(Record):
    """A blob that SBOMs may describe."""

    digest: Digest
    platform: Platform | None


def sboms(
    connection: Connection, layout: Layout, image: ResolvedImage, platform: Platform | None = None
) -> Iterator[Sbom]:
    """Yield the SBOMs of an image, or of one platform of it, in the order of its platforms.

    They are read one at a time, and `connection` has to stay open meanwhile. An image without an
    index has none for another platform than its own.

    Raises:
        PlatformNotFound: The index has nothing for the platform.
        InvalidManifest: A document is malformed.
        BlobNotFound: A document has been removed meanwhile.
    """
    described = _described(connection, image, platform)
    places = {key: place for place, key in enumerate(described)}
    claims = sorted(
        documents.claims_about(connection, described), key=lambda claim: places[claim.target_id]
    )
    seen: set[tuple[int, Digest]] = set()
    for claim in claims:
        if (claim.target_id, claim.digest) in seen:
            continue
        seen.add((claim.target_id, claim.digest))
        found = _read(layout, claim)
        if found is not None:
            about = described[claim.target_id]
            yield Sbom(
                platform=about.platform,
                described=about.digest,
                document=claim.digest,
                media_type=claim.media_type,
                predicate_type=found.predicate_type,
                content=found.content,
            )


def list_packages(
    connection: Connection, image: ResolvedImage, platform: Platform | None = None
) -> PackageListing:
    """List the packages of an image, or of one platform of it, by platform, name and version.

    Raises:
        PlatformNotFound: The index has nothing for the platform.
    """
    described = _described(connection, image, platform)
    places = {key: place for place, key in enumerate(described)}
    rows = connection.rows(statements.PACKAGES, targets=many(described))
    claimed = {claim.digest for claim in documents.claims_about(connection, described)}
    lacking = [each for each in unreadable_sboms(connection) if each.digest in claimed]
    return PackageListing(
        packages=tuple(
            ListedPackage(
                platform=described[row.blob_id].platform,
                described=described[row.blob_id].digest,
                name=row.name,
                version=row.version,
                type=row.type,
                license=row.license,
                purl=row.purl,
            )
            for row in sorted(rows, key=lambda row: places[row.blob_id])
        ),
        unreadable=tuple(each for each in lacking if not each.packages),
        incomplete=tuple(each for each in lacking if each.packages),
    )


def coverage(connection: Connection) -> SbomCoverage:
    """Count refs without packages, and unreadable SBOMs; costs a walk up from packages."""
    (row,) = connection.rows(statements.COVERAGE)
    return SbomCoverage(refs=row.refs, without=row.without, unreadable=row.unreadable)


def _described(
    connection: Connection, image: ResolvedImage, platform: Platform | None
) -> dict[int, _Described]:
    """Return the blobs of an image that SBOMs may describe: listed manifests first, in order."""
    below = manifests_below(connection, image.roots)
    entries = [entry for root in image.roots for entry in below[root.blob_id]]
    listed = {e.blob_id: _Described(digest=e.digest, platform=e.platform) for e in entries}
    if platform is None:
        return listed | _others(connection, image, listed)
    images = [e for e in entries if e.kind is Kind.MANIFEST and e.platform is not None]
    fitting = [e for e in images if e.platform is not None and platform.is_same_as(e.platform)]
    if not fitting and (image.is_split or image.roots[0].kind is Kind.INDEX):
        offered = [e.platform.full for e in images if e.platform is not None]
        raise PlatformNotFound(image.label, str(platform), offered)
    return {entry.blob_id: listed[entry.blob_id] for entry in fitting}


def _others(
    connection: Connection, image: ResolvedImage, listed: dict[int, _Described]
) -> dict[int, _Described]:
    """Return the indexes of an image and its referrers, which SBOMs may describe too."""
    return {
        row.id: _Described(digest=codecs.digest(row.digest), platform=None)
        for root in image.roots
        for row in connection.each(blobs.DOCUMENTS_BELOW, blob_id=root.blob_id)
        if row.id not in listed
    }


def _read(layout: Layout, claim: SbomClaim) -> RawSbom | None:
    try:
        with layout.blobs.open(claim.digest) as stream:
            return raw_sbom(stream, claim.media_type, claim.predicate_type)
    except InvalidManifest as error:
        raise error.of(claim.digest) from error
