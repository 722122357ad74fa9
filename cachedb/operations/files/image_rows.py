"""Rows of the index of files that tell what an image shows, hides and places elsewhere."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from cachedb.archive.image_tree import HiddenState, LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.catalog.files.file_codes import ENTRY_BITS, HiddenBy
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.operations.files.file_paths import PathIds, place_of
from cachedb.operations.files.file_rows import write_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.archive.image_tree import ImageTree, ShownEntry
    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest

_HIDDEN_BY: Final = {
    HiddenState.OVERWRITTEN: HiddenBy.OVERWRITTEN,
    HiddenState.DELETED: HiddenBy.DELETED,
    HiddenState.MOVED: HiddenBy.MOVED,
}
_IMPLIED_MODE: Final = 0o755


def write_image(
    connection: Connection, image: Digest, layer_ids: Sequence[int], tree: ImageTree
) -> None:
    """Write where containers of an image see other files than its layers have.

    A layer can be in an image several times: an entry is hidden if no place of its layer shows it.
    """
    _ImageWriter(connection, layer_ids, tree).write(image)


class _ImageWriter:
    def __init__(self, connection: Connection, layer_ids: Sequence[int], tree: ImageTree) -> None:
        self._connection = connection
        self._layer_ids = layer_ids
        self._tree = tree

    def write(self, image: Digest) -> None:
        image_id = self._connection.insert_one(statements.ADD_IMAGE, image)
        placed = self._place(self._tree.elsewhere())
        self._connection.insert(
            statements.ADD_PLACEMENTS, ((image_id, key) for key in sorted(placed.values()))
        )
        self._connection.insert(
            statements.ADD_LINKED, sorted({(image_id, *pair) for pair in self._hard_links(placed)})
        )
        hidden = {self._id(layer, index): state for layer, index, state in self._tree.unseen()}
        if len(set(self._layer_ids)) < len(self._layer_ids):
            for entry in self._tree.shown():
                if entry.path not in placed:
                    hidden.pop(self._id(entry.layer, entry.place), None)
        self._connection.insert(
            statements.ADD_HIDDEN,
            ((image_id, key, int(_HIDDEN_BY[state])) for key, state in hidden.items()),
        )

    def _id(self, layer: int | None, index: int) -> int | None:
        return None if layer is None else (self._layer_ids[layer] << ENTRY_BITS) + index

    def _place(self, entries: Sequence[ShownEntry]) -> dict[str, int]:
        """Return the ids of placed entries by path; those that no other image has are made."""
        files = {entry.path: self._file_at(entry) for entry in entries}
        stored = {entry.path: self._id(entry.layer, entry.place) for entry in entries}
        if not files:
            return {}
        places = {path: place_of(file.member, 0) for path, file in files.items()}
        ids = PathIds(self._connection).of(list(places.values()))
        paths = dict(zip(places, ids, strict=True))
        known = {
            (row.path_id, row.stored_id): row.id
            for row in self._connection.each(statements.PLACED, ids=many(ids))
        }
        last = min(self._connection.value(statements.LAST_PLACED) or 0, 0)
        found: dict[str, int] = {}
        made = []
        for path, place in places.items():
            key = known.get((paths[path], stored[path]))
            if key is None:
                last -= 1
                key = last
                made.append((key, files[path], place))
            found[path] = key
        made.sort(key=itemgetter(0))  # rows that arrive in their order fill the pages
        write_entries(self._connection, made)
        by_id = {key: path for path, key in found.items()}
        origins = ((key, stored[by_id[key]]) for key, _, _ in made)
        self._connection.insert(
            statements.ADD_PLACED, (origin for origin in origins if origin[1] is not None)
        )
        return found

    def _file_at(self, entry: ShownEntry) -> LayerFile:
        """Return an entry with the path where it is seen, which may look like a whiteout."""
        if entry.layer is None:
            return LayerFile(
                Member(path=entry.path, kind=MemberKind.DIRECTORY, mode=_IMPLIED_MODE)
            )
        file = self._tree.member(entry.layer, entry.place)
        return file._replace(member=file.member._replace(path=entry.path))

    def _hard_links(self, placed: dict[str, int]) -> Iterator[tuple[int, int]]:
        """Yield the hard links among visible entries, with the entries that have their content."""
        for path, layer, place, content in self._tree.linked():
            assert content is not None  # it is that of another entry
            own = placed.get(path, self._id(layer, place))
            origin = self._id(content.layer, content.index)
            assert own is not None
            assert origin is not None
            yield own, origin
