"""Wasted space of images as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.operations.files.waste import DuplicateContent, ImageWaste, WasteReport


def as_json(report: WasteReport, limit: int | None) -> dict[str, Any]:
    """Return a report with at most `limit` files of each image and as many duplicates."""
    return {
        "images": [_image(image, limit) for image in report.images],
        "duplicates": [_duplicate(each) for each in report.duplicates[:limit]],
        "totals": _totals(report),
    }


def as_json_lines(report: WasteReport, limit: int | None) -> Iterator[dict[str, Any]]:
    """Yield an object for each image and each duplicate, with its kind, and the totals last."""
    for image in report.images:
        yield {"kind": "image", **_image(image, limit)}
    for each in report.duplicates[:limit]:
        yield {"kind": "duplicate", **_duplicate(each)}
    yield {"summary": _totals(report)}


def _image(image: ImageWaste, limit: int | None) -> dict[str, Any]:
    return {
        "name": image.name,
        "platform": image.platform.full if image.platform else None,
        "digest": str(image.digest),
        "stored": image.stored,
        "overwritten": image.overwritten,
        "deleted": image.deleted,
        "efficiency": round(image.efficiency, 4),
        "files": [
            {
                "path": file.path,
                "layer": str(file.layer),
                "size": file.size,
                "state": str(file.state),
            }
            for file in image.files[:limit]
        ],
    }


def _duplicate(duplicate: DuplicateContent) -> dict[str, Any]:
    return {
        "sha256": duplicate.sha256,
        "size": duplicate.size,
        "copies": duplicate.copies,
        "wasted": duplicate.wasted,
        "places": [{"layer": str(layer), "path": path} for layer, path in duplicate.places],
    }


def _totals(report: WasteReport) -> dict[str, int]:
    return {
        "hidden": sum(image.wasted for image in report.images),
        "duplicated": sum(each.wasted for each in report.duplicates),
    }
