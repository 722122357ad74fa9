"""A file to read from, over pieces that are made as they are asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class ChunkReader(io.RawIOBase):
    """Reads what a generator yields; closing it ends the generator.

    An error of the generator comes out of the read that needed what it would have yielded.
    """

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a part of `buffer` with the next bytes; 0 at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        found = self._left[: len(buffer)]
        buffer[: len(found)] = found
        self._left = self._left[len(found) :]
        return len(found)

    def close(self) -> None:
        """End the generator, which closes what it has open."""
        self._chunks.close()
        super().close()
