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
    repositories: int
    platforms: int
    blobs: int
    size: int
    exclusive: int
    shared: int
    garbage: int
    trash: int
    temporary: int
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
    repository: str | None
    tag: str | None
    kind: str
    platforms: tuple[str, ...]
    absent: tuple[str, ...]
    size: int
    shared: int
    exclusive: int
    proportional: int
    state: str
    signed: bool
    pinned: bool
    source: str | None
    added: str
    pulled: str | None
    used: str | None
    created: str | None


class ReportedGroup(NamedTuple):
    """A registry, a repository or a platform; `exclusive` is content of no other one."""

    name: str | None
    images: int
    size: int
    shared: int
    exclusive: int


class ReportedMediaType(NamedTuple):
    """Files of one kind and media type."""

    kind: str
    media_type: str
    blobs: int
    size: int


class AgeBand(NamedTuple):
    """Images by the time since they were added to the cache, with proportional sizes."""

    age: str
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
    kind: str
    size: int
    images: int


class ReportedFinding(NamedTuple):
    """A platform of an image, or an image, that differs from its declaration."""

    name: str | None
    digest: str
    platform: str | None
    state: str
    detail: str


class GrowthPoint(NamedTuple):
    """Number and bytes of the images that had been added by the end of a day, cumulated."""

    date: str
    images: int
    size: int


class Freeable(NamedTuple):
    """Bytes that a collection would free and keep now, or why it would refuse."""

    blobs: int
    size: int
    kept_blobs: int
    kept_size: int
    refused: str | None


class PolicyEffect(NamedTuple):
    """Names that the policy of the cache would remove now, or why it would refuse."""

    names: int
    size: int
    refused: str | None


class ActivityDay(NamedTuple):
    """Operations of a day, bytes that pulls and imports added, and that collections freed."""

    date: str
    operations: int
    received: int
    freed: int


class CacheReport(Record):
    """A report on a whole cache at one time."""

    generated: str
    cache: str
    totals: Totals
    images: tuple[ReportedImage, ...]
    """Every image, the largest first."""
    registries: tuple[ReportedGroup, ...]
    repositories: tuple[ReportedGroup, ...]
    platforms: tuple[ReportedGroup, ...]
    media_types: tuple[ReportedMediaType, ...]
    ages: tuple[AgeBand, ...]
    sharing: tuple[SharingBand, ...]
    shared_blobs: tuple[SharedBlob, ...]
    findings: tuple[ReportedFinding, ...]
    unsigned: tuple[str, ...]
    """A name of each image, or its digest, that has no signature."""
    collection: Freeable
    policy: PolicyEffect | None
    """Effect of the policy of the cache; None without a policy."""
    growth: tuple[GrowthPoint, ...]
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
