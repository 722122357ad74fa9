"""Registry that stops in the middle of a blob until the test releases it."""

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from tests.registry.servers import serving

_PATIENCE = 60


class HoldingBack:
    """Serves one thing by the tag 1; `begun` is set when half of its largest blob has gone out."""

    def __init__(self, thing):
        self.host = ""
        self.requests = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.blobs = {blob.digest: blob for blob in thing.blobs}
        self.root = thing.root
        self.largest = max(thing.parts, key=lambda blob: blob.size)

    def find(self, path):
        name = path.rpartition("/")[2]
        return self.root if name == "1" else self.blobs.get(name)


@contextmanager
def holding_back(thing):
    """Run such a registry."""
    server = HoldingBack(thing)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server.requests.append((self.command, self.path, self.headers.get("Range")))
            blob = server.find(self.path)
            if blob is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            body = blob.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", blob.media_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", blob.digest)
            if start:
                last = blob.size - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{blob.size}")
            self.end_headers()
            if self.command == "HEAD":
                return
            if blob is server.largest and not start:
                half = len(body) // 2
                self.wfile.write(body[:half])
                self.wfile.flush()
                server.begun.set()
                server.go_on.wait(_PATIENCE)
                body = body[half:]
            with suppress(OSError):  # the client may have closed the connection
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_arguments):
            pass

    with serving(Handler) as server.host:
        try:
            yield server
        finally:
            server.go_on.set()
