"""Decompression of gzip and zstd, detected by magic number and not by media type."""

from __future__ import annotations

import io
import sys
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from cachedb.archive.body_stream import BodyStream
from cachedb.errors import InvalidArchive

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports.zstd import ZstdDecompressor, ZstdError
else:
    from compression.zstd import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    import zlib as inflating
else:
    try:
        # Reads gzip in half the time. What cachedb compresses is written by zlib: the bytes of
        # others differ, and with them the digests.
        from isal import isal_zlib as inflating
    except ImportError:  # there is no wheel for this platform
        inflating = zlib

_CHUNK = 256 * 1024
_LONGEST_MAGIC = 6
_GZIP_WITH_HEADER = 31
_FLAGS = slice(3, 4)
# No optional field, or a file name. isal refuses a header with several of them that arrives in
# pieces (findings/isal-refuses-split-gzip-headers.sh).
_PLAIN_HEADERS = frozenset({b"\0", b"\x08"})


class Compression(StrEnum):
    """Compression of a layer or an archive; the value is the suffix of OCI's media types."""

    NONE = ""
    GZIP = "gzip"
    ZSTD = "zstd"


_OTHER_FORMATS = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip"}


def sniff(head: bytes) -> Compression:
    """Detect the compression by the first four bytes or more."""
    if head.startswith(b"\x1f\x8b"):
        return Compression.GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or _is_skippable_frame(head):
        return Compression.ZSTD
    return Compression.NONE


def _is_skippable_frame(head: bytes) -> bool:
    # zstd allows a skippable frame before the first real one.
    return head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5  # noqa: PLR2004


class Decompressed(io.BufferedReader):
    """A stream of decompressed bytes; `compression` is the format of the source.

    The source is read only as far as each read requires, to its end, and its checksum is checked.
    A short read means the end of the stream. Closing leaves the source open.

    Raises:
        InvalidArchive: While reading: the compressed data are damaged or cut short.
    """

    def __init__(self, source: BinaryIO, *, name: str) -> None:
        head = _read_fully(source, _LONGEST_MAGIC)
        for magic, format_name in _OTHER_FORMATS.items():
            if head.startswith(magic):
                raise InvalidArchive(name, f"is compressed with {format_name}, not gzip or zstd")
        self.compression: Compression = sniff(head)
        raw: io.RawIOBase
        if self.compression is Compression.NONE:
            raw = _Plain(source, head)
        else:
            raw = _Inflating(source, head, self.compression, name)
        super().__init__(raw, _CHUNK)


class _Decoder(Protocol):
    """Decoder of one gzip member or one zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...


class _GzipMember:
    """A decompressor of gzip with the interface of the others in the standard library."""

    def __init__(self, head: bytes) -> None:
        if head[_FLAGS] in _PLAIN_HEADERS:
            self._inner = inflating.decompressobj(_GZIP_WITH_HEADER)
        else:
            self._inner = zlib.decompressobj(_GZIP_WITH_HEADER)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        found = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(found) < max_length
        return found


class _Inflating(BodyStream):
    """The content of all gzip members or zstd frames of a source, one after the other."""

    def __init__(self, source: BinaryIO, head: bytes, compression: Compression, name: str) -> None:
        self._source = source
        self._input = head
        self._compression = compression
        self._name = name
        self._decoder = self._new_decoder()

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end of the last member."""
        while True:
            if self._decoder.eof and not self._starts_another():
                return b""
            if not self._input and self._decoder.needs_input:
                self._input = self._source.read(_CHUNK)
                if not self._input:
                    raise InvalidArchive(self._name, f"the {self._compression} data are truncated")
            found = self._decode(size)
            if found:
                return found

    def _decode(self, at_most: int) -> bytes:
        given, self._input = self._input, b""
        try:
            return self._decoder.decompress(given, at_most)
        except (zlib.error, inflating.error, ZstdError) as error:
            why = f"the {self._compression} data are damaged: {error}"
            raise InvalidArchive(self._name, why) from error

    def _starts_another(self) -> bool:
        rest = self._decoder.unused_data or self._source.read(_CHUNK)
        # gzip files on tapes and in some archives are padded with zeros.
        while rest and self._compression is Compression.GZIP and not rest.strip(b"\0"):
            rest = self._source.read(_CHUNK)
        if not rest:
            return False
        self._input = rest
        self._decoder = self._new_decoder()
        return True

    def _new_decoder(self) -> _Decoder:
        if self._compression is Compression.GZIP:
            return _GzipMember(self._input)
        return ZstdDecompressor()


class _Plain(BodyStream):
    """A source of which the first bytes have been read already."""

    def __init__(self, source: BinaryIO, head: bytes) -> None:
        self._source = source
        self._head = head

    def read_next(self, size: int) -> bytes:
        """Return up to `size` bytes: first those that have been read, then those of the source."""
        found = self._head[:size] or self._source.read(size)
        self._head = self._head[len(found) :]
        return found


def _read_fully(source: BinaryIO, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = source.read(size - len(found))
        if not more:
            break
        found += more
    return found
