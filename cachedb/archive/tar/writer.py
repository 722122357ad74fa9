"""Reproducible tar writer: ustar, with PAX records where a field of ustar is too small.

GNU tar, bsdtar, Go and Python read its output. A name of up to 100 bytes is written to the header
unchanged, also if it is not ASCII or not UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.archive.tar import header, pax
from cachedb.archive.tar.header import BLOCK, ZERO_BLOCK, fits
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TYPES = {
    MemberKind.FILE: b"0",
    MemberKind.HARD_LINK: b"1",
    MemberKind.SYMLINK: b"2",
    MemberKind.CHARACTER: b"3",
    MemberKind.BLOCK: b"4",
    MemberKind.DIRECTORY: b"5",
    MemberKind.FIFO: b"6",
}
_NAME = 100
_OWNER = 32
_ID = 8
_NUMBER = 12
_NANOSECONDS = 1_000_000_000
_EXTENSION_NAME = b"PaxHeaders/extended"

END = ZERO_BLOCK * 2
"""The end of an archive: two zero blocks."""


def entry(member: Member, content: Iterable[bytes] = ()) -> Iterator[bytes]:
    r"""Yield the bytes of a member: headers, padding, and the content of a file.

    Raises:
        InvalidArchive: The content does not have the size of the member.

    Example:
        >>> b"".join(entry(Member(path="hello", kind=MemberKind.FILE, size=3), [b"hi\n"]))[512:515]
        b'hi\n'
    """
    yield headers(member)
    if member.kind is not MemberKind.FILE:
        return
    left = member.size
    for chunk in content:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise InvalidArchive(repr(member.path), f"the content is not of {member.size} bytes")
    yield bytes(-member.size % BLOCK)


def headers(member: Member) -> bytes:
    """Return the header of a member, with an extended one before it if its fields are too small.

    A directory's name gets the slash at its end that readers expect.

    Raises:
        InvalidArchive: No header has room for the numbers of a device.
    """
    name = _bytes(member.path)
    if member.kind is MemberKind.DIRECTORY and not name.endswith(b"/"):
        name += b"/"
    target = _bytes(member.target)
    size = member.size if member.kind is MemberKind.FILE else 0
    if not all(fits(number, _ID) for number in member.device):
        raise InvalidArchive(repr(member.path), f"no tar can hold the device {member.device}")
    seconds = member.modified_ns // _NANOSECONDS
    records = list(_records(member, name, target, size))
    too_long = {key for key, _ in records}
    block = header.render(
        kind=_TYPES[member.kind],
        name=name[:_NAME],
        target=target[:_NAME],
        mode=member.mode & 0o7777,
        uid=0 if "uid" in too_long else member.uid,
        gid=0 if "gid" in too_long else member.gid,
        size=0 if "size" in too_long else size,
        modified=seconds if fits(seconds, _NUMBER) else 0,
        user=_bytes(member.user)[:_OWNER],
        group=_bytes(member.group)[:_OWNER],
        device=member.device,
    )
    return _extended(pax.render(records)) + block if records else block


def _records(member: Member, name: bytes, target: bytes, size: int) -> Iterable[tuple[str, bytes]]:
    texts = {
        "path": (name, _NAME),
        "linkpath": (target, _NAME),
        "uname": (_bytes(member.user), _OWNER - 1),
        "gname": (_bytes(member.group), _OWNER - 1),
    }
    longer = {key: value for key, (value, most) in texts.items() if len(value) > most}
    if not all(map(_is_utf8, longer.values())):
        yield "hdrcharset", b"BINARY"
    yield from longer.items()
    numbers = {"uid": (member.uid, _ID), "gid": (member.gid, _ID), "size": (size, _NUMBER)}
    for key, (number, width) in numbers.items():
        if not fits(number, width):
            yield key, str(number).encode()
    seconds, finer = divmod(member.modified_ns, _NANOSECONDS)
    if finer or not fits(seconds, _NUMBER):
        yield "mtime", pax.time(member.modified_ns)
    for key, value in sorted(member.xattrs.items()):
        yield pax.XATTR + key, value


def _extended(content: bytes) -> bytes:
    block = header.render(kind=b"x", name=_EXTENSION_NAME, size=len(content))
    return block + content + bytes(-len(content) % BLOCK)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
