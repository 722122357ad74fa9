"""Uploads: from nothing to a blob in a repository, with as little sent as possible."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import (
    CorruptBlob,
    RateLimited,
    RegistryError,
    RegistryUnavailable,
    StorageFailed,
    UntrustedOrigin,
    WrongContent,
)
from cachedb.limits import MIB
from cachedb.oci.digest import Digest
from cachedb.registry import blobs
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.api_errors import Failure
from cachedb.registry.http.origin import Origin, path_segment, redact, resolve
from cachedb.registry.http.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from cachedb.oci.descriptor import Descriptor
    from cachedb.registry.endpoint import Endpoint
    from cachedb.registry.http.response import Response

_CHUNK = 16 * MIB
_LARGEST_CHUNK = 1024 * MIB
# The upload is not known, not at that place, or the request is too large for it: a new upload,
# in smaller pieces, may do better.
_START_ANEW = frozenset({404, 413, 416})


class Outcome(StrEnum):
    """How a blob came to be in a repository."""

    EXISTED = "existed"
    MOUNTED = "mounted"
    UPLOADED = "uploaded"


class Content(NamedTuple):
    """A blob to upload: what it is, and how to open it at an offset, as often as needed."""

    descriptor: Descriptor
    open_at: Callable[[int], BinaryIO]

    @property
    def digest(self) -> Digest:
        """The digest that the registry checks."""
        return Digest(self.descriptor.digest)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.descriptor.size


def push(
    endpoint: Endpoint, repository: str, content: Content, source: str | None = None
) -> Outcome:
    """Make a repository have a blob: by a look, by a mount from `source`, or by an upload."""
    if blobs.is_there(endpoint, repository, content.digest):
        return Outcome.EXISTED
    started = None
    if source is not None:
        started = _start_mount(endpoint, repository, content.digest, source)
        if started is None:
            return Outcome.MOUNTED
    _Upload(endpoint, repository, content).run(started)
    return Outcome.UPLOADED


def mount(endpoint: Endpoint, repository: str, digest: Digest, source: str) -> bool:
    """Ask the registry to take a blob over from another of its repositories.

    When it starts an upload instead, that is called off.
    """
    location = _start_mount(endpoint, repository, digest, source)
    if location is None:
        return True
    # Whether it can be called off is the registry's concern; it forgets uploads anyway.
    with suppress(RegistryError):
        request = Request(method="DELETE", url=location)
        endpoint.send_once(request, endpoint.pushing(repository)).close()
    return False


def upload(endpoint: Endpoint, repository: str, content: Content) -> None:
    """Upload a blob: in one request, or in chunks if the registry asks for chunks.

    What a broken connection has left with the registry is not sent again, if it says how much
    that is.

    Raises:
        UntrustedOrigin: The registry wants the blob sent to another origin.
        CorruptBlob: The blob is shorter than its descriptor says.
    """
    _Upload(endpoint, repository, content).run(None)


def _start_mount(endpoint: Endpoint, repository: str, digest: Digest, source: str) -> str | None:
    """Ask for a mount; return None if it is done, or the upload that was started instead."""
    origin = path_segment(endpoint.name(source))
    path = endpoint.path(repository, f"blobs/uploads/?mount={path_segment(digest)}&from={origin}")
    access = endpoint.mounting(repository, source)
    with endpoint.request("POST", path, access, {"Content-Length": "0"}) as response:
        if response.status == HTTPStatus.CREATED:
            return None
        if response.status != HTTPStatus.ACCEPTED:
            raise api_errors.error_of(response, f"mount {digest} in {repository!r}")
        return _location(response)


class _Interrupted(Exception):
    """An upload stopped, and going on or starting anew may help."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__(str(error))
        self.error = error


class _Upload:
    """The upload of one blob, through as many uploads of the registry as it takes."""

    def __init__(self, endpoint: Endpoint, repository: str, content: Content) -> None:
        self._endpoint = endpoint
        self._repository = repository
        self._content = content
        self._access = endpoint.pushing(repository)
        self._location: str | None = None
        self._offset = 0
        self._chunk = 0

    def run(self, location: str | None) -> None:
        """Upload everything, into the upload at `location` if one has been started."""
        self._location = location
        attempt = furthest = 0
        while True:
            try:
                self._go_on()
            except _Interrupted as interrupted:
                if self._offset > furthest:
                    attempt, furthest = 0, self._offset
                if attempt >= self._endpoint.settings.deadlines.retries:
                    raise interrupted.error from interrupted
                self._endpoint.wait(attempt, Failure.of(interrupted.error))
                attempt += 1
                if self._is_done_after_all():
                    return
            else:
                return

    def _go_on(self) -> None:
        if self._location is None:
            self._start()
        if self._chunk or self._offset:
            while self._offset < self._content.size:
                self._send_chunk()
        self._finish()

    def _start(self) -> None:
        path = self._endpoint.path(self._repository, "blobs/uploads/")
        empty = {"Content-Length": "0"}
        with self._endpoint.request("POST", path, self._access, empty) as response:
            if response.status != HTTPStatus.ACCEPTED:
                raise api_errors.error_of(response, f"start an upload to {self._repository!r}")
            self._location = _location(response)
            self._offset = 0
            least = headers.content_length(response.header_lines("OCI-Chunk-Min-Length"))
            if least:
                self._chunk = min(max(least, _CHUNK), _LARGEST_CHUNK)

    def _send_chunk(self) -> None:
        """Send the next piece, and believe the registry about how far it got."""
        start = self._offset
        end = min(start + (self._chunk or _CHUNK), self._content.size)
        ranges = {"Content-Range": f"{start}-{end - 1}"}
        with self._send("PATCH", self._location, start, end, ranges) as response:
            self._check(response, HTTPStatus.ACCEPTED)
            self._location = _location(response)
            kept = headers.upload_offset(response.header("Range"))
        # "0-0" is how registries say nothing, and also how they say one byte.
        self._offset = end if kept is None or (kept == 0 and end == 1) else min(kept, end)
        if self._offset < end:
            raise _Interrupted(
                RegistryUnavailable(
                    f"{self._endpoint} keeps {self._offset} of {end} bytes of "
                    f"{self._content.digest}"
                )
            )

    def _finish(self) -> None:
        """Send what is left, which is all or nothing of the blob, and close the upload."""
        assert self._location is not None
        joint = "&" if "?" in self._location else "?"
        url = f"{self._location}{joint}digest={path_segment(self._content.digest)}"
        with self._send("PUT", url, self._offset, self._content.size, {}) as response:
            self._check(response, HTTPStatus.CREATED)
            _check_digest(response, self._content.digest)

    def _send(
        self, method: str, url: str | None, start: int, end: int, ranges: dict[str, str]
    ) -> Response:
        assert url is not None
        request = Request(
            method=method,
            url=url,
            headers={"Content-Type": "application/octet-stream", **ranges},
            open_body=partial(_Part, self._content, start, end),
            length=end - start,
            is_slow=True,
        )
        try:
            return self._endpoint.send_once(request, self._access)
        except (RegistryUnavailable, RateLimited) as error:
            raise _Interrupted(error) from error

    def _check(self, response: Response, wanted: HTTPStatus) -> None:
        if response.status == wanted:
            return
        failure = api_errors.failure_of(response, f"upload {self._content.digest}")
        if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not self._chunk:
            self._chunk = _CHUNK
        elif not failure.is_passing and response.status not in _START_ANEW:
            raise failure.error
        raise _Interrupted(failure.error)

    def _is_done_after_all(self) -> bool:
        """Find out how an interrupted upload stands, and go on there or start anew."""
        offset = self._ask_where_it_stands()
        if offset is not None and 0 < offset <= self._content.size:
            self._offset = offset
            return False
        self._location, self._offset = None, 0
        # Perhaps only the answer was lost.
        return blobs.is_there(self._endpoint, self._repository, self._content.digest)

    def _ask_where_it_stands(self) -> int | None:
        if self._location is None:
            return None
        try:
            request = Request(method="GET", url=self._location)
            with self._endpoint.send_once(request, self._access) as response:
                if response.status != HTTPStatus.NO_CONTENT:
                    return None
                self._location = _location(response)
                return headers.upload_offset(response.header("Range"))
        except UntrustedOrigin:
            raise
        except RegistryError:
            return None


class _Part:
    """The bytes of a blob from `start` to `end`, which have to be there."""

    def __init__(self, content: Content, start: int, end: int) -> None:
        self._digest = content.digest
        self._left = end - start
        try:
            self._file = content.open_at(start)
        except OSError as error:
            raise StorageFailed.of(error, f"open blob {self._digest}") from error

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; never fewer in total than were promised."""
        wanted = self._left if size < 0 else min(size, self._left)
        try:
            found = self._file.read(wanted)
        # For the connection, an OSError is a broken connection, and worth another attempt.
        except OSError as error:
            raise StorageFailed.of(error, f"read blob {self._digest}") from error
        if wanted and not found:
            raise CorruptBlob(self._digest, f"is {self._left} bytes shorter than its size")
        self._left -= len(found)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _location(response: Response) -> str:
    """Return where an upload goes on.

    Raises:
        UntrustedOrigin: At another origin, which would get the blob and the token.
        RegistryError: The answer does not say it.
    """
    text = response.header("Location")
    if not text:
        raise RegistryError(f"{redact(response.url)!r} does not say where the upload goes on")
    url = resolve(response.url, text)
    if Origin.of(url) != response.origin:
        raise UntrustedOrigin(
            f"{str(response.origin)!r} wants the upload sent to {redact(url)!r}, another origin"
        )
    return url


def _check_digest(response: Response, wanted: Digest) -> None:
    stated = response.header("Docker-Content-Digest")
    if stated and stated.partition(":")[0] == wanted.algorithm and stated != wanted:
        raise WrongContent(f"blob {wanted}", f"the registry says that it stored {stated[:150]!r}")
