"""Blobs of a registry: streamed from any offset, counted and not hashed."""

from __future__ import annotations

from contextlib import contextmanager
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
    from collections.abc import Callable, Iterator

    from cachedb.oci.descriptor import Descriptor
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.transport import Answer

# Who sends less than this in a connection has not made progress that earns another attempt.
_PROGRESS = MIB


class Sink(Protocol):
    """Where the bytes of a blob go; it hashes them."""

    @property
    def offset(self) -> int:
        """How many bytes it has."""

    def write(self, chunk: bytes, /) -> object:
        """Append bytes."""

    def restart(self) -> object:
        """Forget all bytes."""


class BlobStream:
    """The body of a blob from `offset` on; iterate it once."""

    def __init__(self, offset: int, descriptor: Descriptor, answer: Answer | None) -> None:
        self.offset = offset
        self._descriptor = descriptor
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces as they come.

        Raises:
            RegistryUnavailable: The body ends early; what came before has been yielded.
            WrongContent: There is more than the descriptor says.
        """
        position, size = self.offset, self._descriptor.size
        for chunk in self._answer.chunks() if self._answer is not None else ():
            position += len(chunk)
            if position > size:
                raise WrongContent(
                    f"blob {self._descriptor.digest}", f"it is longer than {size} bytes"
                )
            yield chunk
        if position < size:
            raise RegistryUnavailable(
                f"blob {self._descriptor.digest} ends after {position} of {size} bytes"
            )


@contextmanager
def stream(
    endpoint: Endpoint, repository: str, descriptor: Descriptor, offset: int = 0
) -> Iterator[BlobStream]:
    """Open a blob for reading from `offset` on, or from 0 if the registry cannot do that.

    Raises:
        BlobNotFound: The registry does not have it.
        WrongContent: It offers another size.
        InvalidDigest: We cannot compute its digest, so it is not fetched.
    """
    with _open(endpoint.ask, endpoint, repository, descriptor, offset) as body:
        yield body


def download(endpoint: Endpoint, repository: str, descriptor: Descriptor, sink: Sink) -> None:
    """Bring a blob into `sink`, going on where it stopped when the connection breaks.

    Attempts are limited by what they bring: a server that sends a few bytes a connection is
    given up.
    """
    attempt, earned = 0, sink.offset + _PROGRESS
    while True:
        try:
            # Not endpoint.ask: attempts at the request would multiply the attempts here.
            with _open(endpoint.ask_once, endpoint, repository, descriptor, sink.offset) as body:
                if body.offset != sink.offset:
                    sink.restart()
                for chunk in body:
                    sink.write(chunk)
        except (RegistryUnavailable, RateLimited) as error:
            if sink.offset >= earned:
                attempt, earned = 0, sink.offset + _PROGRESS
            if attempt >= endpoint.settings.patience.retries:
                raise
            endpoint.wait(attempt, Failure.of(error))
            attempt += 1
        else:
            return


def is_there(endpoint: Endpoint, repository: str, digest: Digest) -> bool:
    """Check whether a repository has a blob, with one HEAD where the registry allows it.

    Raises:
        RegistryError: The registry answers with neither yes nor no.
    """
    path = _path(endpoint, repository, digest)
    access = endpoint.pulling(repository)
    with endpoint.ask("HEAD", path, access) as answer:
        if answer.status not in HEAD_REFUSED:
            return _is_yes(answer, digest)
    with endpoint.ask("GET", path, access, {"Range": "bytes=0-0"}) as answer:
        return _is_yes(answer, digest)


def _is_yes(answer: Answer, digest: Digest) -> bool:
    if answer.status == HTTPStatus.NOT_FOUND:
        return False
    # 416: an empty blob has no first byte.
    if answer.status in {
        HTTPStatus.OK,
        HTTPStatus.PARTIAL_CONTENT,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }:
        return True
    raise api_errors.error_of(answer, f"look for blob {digest}")


@contextmanager
def _open(
    ask: Callable[..., Answer],
    endpoint: Endpoint,
    repository: str,
    descriptor: Descriptor,
    offset: int,
) -> Iterator[BlobStream]:
    digest = Digest(descriptor.digest)
    if 0 < offset == descriptor.size:
        yield BlobStream(offset, descriptor, None)
        return
    ranges = {"Range": f"bytes={offset}-"} if offset else {}
    path = _path(endpoint, repository, digest)
    with ask("GET", path, endpoint.pulling(repository), ranges) as answer:
        yield BlobStream(_start_of(answer, endpoint, descriptor, offset), descriptor, answer)


def _path(endpoint: Endpoint, repository: str, digest: Digest) -> str:
    return endpoint.path(repository, f"blobs/{path_segment(digest)}")


def _start_of(answer: Answer, endpoint: Endpoint, descriptor: Descriptor, offset: int) -> int:
    """Return where the body of an answer starts, after checking that it is the right body."""
    what = f"blob {descriptor.digest}"
    match answer.status:
        case HTTPStatus.OK:
            start = 0
        case HTTPStatus.PARTIAL_CONTENT if offset:
            start = offset
            if headers.content_range_start(answer.header("Content-Range") or "") != offset:
                raise WrongContent(what, "the registry sends another range than asked for")
        case HTTPStatus.NOT_FOUND:
            raise BlobNotFound(descriptor.digest, f"{endpoint} does not have {what}")
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise WrongContent(what, f"the registry has no bytes after {offset}")
        case _:
            raise api_errors.error_of(answer, f"pull {what}")
    length = headers.content_length(answer.header_lines("Content-Length"))
    if length is not None and start + length != descriptor.size:
        raise WrongContent(
            what, f"the registry offers {start + length} bytes, not {descriptor.size}"
        )
    return start
