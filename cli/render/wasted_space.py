"""Wasted space of images as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachedb.operations.files.waste import WasteReport


def as_json(report: WasteReport, limit: int | None) -> dict[str, Any]:
    """Return a report with at most `limit` files of each image and as many duplicates."""
    return {
        "images": [
            {
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
            for image in report.images
        ],
        "duplicates": [
            {
                "sha256": each.sha256,
                "size": each.size,
                "copies": each.copies,
                "wasted": each.wasted,
                "places": [{"layer": str(layer), "path": path} for layer, path in each.places],
            }
            for each in report.duplicates[:limit]
        ],
        "totals": {
            "hidden": sum(image.wasted for image in report.images),
            "duplicated": sum(each.wasted for each in report.duplicates),
        },
    }
