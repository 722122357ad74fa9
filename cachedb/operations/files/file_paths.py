"""Paths in the index of files: places of members, and the ids of their rows."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from cachedb.archive.file_tree import LONGEST_PATH, OPAQUE, WHITEOUT, split_path
from cachedb.archive.tar.reader import MemberKind
from cachedb.catalog.files.file_codes import NAME_BITS, NAMES_OF_ROW, FileKind
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import file_entries as statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cachedb.archive.tar.reader import Member
    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest

_SHARING: Final = 8
"""Directories that share an ancestor, at least: fewer would not repay its row."""
_NO_NAMES: Final = frozenset({"", ".", ".."})
_KINDS: Final = {
    MemberKind.FILE: FileKind.FILE,
    MemberKind.HARD_LINK: FileKind.HARD_LINK,
    MemberKind.SYMLINK: FileKind.SYMLINK,
    MemberKind.CHARACTER: FileKind.CHARACTER,
    MemberKind.BLOCK: FileKind.BLOCK,
    MemberKind.DIRECTORY: FileKind.DIRECTORY,
    MemberKind.FIFO: FileKind.FIFO,
}
_REGULAR: Final = MemberKind.FILE
_FILE: Final = FileKind.FILE
MEMBER_KINDS: Final = {code: kind for kind, code in _KINDS.items()} | {
    FileKind.WHITEOUT: MemberKind.FILE,
    FileKind.OPAQUE: MemberKind.FILE,
}
"""Types of members, by the type of the entry in the index."""


class Place(NamedTuple):
    """Path of a member as the index has it: clean, and of what a whiteout hides.

    `directory` begins with a slash; that of the root and of what is in it is empty.
    """

    directory: str
    name: str
    """Last part of the path; '' for the root."""
    kind: FileKind
    """Type of the entry; a whiteout is one of its own."""


def place_of(member: Member, layer: int | Digest) -> Place:
    """Return the place of a member.

    Raises:
        InvalidArchive: The path is too long or holds a NUL; `layer` is the layer that the error
        names.
    """
    parts = split_path(member.path, layer)
    name = parts[-1] if parts else ""
    kind = _KINDS[member.kind]
    if name == OPAQUE:
        parts, kind = parts[:-1], FileKind.OPAQUE
    elif name.startswith(WHITEOUT):
        parts, kind = [*parts[:-1], name.removeprefix(WHITEOUT)], FileKind.WHITEOUT
    if not parts:
        return Place("", "", kind)
    name = parts.pop()
    return Place("/" + "/".join(parts) if parts else "", name, kind)


def places_of(members: Iterable[Member], layer: Digest) -> Iterator[Place]:
    """Yield the places of members; costs a third of `place_of` each, as directories repeat.

    Raises:
        InvalidArchive: A path is too long or holds a NUL.
    """
    directories = {"": "", ".": ""}
    new = tuple.__new__
    for member in members:
        path = member.path
        before, _, name = path.removesuffix("/").rpartition("/")
        directory = directories.get(before)
        if directory is None:
            above, _, last = before.rpartition("/")
            if above in directories and last not in _NO_NAMES:
                directory = directories[before] = f"{directories[above]}/{last}"
        is_plain = name not in _NO_NAMES and not name.startswith(WHITEOUT)
        if directory is not None and is_plain and len(path) <= LONGEST_PATH and "\0" not in path:
            kind = member.kind
            # Several times as fast as a call of the class.
            yield new(Place, (directory, name, _FILE if kind is _REGULAR else _KINDS[kind]))
            continue
        place = place_of(member, layer)
        if is_plain:
            directories[before] = place.directory
        yield place


class PathIds:
    """Ids of paths, looked up by directory, and made where they are new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, places: Sequence[Place]) -> list[int]:
        """Return the ids of the paths of places; new paths and directories are inserted."""
        rows = _DirectoryRows(self._connection, map(itemgetter(0), places))
        made: list[tuple[int, str]] = []
        raw_made: list[tuple[int, bytes]] = []
        ids: list[int] = []
        # In the order of the layer: rows of an index that arrive in its order fill its pages.
        last = None
        names: dict[str, int] = {}
        for directory, name, _ in places:
            if directory is not last:
                last, names = directory, rows.names[directory]
                is_ascii, free = directory.isascii(), rows.free(as_utf8(directory))
            key = names.get(name)
            if key is None:
                key = names[name] = next(free)
                if is_ascii and name.isascii():
                    made.append((key, name))
                else:
                    made.append((key, as_utf8(name)))
                    raw = bytes_if_not_utf8(f"{directory}/{name}")
                    if raw is not None:
                        raw_made.append((key, raw))
            ids.append(key)
        rows.write()
        self._connection.insert(statements.ADD_PATHS, sorted(made))  # in order they fill pages
        self._connection.insert(statements.ADD_RAW_PATHS, raw_made)
        return ids


class _DirectoryRows:
    """Rows of some directories, and the ids that are free for further paths in them.

    `names` has the ids of the paths that are there, by directory and name.
    """

    def __init__(self, connection: Connection, directories: Iterable[str]) -> None:
        self._connection = connection
        self.names: dict[str, dict[str, int]] = {each: {} for each in dict.fromkeys(directories)}
        self._wanted = list(dict.fromkeys(map(as_utf8, self.names)))
        rows = connection.rows(statements.DIRECTORIES, paths=many(self._wanted))
        paths = {row.id: row.path for row in rows}
        self._used: dict[str, int] = {}
        self._ids: dict[str, Iterator[int]] = {}
        self._last = connection.value(statements.LAST_DIRECTORY) or 0
        self._made: list[tuple[int, str]] = []
        for key, name, raw in connection.each(statements.PATHS, ids=many(paths)):
            directory = paths[key >> NAME_BITS]
            self._used[directory] = key + 1
            if raw is not None:
                # Directories that are escaped to the same text have their paths in one row.
                directory, _, name = decoded(raw).rpartition("/")  # noqa: PLW2901
            self.names.setdefault(directory, {})[name] = key

    def free(self, directory: str) -> Iterator[int]:
        """Return the ids of new paths in a directory; a full row is followed by another one."""
        found = self._ids.get(directory)
        if found is None:
            found = self._ids[directory] = self._each_free(directory)
        return found

    def _each_free(self, directory: str) -> Iterator[int]:
        used = self._used.get(directory, 0)
        while True:
            if used % NAMES_OF_ROW == 0:  # none yet, or the last row is full
                self._last += 1
                self._made.append((self._last, directory))
                used = self._last << NAME_BITS
            used += 1
            yield used - 1

    def write(self) -> None:
        """Insert the rows of directories that were made, and the ancestors that they need."""
        if not self._made:
            return
        chosen = choose_ancestors(self._wanted)
        ids = self._ancestors({chosen[path] for _, path in self._made})
        self._connection.insert(
            statements.ADD_DIRECTORIES,
            (
                (key, ids[chosen[path]], path.removeprefix(chosen[path]))
                for key, path in self._made
            ),
        )

    def _ancestors(self, paths: Collection[str]) -> dict[str, int]:
        """Return the ids of ancestors by path; new ones are inserted."""
        rows = self._connection.each(statements.ANCESTORS, paths=many(sorted(paths)))
        found = {row.path: row.id for row in rows}
        last = self._connection.value(statements.LAST_ANCESTOR) or 0
        made = list(enumerate(sorted(set(paths) - found.keys()), last + 1))
        self._connection.insert(statements.ADD_ANCESTORS, made)
        return found | {path: key for key, path in made}


def choose_ancestors(directories: Iterable[str]) -> dict[str, str]:
    """Return for each directory the beginning of its path that it shares with other directories.

    That is the longest path with at least `_SHARING` of them at or below it, '' if there is none.
    Paths begin with a slash and end with none.
    """
    counts = Counter(directories)
    # The longest first: what is below a directory is counted before it is added to its parent.
    levels: dict[int, list[str]] = {}
    for directory in counts:
        levels.setdefault(directory.count("/"), []).append(directory)
    for level in range(max(levels, default=0), 0, -1):
        for directory in levels.get(level, ()):
            parent = directory.rpartition("/")[0]
            if parent not in counts:
                levels.setdefault(level - 1, []).append(parent)
            counts[parent] += counts[directory]
    chosen = {"": ""}
    for level in range(1, len(levels)):
        for directory in levels[level]:
            is_shared = counts[directory] >= _SHARING
            parent = directory.rpartition("/")[0]
            chosen[directory] = directory if is_shared else chosen[parent]
    return chosen


def as_utf8(text: str) -> str:
    r"""Return text that a database takes: \udce9 for a byte that is not UTF-8, \x00 for a NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


def decoded(raw: bytes) -> str:
    """Return the text of bytes, with a surrogate for each that is not UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_if_not_utf8(text: str) -> bytes | None:
    """Return the bytes of a text that is not UTF-8."""
    if text.isascii():
        return None
    content = text.encode("utf-8", "surrogateescape")
    try:
        content.decode()
    except UnicodeDecodeError:
        return content
    return None
