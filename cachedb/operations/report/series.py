"""Series of a report: ages, growth, and how many images share a blob."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cachedb.operations.report.model import AgeBand, GrowthPoint, SharingBand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachedb.operations.read.content import Sharing
    from cachedb.operations.report.model import ReportedImage

_SPANS: Final = (
    ("under 1 day", 1),
    ("under 1 week", 7),
    ("under 1 month", 30),
    ("under 3 months", 91),
    ("under 6 months", 182),
    ("under 1 year", 365),
)
_OLDER: Final = "1 year or more"
_HOLDERS: Final = (1, 2, 3, 5, 10, 20, 50, 100)
"""The least number of images of each band of sharing."""


def ages(images: Iterable[ReportedImage], now: datetime) -> tuple[AgeBand, ...]:
    """Count images by the time since they were added to the cache; include empty bands."""
    found: dict[str, list[int]] = {band: [0, 0] for band, _ in (*_SPANS, (_OLDER, 0))}
    limits = [
        (band, (now - timedelta(days=days)).isoformat().replace("+00:00", "Z"))
        for band, days in _SPANS
    ]
    for image in images:
        # The texts of times in UTC sort as the times do.
        band = next((band for band, limit in limits if image.added > limit), _OLDER)
        found[band][0] += 1
        found[band][1] += image.proportional
    return tuple(AgeBand(band, *numbers) for band, numbers in found.items())


def growth(images: Sequence[ReportedImage], sharing: Sharing) -> tuple[GrowthPoint, ...]:
    """Cumulate images and their bytes by the day on which they were added to the cache.

    `images` are the owners of `sharing`. A blob counts for the first image that contains it.
    Removed images are unknown.
    """
    order = sorted(range(len(images)), key=lambda at: images[at].added)
    missing = set(sharing.shared)
    points: dict[str, tuple[int, int]] = {}
    size = 0
    for count, at in enumerate(order, 1):
        new = missing.intersection(sharing.contents[at])
        missing -= new
        size += images[at].exclusive + sharing.graph.size(new)
        points[images[at].added[:10]] = (count, size)
    return tuple(GrowthPoint(date, *numbers) for date, numbers in points.items())


def sharing_bands(sharing: Sharing, holders: Mapping[int, int]) -> tuple[SharingBand, ...]:
    """Count blobs by the number of images that contain them; `images` is the least of a band.

    `holders` is the number of images that contain each shared blob.
    """
    sizes = sharing.graph.sizes
    blobs: Counter[int] = Counter()
    size: Counter[int] = Counter()
    saved: Counter[int] = Counter()
    for key, count in holders.items():
        band = max(least for least in _HOLDERS if least <= count)
        blobs[band] += 1
        size[band] += sizes[key]
        saved[band] += sizes[key] * (count - 1)
    blobs[1] = sharing.count - len(holders)
    size[1] = sharing.size - sum(size.values())
    return tuple(
        SharingBand(band, blobs[band], size[band], saved[band]) for band in _HOLDERS if blobs[band]
    )
