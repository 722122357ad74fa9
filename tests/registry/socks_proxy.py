"""A SOCKS5 proxy on loopback: all of its tunnels lead to one server, whatever was asked for."""

import socket
import struct
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from tests.registry.tunnelling import pass_on

_DOMAIN = 3


@contextmanager
def socks_proxy(port, *, reply=0):
    """Run a proxy before the server at `port`; yields its host and the names asked for."""
    asked = []

    class Handler(StreamRequestHandler):
        def handle(self):
            _, methods = struct.unpack("BB", self.rfile.read(2))
            self.rfile.read(methods)
            self.wfile.write(b"\x05\x00")
            _, _, _, kind = struct.unpack("BBBB", self.rfile.read(4))
            assert kind == _DOMAIN
            name = self.rfile.read(self.rfile.read(1)[0]).decode()
            asked.append((name, struct.unpack("!H", self.rfile.read(2))[0]))
            self.wfile.write(bytes([5, reply, 0, 1, 127, 0, 0, 1, 0, 0]))
            if not reply:
                with socket.create_connection(("127.0.0.1", port)) as server:
                    pass_on(self.connection, server)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
