"""A streaming tar reader: ustar, GNU and PAX, in bounded memory, that extracts nothing.

The standard library's reader treats a truncated archive, a wrong checksum and a member larger than
the archive as its end, and holds headers of any size in memory. This one raises an error for
malformed archives, and reads a pipe as well as a file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from cachedb.archive.body_stream import CHUNK, BodyStream
from cachedb.archive.tar import header as tar_header
from cachedb.archive.tar import pax, sparse
from cachedb.archive.tar.header import BLOCK, ZERO_BLOCK, BadHeader, Header
from cachedb.errors import InvalidArchive
from cachedb.limits import LAYER_MEMBERS, SPARSE_FILE_BYTES, TAR_HEADER_BYTES, TAR_MEMBERS, Limit
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cachedb.archive.tar.sparse import SparseMap

_NANOSECONDS = 1_000_000_000
# Every known tar writes at most a long name, a long target and PAX records.
_MOST_EXTENSIONS = 8
_GLOBALS_REFUSED = ("path", "linkpath", "size", sparse.PREFIX)


class MemberKind(StrEnum):
    """Type of a member."""

    FILE = "file"
    HARD_LINK = "hard link"
    SYMLINK = "symlink"
    CHARACTER = "character device"
    BLOCK = "block device"
    DIRECTORY = "directory"
    FIFO = "fifo"


_KINDS = {
    b"0": MemberKind.FILE,
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.SYMLINK,
    b"3": MemberKind.CHARACTER,
    b"4": MemberKind.BLOCK,
    b"5": MemberKind.DIRECTORY,
    b"6": MemberKind.FIFO,
    b"7": MemberKind.FILE,
    b"S": MemberKind.FILE,
}


class Member(NamedTuple):
    """One entry of an archive, with every extension applied to it.

    Texts are UTF-8 with surrogate escapes, as file names are in Python; they are unchanged, so
    that a path may be absolute or hold ``..``. `size` is that of the content.
    """

    path: str
    kind: MemberKind
    """Type of the member."""
    mode: int = 0o644
    """Permissions, the lower 12 bits of the mode."""
    uid: int = 0
    """User id of the owner."""
    gid: int = 0
    """Group id of the owner."""
    user: str = ""
    """Name of the owner; '' without one."""
    group: str = ""
    """Name of the group; '' without one."""
    size: int = 0
    modified_ns: int = 0
    """Time of the last change, in nanoseconds since 1970."""
    target: str = ""
    """Target of a link; '' for another type."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device; zeros for another type."""
    xattrs: Mapping[str, bytes] = {}
    """Extended attributes, by name with namespace."""
    is_sparse: bool = False
    """Whether the archive stores holes of the file without their zeros."""


class Body(BodyStream):
    """The content of a member, readable until the next member.

    Raises:
        InvalidArchive: While reading: the archive ends within the content.
    """

    def __init__(self, source: Callable[[int], bytes], size: int) -> None:
        self._source = source
        self._data = size

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if not self._data:
            return b""
        found = self._source(min(size, self._data))
        self._data -= len(found)
        return found


class SparseBody(Body):
    """The content of a sparse member: holes, which are zeros, and the data behind each."""

    def __init__(self, source: Callable[[int], bytes], runs: Iterator[tuple[int, int]]) -> None:
        super().__init__(source, 0)
        self._runs = runs
        self._hole = 0

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while not self._hole and not self._data:
            self._hole, self._data = next(self._runs, (-1, -1))
            if self._hole < 0:
                self._hole = self._data = 0
                return b""
        if not self._hole:
            return super().read_next(size)
        found = bytes(min(size, self._hole))
        self._hole -= len(found)
        return found


class MemberEntry(NamedTuple):
    """A member and its content, which is readable until the next entry."""

    member: Member
    body: Body


def read(stream: BinaryIO, *, name: str, limit: Limit = TAR_MEMBERS) -> Iterator[MemberEntry]:
    """Yield the entries of an uncompressed archive in their order.

    The stream is read to its end, also behind the end of the archive, so that a digest covers
    every byte. An archive without the final zero blocks is complete, as in Go.

    Raises:
        InvalidArchive: The archive is truncated or malformed; `name` is put before the reason.
        LimitExceeded: A header, the number of members or a sparse file is beyond its limit.
    """
    return _Reader(stream, name, limit).entries()


def read_layer(stream: BinaryIO, *, name: str) -> Iterator[MemberEntry]:
    """Yield the entries of a layer as `read` does; its digest proves that it is complete.

    It may end behind the content of its last member, without padding: `umoci insert` writes such
    layers, and every reader written in Go accepts them.
    """
    return _LayerReader(stream, name, LAYER_MEMBERS).entries()


class _Reader:
    def __init__(self, stream: BinaryIO, name: str, limit: Limit) -> None:
        self._stream = stream
        self._name = name
        self._limit = limit
        self._padded = 0

    def entries(self) -> Iterator[MemberEntry]:
        """Yield the entries to the end of the stream; see `read`."""
        count = 0
        while True:
            try:
                entry = self._next()
            except BadHeader as error:
                why = f"{'' if count else 'is not a tar archive, or is damaged: '}{error}"
                raise InvalidArchive(self._name, why) from error
            if entry is None:
                break
            count += 1
            self._limit.check(count, self._name)
            yield entry
            while entry.body.read_next(CHUNK):
                pass
            self._skip_padding()
        while self._stream.read(CHUNK):
            pass

    def _next(self) -> MemberEntry | None:
        """Read the headers of one member: its own and its extended headers."""
        records: list[tuple[str, bytes]] = []
        longer: dict[bytes, bytes] = {}
        for _ in range(_MOST_EXTENSIONS):
            header = self._header()
            if header is None:
                if records or longer:
                    raise BadHeader("the archive ends after an extended header")
                return None
            match header.type:
                case b"x":
                    records = list(pax.parse(self._extension(header)))
                case b"g":
                    _check_global(pax.parse(self._extension(header)))
                case b"L" | b"K":
                    longer[header.type] = self._extension(header).partition(b"\0")[0]
                case _:
                    return self._entry(header, records, longer)
        raise BadHeader("too many extended headers in a row")

    def _header(self) -> Header | None:
        block = self._read(BLOCK)
        if not block:
            return None
        if len(block) < BLOCK:
            raise BadHeader("the archive is truncated within a header")
        if block == ZERO_BLOCK:
            # A single zero block is valid only at the end of the stream.
            if self._read(BLOCK).strip(b"\0"):
                raise BadHeader("a single zero block stands between two members")
            return None
        return tar_header.parse(block)

    def _extension(self, header: Header) -> bytes:
        TAR_HEADER_BYTES.check(header.size, f"a header in {self._name}")
        content = self._read(header.size)
        if len(content) < header.size:
            raise BadHeader("the archive is truncated within a header")
        self._padded = -header.size % BLOCK
        self._skip_padding()
        return content

    def _entry(
        self, header: Header, records: list[tuple[str, bytes]], longer: Mapping[bytes, bytes]
    ) -> MemberEntry:
        found = dict(records)
        kind = _KINDS.get(header.type)
        if kind is None:
            raise BadHeader(f"a member of the unknown type {header.type!r}")
        stored = self._stored_size(header, found, kind)
        mapped = None
        if kind is MemberKind.FILE:
            mapped, taken = self._sparse_map(header, records)
            stored -= taken
            if stored < 0 or (mapped is not None and mapped.stored != stored):
                raise BadHeader("the map of a sparse file does not list the stored parts")
        self._padded = -stored % BLOCK
        member = _member(header, found, longer, kind, mapped.size if mapped else stored)
        if mapped is None:
            return MemberEntry(member, Body(self._read_some, stored))
        SPARSE_FILE_BYTES.check(mapped.size, f"a file in {self._name}")
        return MemberEntry(
            _with_sparse_name(member, found), SparseBody(self._read_some, _runs(mapped))
        )

    def _stored_size(self, header: Header, found: Mapping[str, bytes], kind: MemberKind) -> int:
        # Links, devices and directories have no content, whatever size they declare.
        if kind is not MemberKind.FILE:
            return 0
        size = pax.integer(found, "size")
        if size is not None and size < 0:
            raise BadHeader(f"a size of {size}")
        return header.size if size is None else size

    def _sparse_map(
        self, header: Header, records: list[tuple[str, bytes]]
    ) -> tuple[SparseMap | None, int]:
        if header.type == b"S":
            if not header.is_gnu:
                raise BadHeader("a sparse file in a header that is not GNU's")
            return sparse.from_header(header, self._whole_block, TAR_HEADER_BYTES.value), 0
        found = sparse.from_records(records, self._whole_block, TAR_HEADER_BYTES.value)
        return found or (None, 0)

    def _whole_block(self) -> bytes:
        block = self._read(BLOCK)
        if len(block) < BLOCK:
            raise BadHeader("the archive is truncated within the map of a sparse file")
        return block

    def _skip_padding(self) -> None:
        if len(self._read(self._padded)) < self._padded:
            self._end_in_padding()
        self._padded = 0

    def _end_in_padding(self) -> None:
        raise InvalidArchive(self._name, "the archive is truncated after a member")

    def _read_some(self, size: int) -> bytes:
        found = self._stream.read(size)
        if not found and size:
            raise InvalidArchive(self._name, "the archive is truncated within a member")
        return found

    def _read(self, size: int) -> bytes:
        """Read that many bytes, or fewer at the end of the stream."""
        found = self._stream.read(size)
        while found and len(found) < size:
            more = self._stream.read(size - len(found))
            if not more:
                break
            found += more
        return found


class _LayerReader(_Reader):
    def _end_in_padding(self) -> None:
        return


def _member(
    header: Header,
    found: Mapping[str, bytes],
    longer: Mapping[bytes, bytes],
    kind: MemberKind,
    size: int,
) -> Member:
    uid, gid = pax.integer(found, "uid"), pax.integer(found, "gid")
    modified = pax.nanoseconds(found, "mtime")
    path = text(found.get("path") or longer.get(b"L") or header.name)
    xattrs = {
        key.removeprefix(pax.XATTR): value
        for key, value in found.items()
        if key.startswith(pax.XATTR)
    }
    return Member(  # by position, which is several times as fast
        path,
        # The oldest tar format marks directories by a slash.
        MemberKind.DIRECTORY if kind is MemberKind.FILE and path.endswith("/") else kind,
        header.mode & 0o7777,
        header.uid if uid is None else uid,
        header.gid if gid is None else gid,
        text(found.get("uname") or header.user),
        text(found.get("gname") or header.group),
        size,
        header.modified * _NANOSECONDS if modified is None else modified,
        text(found.get("linkpath") or longer.get(b"K") or header.target),
        header.device,
        xattrs,
        False,
    )


def text(raw: bytes) -> str:
    """Decode a name as Python does for file names: any bytes survive."""
    return raw.decode("utf-8", "surrogateescape")


def _with_sparse_name(member: Member, found: Mapping[str, bytes]) -> Member:
    path = found.get(f"{sparse.PREFIX}name")
    return member._replace(is_sparse=True, path=text(path) if path else member.path)


def _check_global(records: Iterator[tuple[str, bytes]]) -> None:
    """Refuse global records on which readers differ: Go ignores them, GNU tar applies them."""
    for key, _ in records:
        if key.startswith(_GLOBALS_REFUSED):
            raise BadHeader(f"a global PAX record sets {key!r}")


def _runs(mapped: SparseMap) -> Iterator[tuple[int, int]]:
    """Yield each hole and the data behind it, up to the real size."""
    end = 0
    for offset, length in mapped.runs:
        yield offset - end, length
        end = offset + length
    yield mapped.size - end, 0
