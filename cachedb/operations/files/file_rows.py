"""Rows of the index of files: entries of a layer written, and read back as members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.archive.file_tree import OPAQUE, WHITEOUT
from cachedb.archive.image_tree import LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.catalog.files.file_codes import ENTRY_BITS, MOST_ENTRIES, FileKind
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import CacheError, InvalidArchive
from cachedb.operations.files.file_paths import (
    MEMBER_KINDS,
    PathIds,
    as_utf8,
    bytes_if_not_utf8,
    decoded,
    places_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.file_entries import FileEntryRow
    from cachedb.oci import Digest
    from cachedb.operations.files.file_paths import Place

_DEVICES: Final = frozenset({MemberKind.CHARACTER, MemberKind.BLOCK})
_REGULAR: Final = MemberKind.FILE
_FILE_KINDS: Final = {int(kind): kind for kind in FileKind}
_NANOSECONDS: Final = 1_000_000_000
_LARGEST: Final = 2**63 - 1


def write_layer(connection: Connection, layer: Digest, files: Sequence[LayerFile]) -> int:
    """Write the entries of a layer; return the id of the layer.

    Costs about 5 µs an entry; reads the paths in the directories of the layer first.

    There are at most `MOST_ENTRIES`.

    Raises:
        InvalidArchive: A path is too long or holds a NUL; nothing is written.
    """
    places = list(places_of((file.member for file in files), layer))
    layer_id = connection.insert_one(statements.ADD_LAYER, layer, len(files), None)
    first = layer_id << ENTRY_BITS
    write_entries(
        connection,
        [
            (first + index, file, place)
            for index, (file, place) in enumerate(zip(files, places, strict=True))
        ],
    )
    return layer_id


def write_entries(connection: Connection, entries: Sequence[tuple[int, LayerFile, Place]]) -> None:
    """Write entries with their ids, at the places that are given with them."""
    paths = PathIds(connection).of([place for _, _, place in entries])
    rows = _rows(_Attributes(connection), entries, paths)
    connection.insert(statements.ADD_ENTRIES, rows)
    # Few entries have a target or attributes.
    special = [
        (key, member)
        for key, (member, _), _ in entries
        if member.target or member.xattrs or member.kind in _DEVICES
    ]
    connection.insert(
        statements.ADD_TARGETS,
        ((key, *target) for key, member in special if (target := _target(member)) is not None),
    )
    connection.insert(
        statements.ADD_XATTRS,
        ((key, name, value) for key, member in special for name, value in _xattrs(member).items()),
    )


def _rows(
    attributes: _Attributes, entries: Sequence[tuple[int, LayerFile, Place]], paths: Sequence[int]
) -> Iterator[tuple[int, int, int, int, int, bytes | None]]:
    """Yield the rows of entries, whose paths have the ids `paths`."""
    known = attributes.known
    for (key, (member, sha256), (_, _, kind)), path_id in zip(entries, paths, strict=True):
        owned = (kind, member.mode, member.uid, member.gid)
        attributes_id = known.get(owned) or attributes.add(owned)
        size = member.size
        modified = member.modified_ns // _NANOSECONDS
        yield (
            key,
            path_id,
            attributes_id,
            min(size, _LARGEST),
            modified if -_LARGEST <= modified <= _LARGEST else _number(modified),
            sha256,
        )


def write_found(
    connection: Connection, layer: Digest, found: list[LayerFile] | CacheError
) -> None:
    """Write the entries of a layer, or record its problem if it cannot be indexed."""
    problem = found if isinstance(found, CacheError) else _excess(layer, found)
    if problem is None and not isinstance(found, CacheError):
        try:
            write_layer(connection, layer, found)
        except InvalidArchive as error:
            problem = error
    if problem is not None:
        connection.insert_one(statements.ADD_LAYER, layer, 0, str(problem))


def _excess(layer: Digest, files: Sequence[LayerFile]) -> InvalidArchive | None:
    """Return the problem of a layer with more entries than the index can number."""
    if len(files) <= MOST_ENTRIES:
        return None
    why = f"has {len(files)} entries; the index holds at most {MOST_ENTRIES} of a layer"
    return InvalidArchive(f"layer {layer}", why)


def read_layer(connection: Connection, layer_id: int) -> list[LayerFile]:
    """Read the entries of a layer, in its order; names of owners are not kept."""
    low, high = layer_id << ENTRY_BITS, (layer_id + 1) << ENTRY_BITS
    xattrs: dict[int, dict[str, bytes]] = {}
    for row in connection.each(statements.XATTRS, low=low, high=high):
        xattrs.setdefault(row.entry_id, {})[row.key] = row.value
    return [
        LayerFile(_member(row, xattrs.get(row.id, {})), row.sha256)
        for row in connection.each(statements.ENTRIES, low=low, high=high)
    ]


def read_entries(connection: Connection, ids: Sequence[int]) -> dict[int, LayerFile]:
    """Read some entries, by id; a placed entry has the path where it is seen."""
    xattrs: dict[int, dict[str, bytes]] = {}
    for row in connection.each(statements.SOME_XATTRS, ids=many(ids)):
        xattrs.setdefault(row.entry_id, {})[row.key] = row.value
    return {
        row.id: LayerFile(_member(row, xattrs.get(row.id, {})), row.sha256)
        for row in connection.each(statements.SOME_ENTRIES, ids=many(ids))
    }


# -- attributes -----------------------------------------------------------------------------------


class _Attributes:
    """Ids of combinations of attributes, in `known` by type, mode, owner and group."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.known = {
            (_FILE_KINDS[row.kind], row.bits, row.uid, row.gid): row.id
            for row in connection.each(statements.ATTRIBUTES)
        }

    def add(self, owned: tuple[FileKind, int, int, int]) -> int:
        """Return the id of attributes that are not in `known`; new ones are inserted."""
        kind, mode, uid, gid = owned
        # Numbers that a database holds; others have the row of the nearest ones.
        stored = (kind, mode, _number(uid), _number(gid))
        found = self.known.get(stored)
        if found is None:
            word = kind.name.lower().replace("_", "")
            found = self._connection.insert_one(
                statements.ADD_ATTRIBUTES, int(kind), word, mode, f"{mode:04o}", *stored[2:]
            )
        self.known[stored] = self.known[owned] = found
        return found


# -- values ---------------------------------------------------------------------------------------


def _target(member: Member) -> tuple[str, bytes | None] | None:
    if member.kind in _DEVICES:
        return f"{member.device[0]}:{member.device[1]}", None
    if not member.target or member.kind is _REGULAR:
        return None
    return as_utf8(member.target), bytes_if_not_utf8(member.target)


def _xattrs(member: Member) -> Mapping[str, bytes]:
    """Return extended attributes, of two names that are escaped to the same one the later."""
    return {as_utf8(name): value for name, value in member.xattrs.items()}


def _number(value: int) -> int:
    """Return the nearest number that a database holds; tar can hold larger ones."""
    return max(-_LARGEST, min(value, _LARGEST))


def _member(row: FileEntryRow, xattrs: Mapping[str, bytes]) -> Member:
    kind = _FILE_KINDS[row.kind]
    path = f"{row.directory}/{row.name}" if row.raw is None else decoded(row.raw)
    if kind is FileKind.WHITEOUT:
        directory, _, name = path.rpartition("/")
        path = f"{directory}/{WHITEOUT}{name}"
    elif kind is FileKind.OPAQUE:
        path = f"{path.rstrip('/')}/{OPAQUE}"
    target = (row.target or "") if row.raw_target is None else decoded(row.raw_target)
    member_kind = MEMBER_KINDS[kind]
    device = (0, 0)
    if member_kind in _DEVICES:
        major, _, minor = target.partition(":")
        device, target = (int(major), int(minor)), ""
    return Member(  # by position, which is several times as fast
        path.removeprefix("/"),
        member_kind,
        row.bits,
        row.uid,
        row.gid,
        "",
        "",
        row.size,
        row.modified * _NANOSECONDS,
        target,
        device,
        xattrs,
        False,
    )
