"""Blobs of a registry: streamed from any offset, counted and not hashed."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from cachedb.errors import BlobNotFound, RateLimited, RegistryUnavailable, WrongContent
from cachedb.limits import MIB
from cachedb.oci.digest import Digest
from cachedb.registry.endpoint import HEAD_REFUSED
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.api_errors import Failure
from cachedb.registry.http.origin import path_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cachedb.oci.descriptor import Descriptor
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.response import Response

# A connection that transfers less than this does not reset the number of attempts.
_PROGRESS = MIB


class Sink(Protocol):
    """Destination of a download; it checks the digest."""

    @property
    def offset(self) -> int:
        """Bytes received so far."""

    def write(self, chunk: bytes, /) -> object:
        """Append bytes."""

    def restart(self) -> object:
        """Discard all bytes."""


class CheckedSink(Sink, Protocol):
    """Sink that knows the size and the digest of the blob."""

    def check(self) -> object:
        """Compare size and hash of the bytes written with those declared.

        Raises:
            CorruptBlob: They differ.
        """


class _Reading(Enum):
    """Interpretation of a body with a content coding: as sent, or decoded."""

    AS_SENT = auto()
    DECODED = auto()


class _Misread(Exception):
    """One interpretation of a coded body does not have the digest; the other may."""

    def __init__(self, error: WrongContent, other: _Reading) -> None:
        super().__init__(str(error))
        self.error = error
        self.other = other


class BlobStream:
    """The body of a blob from `offset` on; iterate it once."""

    def __init__(
        self,
        offset: int,
        descriptor: Descriptor,
        response: Response | None,
        reading: _Reading | None = None,
    ) -> None:
        self.offset = offset
        self._descriptor = descriptor
        self._response = response
        self._reading = reading

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces as they arrive.

        Raises:
            RegistryUnavailable: The body ends early; the bytes before that have been yielded.
            WrongContent: The body is longer than the descriptor says, or no reading of its content
            coding has the digest.
        """
        response, offset, descriptor = self._response, self.offset, self._descriptor
        if response is None:
            return
        if not response.codings:
            yield from _counted(response.chunks(), offset, descriptor)
        elif reading := self._reading or _only_reading(response, offset, descriptor):
            yield from _counted(_read_as(reading, response), offset, descriptor)
        else:
            yield from _guessed(response, offset, descriptor)


def _counted(chunks: Iterable[bytes], position: int, descriptor: Descriptor) -> Iterator[bytes]:
    size = descriptor.size
    for chunk in chunks:
        position += len(chunk)
        if position > size:
            raise WrongContent(f"blob {descriptor.digest}", f"it is longer than {size} bytes")
        yield chunk
    if position < size:
        raise RegistryUnavailable(
            f"blob {descriptor.digest} ends after {position} of {size} bytes"
        )


def _read_as(reading: _Reading, response: Response) -> Iterator[bytes]:
    return response.chunks() if reading is _Reading.AS_SENT else response.decoded_chunks()


def _guessed(response: Response, offset: int, descriptor: Descriptor) -> Iterator[bytes]:
    """Yield a body with a content coding in the likelier reading, and check the digest.

    A web server may state the coding that a layer has as a file; a proxy may have compressed the
    body. Only the digest distinguishes the two.
    """
    what = f"blob {descriptor.digest}"
    reading = _likely(response, descriptor)
    other = _Reading.DECODED if reading is _Reading.AS_SENT else _Reading.AS_SENT
    hasher = Digest(descriptor.digest).hasher()
    try:
        for chunk in _counted(_read_as(reading, response), offset, descriptor):
            hasher.update(chunk)
            yield chunk
    except WrongContent as error:
        raise _Misread(error, other) from error
    except RegistryUnavailable as error:
        if error.unanswered:
            raise
        raise _Misread(WrongContent(what, str(error)), other) from error
    # Only the sink has the bytes before the offset.
    if not offset and hasher.hexdigest() != Digest(descriptor.digest).encoded:
        wrong = WrongContent(what, "its decoded content has another digest")
        raise _Misread(wrong, other)


def _only_reading(response: Response, offset: int, descriptor: Descriptor) -> _Reading | None:
    """Return the only reading that the length allows, None if both are possible."""
    length = headers.content_length(response.header_lines("Content-Length"))
    is_other = length is not None and offset + length != descriptor.size
    return _Reading.DECODED if is_other else None


def _likely(response: Response, descriptor: Descriptor) -> _Reading:
    has_length = headers.content_length(response.header_lines("Content-Length")) is not None
    has_suffix = any(descriptor.media_type.endswith(coding) for coding in response.codings)
    return _Reading.AS_SENT if has_length or has_suffix else _Reading.DECODED


@contextmanager
def stream(
    endpoint: Endpoint, repository: str, descriptor: Descriptor, offset: int = 0
) -> Iterator[BlobStream]:
    """Open a blob for reading from `offset` on, or from 0 if the registry serves no ranges.

    Raises:
        BlobNotFound: The registry does not have it.
        WrongContent: The size differs from the descriptor's.
        InvalidDigest: The algorithm is not supported, so the blob cannot be verified.
    """
    try:
        with _open(endpoint.request, endpoint, repository, descriptor, offset) as body:
            yield body
    except _Misread as misread:
        raise misread.error from misread


def download(endpoint: Endpoint, repository: str, descriptor: Descriptor, sink: Sink) -> None:
    """Download a blob into `sink`, resuming where it stopped when the connection breaks.

    Attempts are limited by their progress: a server that sends less than a MiB per connection gets
    no more than the retries of the settings. A body with a content coding is read as it is sent
    and decoded, the likelier one first, until one has the digest.
    """
    attempt, earned = 0, sink.offset + _PROGRESS
    reading: _Reading | None = None
    while True:
        try:
            _receive(endpoint, repository, descriptor, sink, reading)
        except _Misread as misread:
            reading, earned = misread.other, _PROGRESS
            sink.restart()
        except (RegistryUnavailable, RateLimited) as error:
            if sink.offset >= earned:
                attempt, earned = 0, sink.offset + _PROGRESS
            if attempt >= endpoint.settings.deadlines.retries:
                raise
            endpoint.back_off(attempt, Failure.of(error))
            attempt += 1
        else:
            return


def _receive(
    endpoint: Endpoint,
    repository: str,
    descriptor: Descriptor,
    sink: Sink,
    reading: _Reading | None,
) -> None:
    # A range counts bytes of the coded body, so a decoded body cannot be resumed.
    offset = 0 if reading is _Reading.DECODED else sink.offset
    # Not endpoint.request: its attempts would multiply those of download().
    send = endpoint.request_once
    with _open(send, endpoint, repository, descriptor, offset, reading) as body:
        if body.offset != sink.offset:
            sink.restart()
        for chunk in body:
            sink.write(chunk)


def exists(endpoint: Endpoint, repository: str, digest: Digest) -> bool:
    """Check whether a repository has a blob, with one HEAD, or a GET where HEAD is refused.

    Raises:
        RegistryError: The status of the response is unexpected.
    """
    path = _path(endpoint, repository, digest)
    access = endpoint.pulling(repository)
    with endpoint.request("HEAD", path, access) as response:
        if response.status not in HEAD_REFUSED:
            return _is_yes(response, digest)
    with endpoint.request("GET", path, access, {"Range": "bytes=0-0"}) as response:
        return _is_yes(response, digest)


def _is_yes(response: Response, digest: Digest) -> bool:
    if response.status == HTTPStatus.NOT_FOUND:
        return False
    # 416: an empty blob has no first byte.
    if response.status in {
        HTTPStatus.OK,
        HTTPStatus.PARTIAL_CONTENT,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }:
        return True
    raise api_errors.error_of(response, f"look for blob {digest}")


@contextmanager
def _open(
    send: Callable[..., Response],
    endpoint: Endpoint,
    repository: str,
    descriptor: Descriptor,
    offset: int,
    reading: _Reading | None = None,
) -> Iterator[BlobStream]:
    digest = Digest(descriptor.digest)
    if 0 < offset == descriptor.size:
        yield BlobStream(offset, descriptor, None)
        return
    ranges = {"Range": f"bytes={offset}-"} if offset else {}
    path = _path(endpoint, repository, digest)
    with send("GET", path, endpoint.pulling(repository), ranges) as response:
        start = _start_of(response, endpoint, descriptor, offset)
        yield BlobStream(start, descriptor, response, reading)


def _path(endpoint: Endpoint, repository: str, digest: Digest) -> str:
    return endpoint.path(repository, f"blobs/{path_segment(digest)}")


def _start_of(response: Response, endpoint: Endpoint, descriptor: Descriptor, offset: int) -> int:
    """Return the offset at which the body starts, after checking that it is the right body."""
    what = f"blob {descriptor.digest}"
    match response.status:
        case HTTPStatus.OK:
            start = 0
        case HTTPStatus.PARTIAL_CONTENT if offset:
            start = offset
            if headers.content_range_start(response.header("Content-Range") or "") != offset:
                raise WrongContent(what, "the registry sent another range than requested")
        case HTTPStatus.NOT_FOUND:
            raise BlobNotFound(descriptor.digest, f"{endpoint} does not have {what}")
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise WrongContent(what, f"the registry has no bytes after {offset}")
        case _:
            raise api_errors.error_of(response, f"pull {what}")
    if response.codings:
        _check_range(response, descriptor, start)
        return start
    length = headers.content_length(response.header_lines("Content-Length"))
    if length is not None and start + length != descriptor.size:
        raise WrongContent(
            what, f"the registry offers {start + length} bytes, not {descriptor.size}"
        )
    return start


def _check_range(response: Response, descriptor: Descriptor, start: int) -> None:
    """Refuse to resume with a range of a body that is longer or shorter than the blob."""
    total = headers.content_range_total(response.header("Content-Range") or "")
    if start and total != descriptor.size:
        error = WrongContent(f"blob {descriptor.digest}", "the range is one of a coded body")
        raise _Misread(error, _Reading.DECODED)
