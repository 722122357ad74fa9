"""HTTP server whose responses a test function computes, and which records requests."""

import gzip
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

if sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

from cachedb.oci import Descriptor, Digest
from cachedb.oci.media_type import OCI_LAYER
from cachedb.registry.auth.credentials import CredentialFile, Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from tests.registry.servers import serving

QUICK = Deadlines(idle_seconds=5, retries=3, backoff_seconds=0.001)


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; names of headers are lower-case."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer; a name may be there twice, and an empty value leaves the header out."""

    status: int = 200
    body: bytes = b""
    headers: tuple = ()


def chunked(content):
    """Frame a body so that its length is not known before its end."""
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    return Reply(body=body, headers=(("Transfer-Encoding", "chunked"), ("Content-Length", "")))


def encoded(content, coding):
    """Apply a content coding."""
    match coding:
        case "gzip" | "x-gzip":
            return gzip.compress(content, mtime=0)
        case "deflate":
            return zlib.compress(content)
        case "zstd":
            return zstd.compress(content)
    raise AssertionError(coding)


@dataclass
class Scripted:
    """A running server."""

    host: str = ""
    asked: list = field(default_factory=list)

    @property
    def url(self):
        return f"http://{self.host}"

    def seen(self, method):
        return [one.path for one in self.asked if one.method == method]


@contextmanager
def scripted(answer):
    """Serve what `answer(asked)` returns; for None the connection is closed without an answer."""
    server = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def _answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Not self.path, in which http.server has joined leading slashes.
            target = self.requestline.split(" ")[1]
            asked = Asked(self.command, target, headers, self.rfile.read(length))
            server.asked.append(asked)
            reply = answer(asked)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            if not any(name == "Content-Length" for name, _ in reply.headers):
                self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers:
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, *_arguments):
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)

    with serving(Handler) as host:
        server.host = host
        yield server


def client(host, *, user=None, deadlines=QUICK, **settings):
    """Return a client for a server; `user` is a pair of name and password for it."""
    auths = {host: {"username": user[0], "password": user[1]}} if user else {}
    credentials = Credentials((CredentialFile(path="config.json", auths=auths),))
    return Client(host, RegistrySettings(deadlines=deadlines, **settings), credentials)


def layer(content):
    """Describe a blob."""
    return Descriptor(media_type=OCI_LAYER, digest=Digest.of(content), size=len(content))
