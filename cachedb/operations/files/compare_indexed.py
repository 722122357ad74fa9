"""Differences of two indexed images, found by the database: rows that are equal are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.archive.file_tree import MemberOrigin
from cachedb.archive.image_tree import ImageFile
from cachedb.archive.tar.reader import MemberKind
from cachedb.catalog.files.file_codes import ENTRY_BITS, MOST_ENTRIES
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.operations.files import file_rows
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cachedb.archive.image_tree import LayerFile
    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest
    from cachedb.operations.files.image_layers import ImageLayers

    Pair = tuple[ImageFile | None, ImageFile | None]


class _IndexedImage(Record):
    """An image in the index: its id, and the ids of its layers, the lowest first."""

    id: int
    layers: tuple[int, ...]


def differing_files(
    connection: Connection, before: ImageLayers, after: ImageLayers
) -> list[Pair] | None:
    """Return the files in which two images may differ, paired by path; None without an index.

    Every pair that differs is there, and few that do not: those that the database cannot tell,
    as hard links, whose content may be in another layer.
    """
    old, new = _find(connection, before), _find(connection, after)
    if old is None or new is None:
        return None
    shared = set(old.layers) & set(new.layers)
    rows = connection.rows(
        statements.DIFFERENCES,
        before=old.id,
        after=new.id,
        before_layers=many(set(old.layers) - shared),
        after_layers=many(set(new.layers) - shared),
        shared=many(shared),
    )
    was = _files(connection, old, {row.before_id for row in rows if row.before_id is not None})
    now = _files(connection, new, {row.after_id for row in rows if row.after_id is not None})
    return [(_of(was, row.before_id), _of(now, row.after_id)) for row in rows]


def _find(connection: Connection, image: ImageLayers) -> _IndexedImage | None:
    shown = connection.first(statements.IMAGE, digest=image.digest)
    layers = [_layer(connection, layer.digest) for layer in image.layers]
    found = tuple(layer for layer in layers if layer is not None)
    if shown is None or len(found) < len(layers):
        return None
    return _IndexedImage(id=shown.id, layers=found)


def _layer(connection: Connection, digest: Digest) -> int | None:
    row = connection.first(statements.LAYER, digest=digest)
    return None if row is None or row.problem is not None else row.id


def _of(files: Mapping[int, ImageFile], key: int | None) -> ImageFile | None:
    return None if key is None else files[key]


def _files(
    connection: Connection, image: _IndexedImage, ids: Collection[int]
) -> dict[int, ImageFile]:
    """Read entries as the files that the image shows: with the content that hard links lead to."""
    entries = file_rows.read_entries(connection, sorted(ids))
    links = [key for key, file in entries.items() if file.member.kind is MemberKind.HARD_LINK]
    origins = {
        row.entry_id: row.origin_id
        for row in connection.each(statements.LINKED, image=image.id, ids=many(links))
    }
    contents = file_rows.read_entries(connection, sorted(origins.values()))
    placed = [key for key in ids if key < 0]
    stored = {
        row.id: row.stored_id for row in connection.each(statements.STORED, ids=many(placed))
    }
    found = {}
    for key, file in entries.items():
        origin = origins.get(key, stored.get(key, key))
        content = contents[origin] if key in origins and origin is not None else file
        found[key] = _file(image.layers, file, content, origin)
    return found


def _file(
    layers: Sequence[int], file: LayerFile, content: LayerFile, origin: int | None
) -> ImageFile:
    path = "/" + file.member.path
    if origin is None:
        return ImageFile(path, file.member._replace(path=path), None, None)
    layer = layers.index(origin >> ENTRY_BITS)
    place = MemberOrigin(layer, origin % MOST_ENTRIES)
    return ImageFile(path, content.member, place, content.sha256)
