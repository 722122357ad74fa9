"""Reverse proxy that records the requests it forwards."""

import http.client
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.registry.servers import serving

_OWN = {"connection", "date", "server", "transfer-encoding"}


class Counter:
    """What was asked: ``METHOD PATH``, without the query; `watch` sees it before the registry."""

    def __init__(self):
        self.host = ""
        self.requests = []
        self.watch = lambda _line: None

    def take(self):
        taken, self.requests = self.requests, []
        return taken

    def last_parts(self):
        """Return and forget the requests, with nothing of a path but its end."""
        return [f"{line.split()[0]} {line.rpartition('/')[2]}" for line in self.take()]


@contextmanager
def counting(host):
    """Run the proxy before the registry at `host`."""
    counter = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            line = f"{self.command} {self.path.partition('?')[0]}"
            counter.requests.append(line)
            counter.watch(line)
            upstream = http.client.HTTPConnection(host)
            # With our name as Host, or the registry would send uploads past us.
            upstream.request(self.command, self.path, body or None, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in _OWN:
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments):
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._pass_on)
    with serving(Handler) as counter.host:
        yield counter
