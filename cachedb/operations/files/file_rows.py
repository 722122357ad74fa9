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
    places_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.file_entries import FileEntryRow
    from cachedb.oci import Digest
    from cachedb.operations.files.file_paths import Place

_DEVICES: Final = frozenset({MemberKind.CHARACTER, MemberKind.BLOCK})
_FILE_KINDS: Final = {int(kind): kind for kind in FileKind}
_NANOSECONDS: Final = 1_000_000_000
_LARGEST: Final = 2**63 - 1


def write_layer(connection: Connection, layer: Digest, files: Sequence[LayerFile]) -> int:
    """Write the entries of a layer; return the id of the layer.

    Costs about 8 µs an entry; reads the paths in the directories of the layer first.

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
    key_of = _Attributes(connection).key
    connection.insert(
        statements.ADD_ENTRIES,
        [
            (
                key,
                path_id,
                key_of(kind, member),
                min(member.size, _LARGEST),
                _number(member.modified_ns // _NANOSECONDS),
                sha256,
            )
            for (key, (member, sha256), (_, _, kind)), path_id in zip(entries, paths, strict=True)
        ],
    )
    connection.insert(
        statements.ADD_TARGETS,
        (
            (key, *target)
            for key, file, _ in entries
            if file.member.kind is not MemberKind.FILE
            and (target := _target(file.member)) is not None
        ),
    )
    connection.insert(
        statements.ADD_XATTRS,
        (
            (key, name, value)
            for key, file, _ in entries
            if file.member.xattrs
            for name, value in _xattrs(file.member).items()
        ),
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
    """Ids of combinations of attributes; new ones are inserted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = {
            (row.kind, row.bits, row.uid, row.gid): row.id
            for row in connection.each(statements.ATTRIBUTES)
        }

    def key(self, kind: FileKind, member: Member) -> int:
        """Return the id of the attributes of an entry; new ones are inserted."""
        wanted = (kind, member.mode, member.uid, member.gid)
        found = self._known.get(wanted)
        if found is None:
            found = self._known[wanted] = self._stored(kind, member)
        return found

    def _stored(self, kind: FileKind, member: Member) -> int:
        """Return the id of attributes with numbers that a database holds."""
        wanted = (int(kind), member.mode, _number(member.uid), _number(member.gid))
        if wanted not in self._known:
            word = kind.name.lower().replace("_", "")
            self._known[wanted] = self._connection.insert_one(
                statements.ADD_ATTRIBUTES, int(kind), word, member.mode, f"{member.mode:04o}",
                *wanted[2:],
            )  # fmt: skip
        return self._known[wanted]


# -- values ---------------------------------------------------------------------------------------


def _target(member: Member) -> tuple[str, bytes | None] | None:
    if member.kind in _DEVICES:
        return f"{member.device[0]}:{member.device[1]}", None
    if not member.target:
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
    path = f"{row.directory}/{row.name}" if row.raw is None else _decoded(row.raw)
    if kind is FileKind.WHITEOUT:
        directory, _, name = path.rpartition("/")
        path = f"{directory}/{WHITEOUT}{name}"
    elif kind is FileKind.OPAQUE:
        path = f"{path.rstrip('/')}/{OPAQUE}"
    target = (row.target or "") if row.raw_target is None else _decoded(row.raw_target)
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


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
