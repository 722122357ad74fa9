"""Blob uploads: existence check, mount, monolithic and chunked upload with resume.

Distribution-spec, "Pushing Blobs".
"""

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
# Unknown upload, wrong offset, or request too large: a new upload in chunks may succeed.
_RESTART = frozenset({404, 413, 416})


class Outcome(StrEnum):
    """Result of a push of a blob."""

    EXISTED = "existed"
    MOUNTED = "mounted"
    UPLOADED = "uploaded"


class Content(NamedTuple):
    """A blob to upload: its descriptor, and how to open it at an offset for each attempt."""

    descriptor: Descriptor
    open_at: Callable[[int], BinaryIO]
    """Function that opens the content at an offset in bytes; the caller closes it."""

    @property
    def digest(self) -> Digest:
        """The digest of the whole blob."""
        return Digest(self.descriptor.digest)

    @property
    def size(self) -> int:
        """The size of the whole blob in bytes."""
        return self.descriptor.size


def push(
    endpoint: Endpoint, repository: str, content: Content, source: str | None = None
) -> Outcome:
    """Push a blob: skip if it exists, mount it from `source` if possible, else upload it."""
    if blobs.exists(endpoint, repository, content.digest):
        return Outcome.EXISTED
    started = None
    if source is not None:
        started = _start_mount(endpoint, repository, content.digest, source)
        if started is None:
            return Outcome.MOUNTED
    _Upload(endpoint, repository, content).run(started)
    return Outcome.UPLOADED


def mount(endpoint: Endpoint, repository: str, digest: Digest, source: str) -> bool:
    """Mount a blob from another repository of the registry; return whether it was mounted.

    If the registry starts an upload instead, the upload is cancelled.
    """
    location = _start_mount(endpoint, repository, digest, source)
    if location is None:
        return True
    # Cancelling is optional: registries expire uploads.
    with suppress(RegistryError):
        request = Request(method="DELETE", url=location)
        endpoint.send_once(request, endpoint.pushing(repository)).close()
    return False


def upload(endpoint: Endpoint, repository: str, content: Content) -> None:
    """Upload a blob in one PUT, or in chunks if the registry limits the size of requests.

    After a broken connection the upload is resumed at the offset that the registry reports.

    Raises:
        UntrustedOrigin: The upload location is at another origin.
        CorruptBlob: The blob is shorter than its descriptor says.
    """
    _Upload(endpoint, repository, content).run(None)


def _start_mount(endpoint: Endpoint, repository: str, digest: Digest, source: str) -> str | None:
    """Request a mount; return None if mounted, or the location of an upload started instead."""
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
    """An upload was interrupted; it may be resumed or restarted."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__(str(error))
        self.error = error


class _Upload:
    """Upload of one blob, through as many upload sessions of the registry as needed."""

    def __init__(self, endpoint: Endpoint, repository: str, content: Content) -> None:
        self._endpoint = endpoint
        self._repository = repository
        self._content = content
        self._access = endpoint.pushing(repository)
        self._location: str | None = None
        self._offset = 0
        self._chunk = 0

    def run(self, location: str | None) -> None:
        """Upload the whole blob, into the upload session at `location` if there is one."""
        self._location = location
        attempt = furthest = 0
        while True:
            try:
                self._proceed()
            except _Interrupted as interrupted:
                if self._offset > furthest:
                    attempt, furthest = 0, self._offset
                if attempt >= self._endpoint.settings.deadlines.retries:
                    raise interrupted.error from interrupted
                self._endpoint.back_off(attempt, Failure.of(interrupted.error))
                attempt += 1
                if self._is_complete_after_interruption():
                    return
            else:
                return

    def _proceed(self) -> None:
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
        """Send the next chunk; the offset that the registry reports is the new one."""
        start = self._offset
        end = min(start + (self._chunk or _CHUNK), self._content.size)
        ranges = {"Content-Range": f"{start}-{end - 1}"}
        with self._send("PATCH", self._location, start, end, ranges) as response:
            self._check(response, HTTPStatus.ACCEPTED)
            self._location = _location(response)
            kept = headers.upload_offset(response.header("Range"))
        # Registries send "0-0" both for an empty upload and for one byte.
        self._offset = end if kept is None or (kept == 0 and end == 1) else min(kept, end)
        if self._offset < end:
            raise _Interrupted(
                RegistryUnavailable(
                    f"{self._endpoint} keeps {self._offset} of {end} bytes of "
                    f"{self._content.digest}"
                )
            )

    def _finish(self) -> None:
        """Close the upload with a PUT, which has the whole blob if no chunk was sent."""
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
        elif not failure.is_transient and response.status not in _RESTART:
            raise failure.error
        raise _Interrupted(failure.error)

    def _is_complete_after_interruption(self) -> bool:
        """Request the state of an interrupted upload; return whether the blob is complete."""
        offset = self._query_offset()
        if offset is not None and 0 < offset <= self._content.size:
            self._offset = offset
            return False
        self._location, self._offset = None, 0
        # The response to the final PUT may have been lost.
        return blobs.exists(self._endpoint, self._repository, self._content.digest)

    def _query_offset(self) -> int | None:
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
    """Request body: the bytes of a blob from `start` to `end`."""

    def __init__(self, content: Content, start: int, end: int) -> None:
        self._digest = content.digest
        self._left = end - start
        try:
            self._file = content.open_at(start)
        except OSError as error:
            raise StorageFailed.of(error, f"open blob {self._digest}") from error

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes.

        Raises:
            CorruptBlob: The file is shorter than the descriptor says.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        try:
            found = self._file.read(wanted)
        # The transport would treat an OSError as a broken connection, and retry.
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
    """Return the location of an upload, byte for byte.

    Raises:
        UntrustedOrigin: It is at another origin, which would receive the blob and the token.
        RegistryError: There is no Location.
    """
    text = response.header("Location")
    if not text:
        raise RegistryError(f"{redact(response.url)!r} has no Location for the upload")
    url = resolve(response.url, text)
    if Origin.of(url) != response.origin:
        raise UntrustedOrigin(
            f"{str(response.origin)!r} requires uploads to go to {redact(url)!r}, another origin"
        )
    return url


def _check_digest(response: Response, wanted: Digest) -> None:
    stated = response.header("Docker-Content-Digest")
    if stated and stated.partition(":")[0] == wanted.algorithm and stated != wanted:
        raise WrongContent(
            f"blob {wanted}", f"the registry reports that it stored {stated[:150]!r}"
        )
