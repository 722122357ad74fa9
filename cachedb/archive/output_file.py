"""Output file of an archive: it appears complete, or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from cachedb.errors import InvalidInput, StorageFailed
from cachedb.system_calls import SlicedSync, free_behind, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    _Write = Callable[[bytes], object]

_BUFFER = 256 * 1024
"""Bytes that are collected before they are written: many members are a header of 512 bytes."""


def write(path: str, chunks: Iterable[bytes]) -> None:
    """Write `chunks` to a file, which is replaced when all of them are written and durable.

    A pipe or a device is written to directly.

    Raises:
        StorageFailed: The file system refused. An existing file is unchanged.
    """
    with _writing(os.path.realpath(path)) as write_chunk:
        for chunk in chunks:
            with _saying(path):
                write_chunk(chunk)


def refuse_inside(root: Path, path: str) -> None:
    """Refuse a file of the cache in `root`: index.json, a blob, the catalog.

    Raises:
        InvalidInput: The file is inside of the cache.
    """
    if os.path.commonpath([os.path.realpath(root), os.path.realpath(path)]) == os.path.realpath(
        root
    ):
        raise InvalidInput(
            f"{path!r} is inside the cache {str(root)!r}", hint="name a file outside of the cache"
        )


@contextmanager
def _writing(target: str) -> Iterator[_Write]:
    with _saying(target):
        mode = _mode_of(target)
    if mode is None or stat.S_ISREG(mode):
        with _replacing(target, mode) as write_chunk:
            yield write_chunk
    else:
        with _opened(target, os.O_WRONLY, target) as out:
            yield out.write


@contextmanager
def _replacing(target: str, mode: int | None) -> Iterator[_Write]:
    temporary = os.path.join(os.path.dirname(target), f".cachedb-{os.urandom(8).hex()}")
    with _opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, target) as out:
        slices = SlicedSync(out.fileno())

        def write_chunk(chunk: bytes) -> None:
            out.write(chunk)
            slices.wrote(len(chunk))

        try:
            yield write_chunk
            with _saying(target):
                out.flush()
                if mode is not None:
                    os.fchmod(out.fileno(), stat.S_IMODE(mode))
                sync(out.fileno())
                os.rename(temporary, target)
        except BaseException as error:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            if isinstance(error, KeyboardInterrupt):
                free_behind(out.fileno())
            raise


@contextmanager
def _opened(path: str, flags: int, wanted: str) -> Iterator[BinaryIO]:
    """Open a temporary file; an error names the file that it will replace."""
    with _saying(wanted):
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb", _BUFFER) as out:
        yield out


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _saying(path: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageFailed.of(error, f"write {path!r}") from error
