"""One 512-byte tar header: ustar, GNU, star and the oldest form, read and written."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple
from zlib import adler32

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)

_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")
_CHECKSUM = slice(148, 156)
_USTAR = b"ustar\x0000"
_GNU = b"ustar  \0"
_STAR_TRAILER = b"tar\0"
_STAR_PREFIX_LENGTH = 131
_BASE_256 = 0x80


class BadHeader(Exception):
    """A header or an extended header is malformed; the message says how."""


# A tuple, which is the fastest to make: a layer has tens of thousands.
class Header(NamedTuple):
    """Fields of a header; texts are bytes, not decoded."""

    type: bytes
    """Type flag, one byte (POSIX.1-2017, pax, ustar Interchange Format)."""
    name: bytes
    """Path, prefix included."""
    target: bytes
    """Target of a link."""
    mode: int
    """Mode as stored; callers mask it."""
    uid: int
    """User id of the owner."""
    gid: int
    """Group id of the owner."""
    size: int
    """Bytes of the body."""
    modified: int
    """Seconds since 1970."""
    user: bytes
    """Name of the owner."""
    group: bytes
    """Name of the group."""
    device: tuple[int, int]
    """Major and minor number of a device."""
    block: bytes
    """The 512 bytes of the header."""

    @property
    def is_gnu(self) -> bool:
        """Whether it is of GNU's own form, which has other fields in place of the prefix."""
        return self.block[257:265] == _GNU


def parse(block: bytes) -> Header:
    """Read and check one header.

    Raises:
        BadHeader: The checksum is wrong, a number is malformed, or the size is negative.
    """
    _check_sum(block)
    (name, mode, uid, gid, size, modified, _, kind, target, magic, user, group, major, minor,
     prefix, trailer) = _FIELDS.unpack(block)  # fmt: skip
    path = _text(name)
    if magic == _USTAR and prefix[0]:
        if trailer[-4:] == _STAR_TRAILER:
            prefix = prefix[:_STAR_PREFIX_LENGTH]
        path = b"/".join(part for part in (_text(prefix), path) if part)
    knows_owners = magic in (_USTAR, _GNU)
    is_device = knows_owners and kind in (b"3", b"4")
    found = Header(  # by position, which is twice as fast
        b"0" if kind == b"\0" else kind,
        path,
        _text(target) if target[0] else b"",
        number(mode),
        number(uid),
        number(gid),
        number(size),
        number(modified),
        _text(user) if knows_owners else b"",
        _text(group) if knows_owners else b"",
        (number(major), number(minor)) if is_device else (0, 0),
        block,
    )
    if found.size < 0:
        raise BadHeader(f"a size of {found.size}")
    return found


# Modes, owners and times repeat from member to member.
@lru_cache(maxsize=4096)
def number(field: bytes) -> int:
    """Read a numeric field: octal digits, or base 256 when the top bit is set."""
    if field[0] & _BASE_256:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value
    digits = field.strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if not digits:
        return 0
    try:
        # Alone, `int` would accept signs and underscores.
        if digits.isdigit():
            return int(digits, 8)
    except ValueError:
        pass
    shown = digits.decode("ascii", "backslashreplace")
    raise BadHeader(f"{shown!r} is not an octal number")


def render(  # noqa: PLR0913 - they are the fields of the format
    *,
    kind: bytes,
    name: bytes,
    target: bytes = b"",
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    modified: int = 0,
    user: bytes = b"",
    group: bytes = b"",
    device: tuple[int, int] | None = None,
) -> bytes:
    """Return a ustar header; every value has to fit its field, as `fits` says."""
    block = bytearray(
        _FIELDS.pack(
            name,
            octal(mode, 8),
            octal(uid, 8),
            octal(gid, 8),
            octal(size, 12),
            octal(modified, 12),
            b" " * 8,
            kind,
            target,
            _USTAR,
            user,
            group,
            octal(device[0] if device else 0, 8),
            octal(device[1] if device else 0, 8),
            b"",
            b"",
        )
    )
    block[_CHECKSUM] = b"%06o\0 " % _sum(block)
    return bytes(block)


def octal(value: int, width: int) -> bytes:
    """Write a number into a field."""
    return b"%0*o\0" % (width - 1, value)


def fits(value: int, width: int) -> bool:
    """Return whether a number can be written into a field of that many bytes."""
    return 0 <= value < 1 << 3 * (width - 1)


def _check_sum(block: bytes) -> None:
    stated = number(block[_CHECKSUM])
    # The checksum is computed with spaces in its own field.
    unsigned = _sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")
    if stated != unsigned and stated != unsigned - _signed_difference(block):
        raise BadHeader("the checksum of a header is wrong")


def _sum(block: bytes | bytearray) -> int:
    """Add the bytes of a block, in a tenth of the time of `sum`."""
    # The lower half of Adler-32 is one more than the sum of the bytes modulo 65521, which is more
    # than 256 bytes can add up to.
    halves = adler32(block[: BLOCK // 2]), adler32(block[BLOCK // 2 :])
    return sum(half & 0xFFFF for half in halves) - len(halves)


def _signed_difference(block: bytes) -> int:
    # Some old versions of tar added signed characters.
    others = block[: _CHECKSUM.start] + block[_CHECKSUM.stop :]
    return 256 * sum(byte >> 7 for byte in others)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
