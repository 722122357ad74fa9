"""CONNECT proxy that opens every tunnel to one server, regardless of the requested host."""

import selectors
import socket
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from tests.registry.servers import serving


@contextmanager
def tunnelling(port):
    """Run the proxy before the server at `port`; yields its host and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append((self.path, self.headers.get("Proxy-Authorization")))
            with socket.create_connection(("127.0.0.1", port)) as server:
                self.send_response(200)
                self.end_headers()
                pass_on(self.connection, server)
            self.close_connection = True

        def log_message(self, *_arguments):
            pass

    with serving(Handler) as host:
        yield host, asked


def pass_on(one, other):
    """Pass bytes on in both directions until either side ends."""
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                chunk = key.fileobj.recv(64 * 1024)
                if not chunk:
                    return
                key.data.sendall(chunk)
