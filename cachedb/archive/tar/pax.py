"""PAX extended headers: records of ``length key=value``, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.archive.tar.header import BadHeader
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

XATTR = "SCHILY.xattr."
_NUMBER = lazy(rb"-?[0-9]{1,20}")
_TIME = lazy(rb"-?[0-9]{1,20}(?:\.[0-9]{0,30})?")
_NANOSECONDS = 1_000_000_000
_NO_NUL = frozenset({"path", "linkpath", "uname", "gname"})


def parse(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the records in their order; a key may come more than once.

    Raises:
        BadHeader: A record is malformed, or a name holds a NUL.
    """
    position = 0
    while position < len(content):
        space = content.find(b" ", position, position + 10)
        length = content[position:space]
        if space < 0 or not length.isdigit() or length.startswith(b"0"):
            raise BadHeader("a PAX record has no length")
        end = position + int(length)
        record = content[space + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if end > len(content) or record[-1:] != b"\n" or not equals or not key:
            raise BadHeader("a PAX record is malformed")
        name = key.decode("utf-8", "surrogateescape")
        if name in _NO_NUL and b"\0" in value:
            raise BadHeader(f"the PAX record {name!r} holds a NUL")
        yield name, value
        position = end


def render(records: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the content of an extended header."""
    return b"".join(
        _record(key.encode("utf-8", "surrogateescape"), value) for key, value in records
    )


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts its own digits.
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def integer(records: Mapping[str, bytes], key: str) -> int | None:
    """Return a record that is a number; None for an empty one."""
    value = records.get(key)
    if not value:
        return None
    if not _NUMBER.fullmatch(value):
        raise BadHeader(f"the PAX record {key!r} is not a number")
    return int(value)


def nanoseconds(records: Mapping[str, bytes], key: str) -> int | None:
    """Return a record that is a time, in nanoseconds; finer parts are cut off."""
    value = records.get(key)
    if not value:
        return None
    if not _TIME.fullmatch(value):
        raise BadHeader(f"the PAX record {key!r} is not a time")
    seconds, _, fraction = value.removeprefix(b"-").partition(b".")
    found = int(seconds) * _NANOSECONDS + int(fraction[:9].ljust(9, b"0"))
    return -found if value.startswith(b"-") else found


def time(moment: int) -> bytes:
    """Write a time given in nanoseconds."""
    sign = "-" if moment < 0 else ""
    seconds, rest = divmod(abs(moment), _NANOSECONDS)
    return (f"{sign}{seconds}.{rest:09}".rstrip("0").rstrip(".") or "0").encode()
