"""One HTTP response: status, headers, and a body that is read once and within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from cachedb.errors import RegistryUnavailable, WrongContent
from cachedb.limits import KIB, MIB
from cachedb.registry.http import content_coding
from cachedb.registry.http.connection_errors import interrupted
from cachedb.registry.http.origin import Origin, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from urllib3.response import BaseHTTPResponse

    from cachedb.limits import Limit
    from cachedb.registry.http.proxies import Proxy
    from cachedb.registry.http.request import Request

CHUNK_BYTES = MIB
_WORTH_DRAINING = 64 * KIB


class Response:
    """The response to `request`; `proxy` is the one that forwarded it, if any."""

    def __init__(self, raw: BaseHTTPResponse, request: Request, proxy: Proxy | None) -> None:
        self._raw = raw
        self.request = request
        self.proxy = proxy
        self.status: int = raw.status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After an error or Ctrl-C the rest of the body is not read.
        if kind is None:
            self.close()
        else:
            self._disconnect()

    @property
    def url(self) -> str:
        """The URL that was requested."""
        return self.request.url

    @property
    def origin(self) -> Origin:
        """The origin that responded."""
        return Origin.of(self.request.url)

    def header(self, name: str) -> str | None:
        """Return the value of a header; the values of several lines are joined by commas."""
        return self._raw.headers.get(name)

    def header_lines(self, name: str) -> Sequence[str]:
        """Return the value of every header of that name, in order."""
        return self._raw.headers.getlist(name)

    @property
    def codings(self) -> tuple[str, ...]:
        """Names of the content codings that the headers state, in the order they were applied."""
        return content_coding.codings_in(self.header_lines("Content-Encoding"))

    def read(self, limit: Limit, what: str) -> bytes:
        """Return the whole document, with its content codings undone if it has any.

        Raises:
            LimitExceeded: The body, or its declared length, exceeds `limit`.
            RegistryUnavailable: The connection broke.
            WrongContent: The content coding cannot be undone.
        """
        limit.check(int(self._raw.length_remaining or 0), what)
        found = bytearray()
        for chunk in self._document():
            found += chunk
            limit.check(len(found), what)
        return bytes(found)

    def read_start(self, size: int) -> bytes:
        """Return up to `size` bytes of a document, fewer if the connection breaks."""
        found = bytearray()
        try:
            for chunk in self._document():
                found += chunk
                if len(found) >= size:
                    break
        except (RegistryUnavailable, WrongContent):
            pass  # the response is an error already; its text is optional
        return bytes(found[:size])

    def chunks(self) -> Iterator[bytes]:
        """Yield the coded body as it arrives, in pieces of up to a MiB.

        Content codings are not undone. Bytes that arrived before a connection broke are yielded
        before the error is raised.
        """
        while True:
            try:
                piece = self._raw.read1(CHUNK_BYTES, decode_content=False)
            except (HTTPError, ValueError, OSError) as error:
                raise interrupted(self.url, error, self.proxy) from error
            if not piece:
                return
            yield piece

    def decoded_chunks(self) -> Iterator[bytes]:
        """Yield the body with its content codings undone, in pieces of up to a MiB.

        Raises:
            WrongContent: The body does not have the codings that the headers state.
        """
        return content_coding.decoded(self.chunks(), self.codings, repr(redact(self.url)))

    def close(self) -> None:
        """Return the connection to its pool, or close it if more than 64 KiB are unread."""
        raw = self._raw
        try:
            if raw.length_remaining is not None and raw.length_remaining <= _WORTH_DRAINING:
                raw.read(decode_content=False)
        except (HTTPError, ValueError, OSError):
            pass  # it is closed below in any case
        finally:
            self._disconnect()

    def _document(self) -> Iterator[bytes]:
        return content_coding.decoded_document(self.chunks(), self.codings, repr(redact(self.url)))

    def _disconnect(self) -> None:
        """Close the connection, unless the body was read and the connection is in its pool."""
        self._raw.close()
        self._raw.release_conn()
