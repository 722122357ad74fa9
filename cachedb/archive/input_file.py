"""Input file: an archive to read."""

from __future__ import annotations

from typing import BinaryIO

from cachedb.errors import StorageFailed


def opened(path: str) -> BinaryIO:
    """Open an archive; the caller closes it.

    Raises:
        StorageFailed: There is no such file, or it cannot be read.
    """
    try:
        return open(path, "rb")
    except OSError as error:
        raise StorageFailed.of(error, f"read {path!r}") from error
