"""TCP proxy that closes connections after a number of bytes."""

import socket
import threading
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Passes connections on to a server, and cuts each by the next of its `cuts`.

    A cut is ``("down", 1000)`` or ``("up", 1000)``: after that many bytes in that direction the
    connection is closed on both sides. When there is no cut left, connections live on.
    """

    def __init__(self, port, cuts):
        self._target = ("127.0.0.1", port)
        self._cuts = list(cuts)
        self._lock = threading.Lock()
        self._sockets = []
        self._threads = []
        self.connections = 0
        self.down = 0
        self.up = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def host(self):
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self._sockets:
            _hang_up(connection)
        for thread in self._threads:
            thread.join()
        for connection in self._sockets:
            connection.close()

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self.connections += 1
                self._start(self._pass_on, "up", client, server)
                self._start(self._pass_on, "down", server, client)

    def _pass_on(self, direction, source, target):
        """Pass bytes on; the count of a cut goes over all connections until it is used up."""
        with suppress(OSError):
            while chunk := source.recv(16 * 1024):
                with self._lock:
                    chunk, is_cut = self._cut(direction, chunk)
                target.sendall(chunk)
                if is_cut:
                    break
        _hang_up(source)
        _hang_up(target)

    def _cut(self, direction, chunk):
        setattr(self, direction, getattr(self, direction) + len(chunk))
        if not self._cuts or self._cuts[0][0] != direction:
            return chunk, False
        _, left = self._cuts[0]
        if len(chunk) < left:
            self._cuts[0] = (direction, left - len(chunk))
            return chunk, False
        del self._cuts[0]
        return chunk[:left], True


def _hang_up(connection):
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(port, cuts):
    """Run a `CuttingProxy` before the server at `port`."""
    proxy = CuttingProxy(port, cuts)
    try:
        yield proxy
    finally:
        proxy.close()
