"""Content codings of HTTP responses: gzip, deflate and zstd, undone within limits (RFC 9110, 8.4).

A request asks for ``identity``. Proxies compress nevertheless, and web servers label a layer with
its own compression; so the header is a hint, and the digest decides.
"""

from __future__ import annotations

import sys
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from cachedb.errors import WrongContent
from cachedb.limits import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PIECE = MIB
_LONGEST_MAGIC = 4
_MOST_CODINGS = 2
# A coded body may be longer than its content by headers and stored blocks only.
_OVERHEAD = 64 * KIB
_GZIP_WITH_HEADER = 31
_ALIASES = {"x-gzip": "gzip"}
# RFC 9659: a decoder of the coding zstd has to offer a window of 8 MiB, and no more.
_ZSTD_WINDOW_LOG = 23


def codings_in(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the codings that Content-Encoding lines name, in the order they were applied.

    Example:
        >>> codings_in(["X-GZIP, identity"])
        ('gzip',)
    """
    names = (name.strip().lower() for line in lines for name in line.split(","))
    found = (_ALIASES.get(name, name) for name in names if name)
    return tuple(name for name in found if name != "identity")


def decoded(chunks: Iterable[bytes], codings: tuple[str, ...], what: str) -> Iterator[bytes]:
    """Undo codings, the outermost first; yield pieces of up to a MiB, as they arrive.

    Memory is bounded by the piece and the window of the coding; a body of more than twice
    its decoded length is refused.

    Raises:
        WrongContent: The coding is unknown, or the bytes are not in it.
    """
    if len(codings) > _MOST_CODINGS:
        raise WrongContent(what, f"it has {len(codings)} content codings")
    for coding in reversed(codings):
        chunks = _without(coding, chunks, what)
    yield from chunks


def decoded_document(
    chunks: Iterable[bytes], codings: tuple[str, ...], what: str
) -> Iterator[bytes]:
    """Undo the codings of a JSON document that a proxy may have compressed.

    Raises:
        WrongContent: It is neither JSON nor in a coding that can be undone.
    """
    pieces = iter(chunks)
    held: list[bytes] = []
    head = b""
    while len(head) < _LONGEST_MAGIC and (piece := next(pieces, None)) is not None:
        held.append(piece)
        head += piece
    if not codings or not head or head.lstrip()[:1] in {b"{", b"["}:
        yield from held
        yield from pieces
    else:
        yield from decoded(_chained(held, pieces), codings, what)


def _chained(held: Iterable[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield from held
    yield from pieces


class _Decompressor(Protocol):
    """The interface that the decompressors of zlib and zstd share."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...


def _without(coding: str, chunks: Iterable[bytes], what: str) -> Iterator[bytes]:
    received = produced = 0
    frames = _Frames(coding, what)
    for chunk in chunks:
        received += len(chunk)
        for piece in frames.decode(chunk):
            produced += len(piece)
            yield piece
        if received > 2 * produced + _OVERHEAD:
            raise WrongContent(what, f"{received} bytes of {coding!r} decode to {produced}")
    frames.check_end()


class _Frames:
    """A decoder of consecutive frames of one coding: members of gzip, frames of zstd."""

    def __init__(self, coding: str, what: str) -> None:
        self._coding = coding
        self._what = what
        self._current: _Decompressor | None = None

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decoded content of a chunk."""
        errors = _errors_of(self._coding)
        while chunk:
            if self._current is None:
                self._current = _decompressor(self._coding, self._what)
            try:
                yield from _drained(self._current, chunk)
            except errors as error:
                raise WrongContent(self._what, f"it is not {self._coding!r} throughout") from error
            chunk = self._current.unused_data if self._current.eof else b""
            if self._current.eof:
                self._current = None

    def check_end(self) -> None:
        """Refuse a body that ends inside of a frame."""
        if self._current is not None:
            raise WrongContent(self._what, f"its {self._coding!r} coding ends early")


def _drained(decompressor: _Decompressor, chunk: bytes) -> Iterator[bytes]:
    """Feed one chunk, and yield its output piece by piece."""
    while True:
        piece = decompressor.decompress(chunk, _PIECE)
        if piece:
            yield piece
        # zlib returns unread input in unconsumed_tail; zstd keeps it, and has needs_input.
        chunk = getattr(decompressor, "unconsumed_tail", b"")
        has_more = bool(chunk) or not getattr(decompressor, "needs_input", True)
        if decompressor.eof or not (has_more or len(piece) == _PIECE):
            return


def _decompressor(coding: str, what: str) -> _Decompressor:
    match coding:
        case "gzip":
            return zlib.decompressobj(_GZIP_WITH_HEADER)
        case "deflate":
            return zlib.decompressobj()
        case "zstd":
            zstd = _zstd()
            options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
            return cast("_Decompressor", zstd.ZstdDecompressor(options=options))
        case _:
            raise WrongContent(
                what, f"it has the content coding {coding[:40]!r}, which is not supported"
            )


def _zstd() -> Any:
    """Import zstd on first use: few responses need it."""
    return import_module("backports.zstd" if sys.version_info < (3, 14) else "compression.zstd")


def _errors_of(coding: str) -> tuple[type[Exception], ...]:
    return (_zstd().ZstdError,) if coding == "zstd" else (zlib.error,)
