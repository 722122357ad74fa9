"""TCP proxy in front of a PostgreSQL server, which meets a fault at one message of its clients.

Messages are counted that the server answers: the start of a connection, a simple query, the end of
an extended one, and the end of a COPY. What libpq sends before it (parse, bind, execute, data)
goes with it.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

_ANSWERED = b"QScf"
"""Types of messages that the server answers: query, sync, end and failure of a COPY."""
_ANSWERS = b"ZG"
"""Types of messages that end an answer: ready for a query, ready for the data of a COPY."""
_COPYING = b"G"
KEEPALIVE_SECONDS = 1.0
"""Time after which the keepalives of a server fail: 120 s, as those of a real one are set."""
_RESET = struct.pack("ii", 1, 0)
_DELAY_SECONDS = 0.3


class Kind(Enum):
    """What happens at a message."""

    LOST = "the connection is reset before the message is sent"
    ANSWER_LOST = "the connection is reset after the message, before its answer"
    CUT_OFF = "the host loses the server before the message is sent"
    ANSWER_CUT_OFF = "the host loses the server after the message, before its answer"
    VANISHED = "the host dies before the message is sent, and the server is not told"
    ANSWER_VANISHED = "the host dies after the message, and the server is not told"
    DELAYED = "the message is late"
    HELD = "the message waits for what the test does meanwhile"

    @property
    def is_answered(self) -> bool:
        """Whether the server gets the message, and answers."""
        return self.name.startswith("ANSWER")

    @property
    def is_for_good(self) -> bool:
        """Whether no connection works afterwards."""
        return self.name.endswith("CUT_OFF")

    @property
    def is_silent(self) -> bool:
        """Whether the server does not notice."""
        return self.name.endswith("VANISHED")


class Fault(NamedTuple):
    """A fault at the message with a number, counted from 1 over all connections."""

    kind: Kind
    at: int

    def __str__(self) -> str:
        return f"{self.kind.name.lower().replace('_', '-')}#{self.at}"


class Proxy:
    """A proxy between clients on a port of loopback and the socket of a server."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._fault: Fault | None = None
        self._told: Callable[[], None] = _nothing
        self._is_cut_off = False
        self.count = 0
        self.has_met = False
        self.has_struck = False
        self._is_free = threading.Event()
        self._is_free.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End every connection, and take no more."""
        self._listener.close()
        self.clear()

    def clear(self) -> None:
        """End every connection, and count from 0."""
        with self._lock:
            lines, self._lines = self._lines, []
            self.count, self._fault, self._is_cut_off = 0, None, False
        for line in lines:
            line.end()

    def expect(self, fault: Fault | None, told: Callable[[], None] | None = None) -> None:
        """Meet a fault, and call `told` then; count from 0."""
        self.clear()
        with self._lock:
            self._fault, self._told = fault, told or _nothing
            self.has_met = self.has_struck = False

    def when_met(self, told: Callable[[], None]) -> None:
        """Call `told` when the fault is met, or at once if it has been."""
        with self._lock:
            self._told = told
            is_late = self.has_struck
        if is_late:
            told()

    def judge(self) -> Kind | None:
        """Count a message; return what happens to it."""
        with self._lock:
            self.count += 1
            fault = self._fault
            if fault is None or self.count != fault.at:
                return None
            self.has_met = True
            return fault.kind

    def hold(self) -> None:
        """Wait for what the test does meanwhile."""
        with self._lock:
            told = self._told
        self._is_free.clear()
        told()
        self._is_free.set()

    def wait(self) -> None:
        """Wait for the end of what the test does meanwhile."""
        self._is_free.wait()

    def strike(self, kind: Kind, met: "_Line") -> None:
        """Let a fault happen to the connection that has met it, or to all of them.

        New ones are refused before the first of them ends, else its client may be served again.
        """
        with self._lock:
            self._is_cut_off = self._is_cut_off or kind.is_for_good or kind.is_silent
            lines = list(self._lines) if self._is_cut_off else [met]
        for line in lines:
            if kind.is_silent:
                line.fall_silent()
            else:
                line.end()
        with self._lock:
            self.has_struck = True
            told = self._told
        told()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                is_refused = self._is_cut_off
            if is_refused:
                _reset(client)
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server))
            except OSError:
                server.close()
                _reset(client)
                continue
            line = _Line(self, client, server)
            with self._lock:
                is_refused = self._is_cut_off
                if not is_refused:
                    self._lines.append(line)
            if is_refused:
                line.end()
            else:
                line.start()


class _Line:
    """A connection of a client, and the one of the proxy for it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._striking: Kind | None = None
        self._is_silent = False
        self._is_copying = False
        self._is_amid = False

    def start(self) -> None:
        for work in (self._send, self._answer):
            threading.Thread(target=work, daemon=True).start()

    def end(self) -> None:
        """Reset the connection of the client, and close the other one."""
        _reset(self._client)
        self._shut(self._server)

    def fall_silent(self) -> None:
        """Pass nothing on any more, and leave the connection to the server open.

        In the middle of a COPY, or of an extended query, the server waits for more until its
        keepalives fail: here they would not, since this process answers them.
        """
        self._is_silent = True
        self._fail_keepalives()

    def _fail_keepalives(self) -> None:
        if self._is_copying or self._is_amid:
            threading.Timer(KEEPALIVE_SECONDS, self._shut, [self._server]).start()

    def _send(self) -> None:
        with suppress(OSError):
            for kind, message in _messages(self._client, has_start=True):
                if self._is_silent:
                    self._fail_keepalives()
                    return
                if not kind or kind in _ANSWERED:
                    fault = self._proxy.judge()
                    if fault is Kind.DELAYED:
                        time.sleep(_DELAY_SECONDS)
                    elif fault is Kind.HELD:
                        self._proxy.hold()
                    elif fault is not None and fault.is_answered:
                        self._striking = fault
                    elif fault is not None:
                        self._proxy.strike(fault, self)
                        return
                self._server.sendall(message)
                self._is_amid = bool(kind) and kind not in _ANSWERED
        if not self._is_silent:
            self._shut(self._server)

    def _answer(self) -> None:
        with suppress(OSError):
            for kind, message in _messages(self._server, has_start=False):
                if kind in _ANSWERS:
                    self._is_copying = kind == _COPYING
                if self._striking is not None:
                    if kind in _ANSWERS:
                        self._proxy.strike(self._striking, self)
                        return
                elif not self._is_silent:
                    self._client.sendall(message)
        if not self._is_silent:
            _reset(self._client)

    @staticmethod
    def _shut(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _messages(source: socket.socket, *, has_start: bool) -> Iterator[tuple[bytes, bytes]]:
    """Yield the messages of a connection with their types; that of a start is empty."""
    file = source.makefile("rb")
    while True:
        kind = b"" if has_start else file.read(1)
        length = file.read(4)
        if len(length) < 4:
            return
        rest = file.read(int.from_bytes(length) - 4)
        has_start = False
        yield kind, kind + length + rest


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _nothing() -> None:
    """Do nothing."""


@contextmanager
def running(server: Path) -> Iterator[Proxy]:
    """Run a proxy in front of the socket of a server."""
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
