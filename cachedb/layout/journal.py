"""Journal: an append-only file of JSON lines, with data that no other file of a cache holds.

``.cachedb/journal.jsonl`` holds pins, times of use and the history of operations, so that they
outlive the catalog. Its first line names the format, its version and a random id; each other line
is one record. A record is appended by one write under ``journal.lock``, without fsync unless it
has to survive a power loss. A line that is torn or does not parse is ignored, and the next record
begins on a line of its own. Rewriting replaces the file atomically and changes the id.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, Final, Self

from cachedb.errors import NotALayout, SchemaTooNew
from cachedb.layout import locks
from cachedb.layout.atomic import replace_file
from cachedb.layout.directories import closing, open_file, open_regular, storing, write_all
from cachedb.layout.fingerprint import JOURNAL as NAME
from cachedb.limits import JOURNAL_BYTES
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

VERSION: Final = 1
_FORMAT: Final = "cachedb journal"
_HEAD_BYTES: Final = 256
_SPARE_BYTES: Final = 1 << 20
_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND


class Position(NamedTuple):
    """Place in a journal up to which it was read: the id of the file, and an offset in bytes."""

    key: str
    """Random id of the file, which changes when it is rewritten."""
    offset: int
    """Bytes before the position."""

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse the text of a position; None if it is none."""
        key, colon, offset = (text or "").rpartition(":")
        return cls(key, int(offset)) if colon and offset.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.key}:{self.offset}"


class Tail(NamedTuple):
    """Records behind a position, oldest first, and the position behind them.

    `is_whole` is true if they are all records of the file, because the position was not of it.
    `is_due` is true if the file has grown so far that it should be rewritten.
    """

    records: tuple[dict[str, Any], ...]
    """Records, oldest first."""
    position: Position
    is_whole: bool
    is_due: bool


def append(private: int, record: Mapping[str, Any], *, timeout: float | None = None) -> bool:
    """Append a record to the journal in the directory `private`; return whether to rewrite it.

    Costs no fsync. The record is lost if the power fails within seconds.

    Raises:
        SchemaTooNew: A newer cachedb has written the file.
        CacheBusy: Another process holds the lock for longer than `timeout` seconds.
        StorageFailed: The file system refused.
    """
    with (
        locks.journal(private, timeout=timeout),
        storing(f"write {NAME}"),
        closing(open_regular(private, NAME, _APPEND)) as descriptor,
    ):
        return _append(descriptor, record)


def append_durably(private: int, record: Mapping[str, Any]) -> None:
    """Append a record as `append` does, and sync the file: it survives a power loss.

    Costs two calls of fsync.

    Raises:
        StorageFailed: The file cannot be written.
        CacheBusy: Another process has held `journal.lock` for too long.
    """
    with locks.journal(private), storing(f"write {NAME}"):
        with closing(open_regular(private, NAME, _APPEND)) as descriptor:
            _append(descriptor, record)
            os.fsync(descriptor)
        os.fsync(private)


def read(private: int, position: Position | None) -> Tail | None:
    """Read the records behind a position; all if it is not of this file; None without a file.

    Takes no lock: a record that is being written is read the next time.

    Raises:
        SchemaTooNew: A newer cachedb has written the file.
        NotALayout: It is not a regular file, or other users may write it.
        LimitExceeded: It is larger than JOURNAL_BYTES.
        StorageFailed: The file cannot be read.
    """
    try:
        descriptor = open_file(private, NAME)
    except FileNotFoundError:
        return None
    with closing(descriptor), storing(f"read {NAME}"):
        size = _check(descriptor)
        header = _header(descriptor)
        key = _key(header)
        is_whole = position is None or not key or position.key != key or position.offset > size
        start = 0 if is_whole or position is None else position.offset
        content = _read(descriptor, start, size)
    end = content.rfind(b"\n") + 1
    records = tuple(_records(content[:end]))
    return Tail(
        records=records,
        position=Position(key, start + end),
        is_whole=is_whole,
        is_due=_is_due(header, size),
    )


def rewrite(private: int, records: Iterable[Mapping[str, Any]]) -> Position:
    """Replace the journal, atomically and durably; return the position behind `records`.

    The caller has held `locks.journal` since before it read the records.
    """
    key = os.urandom(8).hex()
    lines = b"".join(map(_line, records))
    content = _head(key, len(lines)) + lines
    replace_file(private, private, NAME, content)
    return Position(key, len(content))


def _append(descriptor: int, record: Mapping[str, Any]) -> bool:
    size = os.fstat(descriptor).st_size
    if size == 0:
        write_all(descriptor, _head(os.urandom(8).hex(), 0) + _line(record))
        return False
    header = _header(descriptor)
    _refuse_newer(header)
    is_torn = os.pread(descriptor, 1, size - 1) != b"\n"
    write_all(descriptor, (b"\n" if is_torn else b"") + _line(record))
    return _is_due(header, size)


def _check(descriptor: int) -> int:
    """Return the size of a journal that only its owner can write and that can be read."""
    found = os.fstat(descriptor)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotALayout(f".cachedb/{NAME}", "other users may write it", hint="chmod go-w on it")
    if os.geteuid() not in {0, found.st_uid} and found.st_uid != 0:
        raise NotALayout(f".cachedb/{NAME}", "it belongs to another user")
    JOURNAL_BYTES.check(found.st_size, f".cachedb/{NAME}")
    _refuse_newer(_header(descriptor))
    return found.st_size


def _refuse_newer(header: Mapping[str, Any]) -> None:
    version = header.get("version")
    if isinstance(version, int) and version > VERSION:
        raise SchemaTooNew(
            f".cachedb/{NAME} has version {version} and this cachedb knows {VERSION}",
            hint="use the newer cachedb",
        )


def _key(header: Mapping[str, Any]) -> str:
    key = header.get("id")
    return key if isinstance(key, str) and key.isalnum() else ""


def _is_due(header: Mapping[str, Any], size: int) -> bool:
    """Return whether a journal has more than doubled since it was rewritten, beyond a spare."""
    rewritten = header.get("rewritten")
    return size > 2 * (rewritten if isinstance(rewritten, int) else 0) + _SPARE_BYTES


def _header(descriptor: int) -> dict[str, Any]:
    line = os.pread(descriptor, _HEAD_BYTES, 0).partition(b"\n")[0]
    found = _parse(line)
    return found if found is not None and found.get("format") == _FORMAT else {}


def _head(key: str, rewritten: int) -> bytes:
    return _line({"format": _FORMAT, "version": VERSION, "id": key, "rewritten": rewritten})


def _line(record: Mapping[str, Any]) -> bytes:
    # ASCII: a name may hold a lone surrogate, which UTF-8 cannot encode.
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _read(descriptor: int, start: int, end: int) -> bytes:
    parts: list[bytes] = []
    while start < end and (part := os.pread(descriptor, min(end - start, 1 << 20), start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.split(b"\n"):
        found = _parse(line)
        if found is not None and isinstance(found.get("op"), str):
            yield found


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
