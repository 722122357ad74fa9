"""Summaries of images: document, and the manifests in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.operations.archives.inspect_image import CachedImage, CachedManifest
    from cachedb.operations.transfer.remote_inspect import RemoteImage, RemoteManifest

_COLUMNS = (
    Column("platform"),
    Column("digest", output.digest),
    Column("size", output.size, is_number=True),
    Column("layers", is_number=True),
    Column("artifact_type"),
)


class ShownImage(NamedTuple):
    """Printed image; `source` is `cache` or `registry`."""

    name: str
    digest: str | None
    media_type: str
    document_size: int
    size: int
    source: str
    rows: list[tuple[object, ...]]


def of_cache(image: CachedImage) -> ShownImage:
    """Return the printed form of an image in the cache."""
    first = image.descriptors[0]
    is_one = len(image.descriptors) == 1
    return ShownImage(
        name=image.name or "<none>",
        digest=first.digest if is_one else None,
        media_type=first.media_type,
        document_size=sum(each.size for each in image.descriptors),
        size=image.size,
        source="cache",
        rows=_rows(image.manifests),
    )


def of_registry(image: RemoteImage) -> ShownImage:
    """Return the printed form of an image at a registry."""
    return ShownImage(
        name=str(image.reference),
        digest=image.descriptor.digest,
        media_type=image.descriptor.media_type,
        document_size=image.descriptor.size,
        size=image.size,
        source="registry",
        rows=_rows(image.manifests),
    )


def _rows(manifests: Iterable[CachedManifest | RemoteManifest]) -> list[tuple[object, ...]]:
    return [
        (
            str(each.platform) if each.platform else None,
            str(each.descriptor.digest),
            each.size,
            each.layers,
            each.artifact_type,
        )
        for each in manifests
    ]


def print_image(shown: ShownImage, form: str, *, quiet: bool) -> None:
    """Print an image and its manifests; when quiet, its digest, or those of its platforms."""
    if quiet:
        if shown.digest is not None:
            output.print_stdout(shown.digest)
            return
        for row in shown.rows:
            output.print_stdout(str(row[1]))
        return
    if form is Format.JSON:
        keys = [column.name for column in _COLUMNS]
        manifests = [dict(zip(keys, row, strict=True)) for row in shown.rows]
        facts = {k: v for k, v in shown._asdict().items() if k != "rows"}
        tables.render_tree({**facts, "manifests": manifests}, form)
        return
    if form is Format.TABLE:
        output.print_stdout(f"{output.show(shown.name)}  {shown.digest or ''}".rstrip())
        output.print_stdout(f"{shown.media_type}  {output.size(shown.size)}")
        output.print_stdout()
    tables.render(_COLUMNS, shown.rows, form)
