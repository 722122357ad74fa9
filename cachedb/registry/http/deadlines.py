"""Responses with deadlines: a time limit for all headers, and a minimum speed for bodies.

A read timeout is a limit on one packet, so a server that sends single bytes can hold a client
without limit. Here the rest of the total limits the wait for each packet.
"""

from __future__ import annotations

import functools
import http.client
import io
import ssl
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_SHORTEST_WAIT = 0.001
_BUFFER = 64 * 1024


class _DeadlineReader(io.RawIOBase):
    """The receiving side of a socket, with a deadline for headers and a minimum speed for bodies.

    Only time spent waiting counts, so a slow consumer does not count as a slow server.
    """

    def __init__(self, sock: socket.socket, minimum_speed: int, speed_seconds: float) -> None:
        self._sock = sock
        # urllib3 has set the read timeout of this request on the socket by now.
        self._idle_seconds = sock.gettimeout()
        # Through makefile() because it keeps the socket open after http.client closes its own.
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._in_headers = True
        self._waited = 0.0
        self._received = 0
        self._broken: OSError | None = None
        self._least = minimum_speed * speed_seconds
        self._speed_seconds = speed_seconds

    def readable(self) -> bool:
        return True

    def start_body(self) -> None:
        """Stop the clock of the headers and start that of the body."""
        self._in_headers = False
        self._waited, self._received = 0.0, 0

    def readinto(self, buffer: Any) -> int:
        if self._broken is not None:
            raise self._broken
        count = self._wait_for(buffer)
        if self._in_headers:
            if not count:
                # http.client accepts headers that end early as complete.
                raise http.client.RemoteDisconnected("closed in the middle of the headers")
            return count
        count += self._read_available(memoryview(buffer)[count:]) if count else 0
        self._received += count
        if self._waited >= self._speed_seconds:
            self._check_speed()
        return count

    def _wait_for(self, buffer: Any) -> int:
        """Wait for the next bytes, and add the time to the total."""
        if self._idle_seconds is not None:
            left = self._idle_seconds - (self._waited if self._in_headers else 0.0)
            self._sock.settimeout(max(left, _SHORTEST_WAIT))
        started = time.monotonic()
        count: int = self._raw.readinto(buffer)
        self._waited += time.monotonic() - started
        return count

    def _read_available(self, rest: memoryview) -> int:
        """Fill a buffer with the bytes that have arrived, without waiting.

        One read returns a packet, or with TLS a record of 16 KiB, and the layers above cost more
        than such a read. A slow transfer still reports progress for each packet.
        """
        count = 0
        self._sock.settimeout(0)
        try:
            while count < len(rest) and (more := self._sock.recv_into(rest[count:])):
                count += more
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._broken = error  # raised by the next read, after these bytes
        return count

    def _check_speed(self) -> None:
        if self._received < self._least:
            raise TimeoutError("the transfer is too slow")
        self._waited, self._received = 0.0, 0

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Buffered(io.BufferedReader):
    """A BufferedReader over a _DeadlineReader."""

    raw: _DeadlineReader


class _DeadlineSocket:
    """The part of a socket that http.client uses to read a response: makefile()."""

    def __init__(self, reader: _DeadlineReader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Buffered(self._reader, _BUFFER)


class _DeadlineResponse(http.client.HTTPResponse):
    """A response whose headers and body are read by a _DeadlineReader."""

    def __init__(
        self,
        sock: socket.socket,
        *args: Any,
        reader: Callable[..., _DeadlineReader],
        **kwargs: Any,
    ) -> None:
        self._reader = reader(sock)
        super().__init__(_DeadlineSocket(self._reader), *args, **kwargs)  # type: ignore[arg-type]

    def begin(self) -> None:
        super().begin()
        self._reader.start_body()


def response_class(*, minimum_speed: int, speed_seconds: float) -> Callable[..., Any]:
    """Return the class of responses that connections with deadlines read.

    `minimum_speed` is in bytes a second, measured over `speed_seconds` of waiting.
    """
    reader = functools.partial(
        _DeadlineReader, minimum_speed=minimum_speed, speed_seconds=speed_seconds
    )
    return functools.partial(_DeadlineResponse, reader=reader)
