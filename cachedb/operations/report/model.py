"""Model of a report: rows of each section, whose fields are the keys of its JSON.

Sizes are bytes, times are RFC 3339 in UTC. A change of the meaning or the removal of a field
changes `VERSION`; a new field does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION: Final = 1


class Totals(NamedTuple):
    """Numbers of images, names and blobs, and bytes of all files of the cache by category."""

    names: int
    images: int
    registries: int
    """Number of registries in names."""
    repositories: int
    """Number of repositories in names."""
    platforms: int
    """Number of platforms of images."""
    blobs: int
    size: int
    """Bytes of all files, leftovers and quarantine included."""
    exclusive: int
    """Bytes of the blobs that one image contains."""
    shared: int
    """Bytes of the blobs that several images contain."""
    garbage: int
    """Bytes of unreferenced blobs."""
    trash: int
    """Bytes in quarantine."""
    temporary: int
    """Bytes of temporary files."""
    saved: int
    """Bytes that images would take additionally if no blob were shared."""


class ReportedImage(NamedTuple):
    """An image: one digest under all of its names, or one manifest a platform under one name.

    `proportional` is its size where a blob that n images contain counts by its n-th part; the
    numbers of all images add up to the bytes that images take. `platforms` are present, `absent`
    are declared and not in the layout.
    """

    names: tuple[str | None, ...]
    digests: tuple[str, ...]
    registry: str | None
    """Registry of the first name; null if it is no reference."""
    repository: str | None
    """Repository of the first name; null if it is no reference."""
    tag: str | None
    """Tag of the first name; null without one."""
    kind: str
    """Kind of its document."""
    platforms: tuple[str, ...]
    absent: tuple[str, ...]
    size: int
    shared: int
    """Bytes of the blobs that other images contain as well."""
    exclusive: int
    """Bytes of the blobs that no other image contains."""
    proportional: int
    state: str
    """Whether it is complete: complete, partial or broken."""
    signed: bool
    """Whether `is:signed` holds."""
    pinned: bool
    """Whether one of its entries is pinned."""
    source: str | None
    """pull, import, build or tag; null if another tool wrote the entry."""
    added: str
    """Earliest time at which one of its entries was added."""
    pulled: str | None
    """Latest pull of one of its entries; null without one."""
    used: str | None
    """Latest use of one of its entries; null without one."""
    created: str | None
    """Latest time that one of its configs states; null without one."""


class ReportedGroup(NamedTuple):
    """A registry, a repository or a platform; `exclusive` is content of no other one."""

    name: str | None
    """Name of the registry, repository or platform; null for images without one."""
    images: int
    """Number of images."""
    size: int
    """Bytes of their content, shared blobs once."""
    shared: int
    """Bytes of the blobs that images of other groups contain as well."""
    exclusive: int


class ReportedMediaType(NamedTuple):
    """Files of one kind and media type."""

    kind: str
    media_type: str
    blobs: int
    """Number of files."""
    size: int
    """Bytes of these files."""


class AgeBand(NamedTuple):
    """Images by the time since they were added to the cache, with proportional sizes."""

    age: str
    """Time since they were added, as text."""
    images: int
    size: int


class SharingBand(NamedTuple):
    """Blobs by the number of images that contain them; `saved` is the size of their copies."""

    images: int
    blobs: int
    size: int
    saved: int


class SharedBlob(NamedTuple):
    """A blob that several images contain."""

    digest: str
    """Digest of the blob."""
    kind: str
    """Kind of the blob."""
    size: int
    """Bytes of its file."""
    images: int


class ReportedFinding(NamedTuple):
    """A platform of an image, or an image, that differs from its declaration."""

    name: str | None
    """Name of the image; null without one."""
    digest: str
    """Digest of the manifest or of the image."""
    platform: str | None
    state: str
    """Condition of the platform."""
    detail: str
    """Fault, as text for users."""


class GrowthPoint(NamedTuple):
    """Number and bytes of the images that had been added by the end of a day, cumulated."""

    date: str
    """Day in UTC, as 2026-01-31."""
    images: int
    size: int
    """Bytes of these images, shared blobs once."""


class Freeable(NamedTuple):
    """Bytes that a collection would free and keep now, or why it would refuse."""

    blobs: int
    """Number of blobs that a collection would remove."""
    size: int
    """Bytes that it would free."""
    kept_blobs: int
    """Number of unreferenced blobs that it would keep."""
    kept_size: int
    """Bytes of these blobs."""
    refused: str | None
    """Reason why it would refuse; null if it would not."""


class PolicyEffect(NamedTuple):
    """Names that the policy of the cache would remove now, or why it would refuse."""

    names: int
    size: int
    """Bytes that become unreferenced."""
    refused: str | None
    """Reason why it would refuse; null if it would not."""


class ActivityDay(NamedTuple):
    """Operations of a day, bytes that pulls and imports added, and that collections freed."""

    date: str
    """Day in UTC, as 2026-01-31."""
    operations: int
    received: int
    """Bytes that pulls and imports added."""
    freed: int


class CacheReport(Record):
    """A report on a whole cache at one time."""

    generated: str
    """Time of the report."""
    cache: str
    totals: Totals
    images: tuple[ReportedImage, ...]
    """Every image, the largest first."""
    registries: tuple[ReportedGroup, ...]
    """Usage by registry."""
    repositories: tuple[ReportedGroup, ...]
    """Usage by repository."""
    platforms: tuple[ReportedGroup, ...]
    """Usage by platform."""
    media_types: tuple[ReportedMediaType, ...]
    """Files by kind and media type."""
    ages: tuple[AgeBand, ...]
    """Images by the time since they were added."""
    sharing: tuple[SharingBand, ...]
    """Blobs by the number of images that contain them."""
    shared_blobs: tuple[SharedBlob, ...]
    """Blobs that save the most bytes by being shared."""
    findings: tuple[ReportedFinding, ...]
    """Images and platforms that differ from their declarations."""
    unsigned: tuple[str, ...]
    """A name of each image, or its digest, that has no signature."""
    collection: Freeable
    """Effect of a collection now."""
    policy: PolicyEffect | None
    """Effect of the policy of the cache; None without a policy."""
    growth: tuple[GrowthPoint, ...]
    """Size of the cache at the end of each day on which images were added."""
    activity: tuple[ActivityDay, ...]
    """Operations of each day in the journal of the cache, the last day first."""


LISTS: Final[Mapping[str, type[Any]]] = {
    "images": ReportedImage,
    "registries": ReportedGroup,
    "repositories": ReportedGroup,
    "platforms": ReportedGroup,
    "media_types": ReportedMediaType,
    "ages": AgeBand,
    "growth": GrowthPoint,
    "sharing": SharingBand,
    "shared_blobs": SharedBlob,
    "findings": ReportedFinding,
    "activity": ActivityDay,
}
"""The lists of rows of a `CacheReport` by their fields, with the types of their rows."""


class LayerShares(Record):
    """The layers of the images of a report, for a treemap.

    `digests` has the first 12 digits of each, one after the other; `sizes` and `holders`, how many
    images contain it, have an element per layer; `of_images` has the places of the layers of each
    image there, ascending, in the order of `images`.
    """

    digests: str
    sizes: Sequence[int]
    holders: Sequence[int]
    of_images: Sequence[Sequence[int]]
