"""Rows of the index of files: entries of a layer written, and read back as members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.archive.file_tree import OPAQUE, WHITEOUT, split_path
from cachedb.archive.image_tree import HiddenState, LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.catalog.files.file_codes import ENTRY_BITS, MOST_ENTRIES, FileKind, HiddenBy
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import CacheError, InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachedb.archive.image_tree import ImageTree
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.file_entries import FileEntryRow
    from cachedb.oci import Digest

_KINDS: Final = {
    MemberKind.FILE: FileKind.FILE,
    MemberKind.HARD_LINK: FileKind.HARD_LINK,
    MemberKind.SYMLINK: FileKind.SYMLINK,
    MemberKind.CHARACTER: FileKind.CHARACTER,
    MemberKind.BLOCK: FileKind.BLOCK,
    MemberKind.DIRECTORY: FileKind.DIRECTORY,
    MemberKind.FIFO: FileKind.FIFO,
}
_MEMBER_KINDS: Final = {code: kind for kind, code in _KINDS.items()} | {
    FileKind.WHITEOUT: MemberKind.FILE,
    FileKind.OPAQUE: MemberKind.FILE,
}
_HIDDEN_BY: Final = {
    HiddenState.OVERWRITTEN: HiddenBy.OVERWRITTEN,
    HiddenState.DELETED: HiddenBy.DELETED,
}
_DEVICES: Final = frozenset({MemberKind.CHARACTER, MemberKind.BLOCK})
_NANOSECONDS: Final = 1_000_000_000
_LARGEST: Final = 2**63 - 1


def write_layer(connection: Connection, layer: Digest, files: Sequence[LayerFile]) -> int:
    """Write the entries of a layer; return the id of the layer.

    Costs about 8 µs an entry; reads the paths in the directories of the layer first.

    There are at most `MOST_ENTRIES`.
    """
    layer_id = connection.insert_one(statements.ADD_LAYER, layer, len(files), None)
    first = layer_id << ENTRY_BITS
    places = [_place(file.member) for file in files]
    paths = _Paths(connection).ids(places)
    attributes = _Attributes(connection)
    connection.insert(
        statements.ADD_ENTRIES,
        (
            (
                first + index,
                paths[place],
                attributes.key(place[2], file.member),
                min(file.member.size, _LARGEST),
                _seconds(file.member),
                *_target(file.member),
                file.sha256,
            )
            for index, (file, place) in enumerate(zip(files, places, strict=True))
        ),
    )
    connection.insert(
        statements.ADD_XATTRS,
        (
            (first + index, key, value)
            for index, file in enumerate(files)
            for key, value in file.member.xattrs.items()
        ),
    )
    return layer_id


def write_found(
    connection: Connection, layer: Digest, found: list[LayerFile] | CacheError
) -> None:
    """Write the entries of a layer, or record why it cannot be read or has too many."""
    problem = found if isinstance(found, CacheError) else _excess(layer, found)
    if problem is not None:
        connection.insert_one(statements.ADD_LAYER, layer, 0, str(problem))
    elif not isinstance(found, CacheError):
        write_layer(connection, layer, found)


def _excess(layer: Digest, files: Sequence[LayerFile]) -> InvalidArchive | None:
    """Return what to say of a layer with more entries than the index can number."""
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


def write_image(
    connection: Connection, image: Digest, layer_ids: Sequence[int], tree: ImageTree
) -> None:
    """Write which entries of the layers of an image no container of it sees."""
    image_id = connection.insert_one(statements.ADD_IMAGE, image)
    connection.insert(
        statements.ADD_HIDDEN,
        (
            (image_id, (layer_ids[layer] << ENTRY_BITS) + index, int(_HIDDEN_BY[state]))
            for layer, index, state in tree.unseen()
        ),
    )


# -- places ---------------------------------------------------------------------------------------

_Place = tuple[str, str, FileKind]
"""Directory and name as they are in the archive, and the kind."""


def _place(member: Member) -> _Place:
    parts = split_path(member.path, 0)
    name = parts[-1] if parts else ""
    kind = _KINDS[member.kind]
    if name == OPAQUE:
        parts, kind = parts[:-1], FileKind.OPAQUE
    elif name.startswith(WHITEOUT):
        parts, kind = [*parts[:-1], name.removeprefix(WHITEOUT)], FileKind.WHITEOUT
    if not parts:
        return "", "", kind
    return "".join(f"/{part}" for part in parts[:-1]), parts[-1], kind


class _Paths:
    """Ids of paths, looked up by directory, and made where they are new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ids(self, places: Sequence[_Place]) -> dict[_Place, int]:
        """Return the id of each path; paths and directories that are new are inserted."""
        # In the order of the layer: rows of an index that arrive in its order fill its pages.
        wanted = dict.fromkeys((directory, name) for directory, name, _ in places)
        directories = self._directories(dict.fromkeys(_text(directory) for directory, _ in wanted))
        known = {
            (row.directory_id, row.name, row.raw): row.id
            for row in self._connection.each(statements.PATHS, ids=many(directories.values()))
        }
        last = self._connection.value(statements.LAST_PATH) or 0
        made: list[tuple[int, int, str, bytes | None]] = []
        found: dict[tuple[str, str], int] = {}
        for directory, name in wanted:
            key = (directories[_text(directory)], _text(name), _raw(directory, name))
            if key not in known:
                known[key] = last + len(made) + 1
                made.append((known[key], *key))
            found[directory, name] = known[key]
        self._connection.insert(statements.ADD_PATHS, made)
        return {place: found[place[0], place[1]] for place in places}

    def _directories(self, wanted: Iterable[str]) -> dict[str, int]:
        found = {
            row.path: row.id
            for row in self._connection.each(statements.DIRECTORIES, paths=many(wanted))
        }
        last = self._connection.value(statements.LAST_DIRECTORY) or 0
        new = (path for path in wanted if path not in found)
        made = {path: last + place for place, path in enumerate(new, 1)}
        self._connection.insert(
            statements.ADD_DIRECTORIES, ((key, path) for path, key in made.items())
        )
        return found | made


class _Attributes:
    """Ids of combinations of attributes, made where they are new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = {
            (row.kind, row.bits, row.uid, row.gid): row.id
            for row in connection.each(statements.ATTRIBUTES)
        }

    def key(self, kind: FileKind, member: Member) -> int:
        """Return the id of the attributes of an entry; new ones are inserted."""
        wanted = (int(kind), member.mode, _number(member.uid), _number(member.gid))
        if wanted not in self._known:
            word = kind.name.lower().replace("_", "")
            self._known[wanted] = self._connection.insert_one(
                statements.ADD_ATTRIBUTES, int(kind), word, member.mode, f"{member.mode:04o}",
                *wanted[2:],
            )  # fmt: skip
        return self._known[wanted]


# -- values ---------------------------------------------------------------------------------------


def _text(text: str) -> str:
    """Return text that a database takes: U+FFFD for every byte that is not UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _raw(directory: str, name: str) -> bytes | None:
    """Return the bytes of a path that is not UTF-8."""
    return _if_not_utf8(f"{directory}/{name}")


def _if_not_utf8(text: str) -> bytes | None:
    if text.isascii():
        return None
    content = text.encode("utf-8", "surrogateescape")
    try:
        content.decode()
    except UnicodeDecodeError:
        return content
    return None


def _target(member: Member) -> tuple[str | None, bytes | None]:
    if member.kind in _DEVICES:
        return f"{member.device[0]}:{member.device[1]}", None
    if not member.target:
        return None, None
    return _text(member.target), _if_not_utf8(member.target)


def _seconds(member: Member) -> int:
    return _number(member.modified_ns // _NANOSECONDS)


def _number(value: int) -> int:
    """Return the nearest number that a database holds; tar can hold larger ones."""
    return max(-_LARGEST, min(value, _LARGEST))


def _member(row: FileEntryRow, xattrs: Mapping[str, bytes]) -> Member:
    kind = FileKind(row.kind)
    path = f"{row.directory}/{row.name}" if row.raw is None else _decoded(row.raw)
    if kind is FileKind.WHITEOUT:
        directory, _, name = path.rpartition("/")
        path = f"{directory}/{WHITEOUT}{name}"
    elif kind is FileKind.OPAQUE:
        path = f"{path.rstrip('/')}/{OPAQUE}"
    target = (row.target or "") if row.raw_target is None else _decoded(row.raw_target)
    member_kind = _MEMBER_KINDS[kind]
    device = (0, 0)
    if member_kind in _DEVICES:
        major, _, minor = target.partition(":")
        device, target = (int(major), int(minor)), ""
    return Member(
        path=path.removeprefix("/"),
        kind=member_kind,
        mode=row.bits,
        uid=row.uid,
        gid=row.gid,
        size=row.size,
        modified_ns=row.modified * _NANOSECONDS,
        target=target,
        device=device,
        xattrs=xattrs,
    )


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
