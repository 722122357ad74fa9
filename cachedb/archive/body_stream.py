"""Readable stream over the content of one member of an archive."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK: Final = 1024 * 1024


class BodyStream(io.RawIOBase):
    """Raw stream over what `read_next` of a subclass returns."""

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        raise NotImplementedError

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a part of `buffer` with the next bytes; 0 at the end."""
        found = self.read_next(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or all; none at the end."""
        return self.read_next(size) if size >= 0 else b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest of the content in chunks of at most 1 MiB."""
        while chunk := self.read_next(CHUNK):
            yield chunk
