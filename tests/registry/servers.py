"""Servers on loopback: docker-registry with TLS and logins, and proxies."""

import base64
import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.programs import require

USER, PASSWORD = "mallory", "correct horse"
_ISSUER, _SERVICE = "token-server", "test-registry"
_START_SECONDS = 20


@dataclass(frozen=True)
class Served:
    """Where a registry is."""

    host: str

    @property
    def port(self):
        return int(self.host.rpartition(":")[2])


@contextmanager
def docker_registry(folder: Path, **settings):
    """Run docker-registry with its files in `folder`; `settings` are its environment."""
    require("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    config.write_text("version: 0.1\nlog: {level: info}\n")
    environment = {
        **os.environ,
        "REGISTRY_HTTP_ADDR": "127.0.0.1:0",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "storage"),
        "REGISTRY_STORAGE_DELETE_ENABLED": "true",
        "OTEL_TRACES_EXPORTER": "none",
        **settings,
    }
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        host = _listening(process)
        # Without a reader of the log, the registry stops when the pipe is full.
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield Served(host)
    finally:
        process.terminate()
        process.wait(_START_SECONDS)
        process.stderr.close()


def _listening(process):
    """Read the log until it says which port was given."""
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    seen = []
    try:
        for line in process.stderr:
            seen.append(line)
            _, found, rest = line.partition("listening on ")
            if found:
                return rest.split('"')[0].split(",")[0].strip()
    finally:
        watchdog.cancel()
    raise AssertionError("docker-registry did not start: " + "".join(seen[-5:]))


@dataclass(frozen=True)
class Authority:
    """A certificate authority for tests, and one certificate for 127.0.0.1 made by it."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def environment(self):
        return {
            "REGISTRY_HTTP_TLS_CERTIFICATE": str(self.certificate),
            "REGISTRY_HTTP_TLS_KEY": str(self.key),
        }


def make_authority(folder: Path, *, names="IP:127.0.0.1,DNS:localhost", days=2):
    """Make a CA with openssl, and have it sign a certificate for `names`."""
    require("openssl")
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    leaf, leaf_key, request = folder / "leaf.pem", folder / "leaf.key", folder / "leaf.csr"
    extensions = folder / "extensions"
    # Since 3.13, Python verifies as strictly as RFC 5280 is written.
    extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
    # Not RSA, which takes long to make; the token server signs with the other key, by RSA.
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=Test CA", "-keyout", ca_key, "-out", ca,
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", leaf_key,
             "-out", request)  # fmt: skip
    _openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", str(days),
             "-set_serial", "7", "-extfile", extensions, "-out", leaf)  # fmt: skip
    return Authority(ca=ca, certificate=leaf, key=leaf_key)


def _openssl(*arguments, content=None):
    done = subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True, input=content
    )
    return done.stdout


def htpasswd(folder: Path):
    """Return the settings of a registry that asks for USER and PASSWORD."""
    require("htpasswd")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "htpasswd"
    done = subprocess.run(
        ["htpasswd", "-Bbn", USER, PASSWORD], check=True, capture_output=True, text=True
    )
    file.write_text(done.stdout)
    return {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "test",
        "REGISTRY_AUTH_HTPASSWD_PATH": str(file),
    }


@dataclass
class TokenServer:
    """Issues tokens for USER and PASSWORD, and anonymous ones for pulls."""

    authority: Authority
    url: str = ""
    asked: list = field(default_factory=list)
    life: int = 300

    @property
    def environment(self):
        return {
            "REGISTRY_AUTH": "token",
            "REGISTRY_AUTH_TOKEN_REALM": f"{self.url}/token",
            "REGISTRY_AUTH_TOKEN_SERVICE": _SERVICE,
            "REGISTRY_AUTH_TOKEN_ISSUER": _ISSUER,
            "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": str(self.authority.certificate),
        }

    def token(self, scopes, *, knows_user):
        now = int(time.time())
        access = [_granted(scope, knows_user=knows_user) for scope in scopes]
        der = _openssl("x509", "-in", self.authority.certificate, "-outform", "DER")
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": _ISSUER, "aud": _SERVICE, "sub": USER if knows_user else "",
            "iat": now, "nbf": now - 10, "exp": now + self.life, "jti": str(len(self.asked)),
            "access": access,
        }  # fmt: skip
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        signature = _openssl("dgst", "-sha256", "-sign", self.authority.key, content=signed)
        return (signed + b"." + _base64(signature)).decode()


def _granted(scope, *, knows_user):
    kind, name, actions = scope.split(":")
    wanted = actions.split(",")
    granted = wanted if knows_user else [action for action in wanted if action == "pull"]
    return {"type": kind, "name": name, "actions": granted}


def _base64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")


@contextmanager
def token_server(authority: Authority):
    """Run a token server on loopback."""
    tokens = TokenServer(authority)
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            query = parse_qs(urlsplit(self.path).query)
            authorization = self.headers.get("Authorization")
            tokens.asked.append((query, authorization))
            if authorization not in {None, expected}:
                self.send_error(401)
                return
            made = tokens.token(query.get("scope", []), knows_user=authorization is not None)
            body = json.dumps({"token": made, "expires_in": tokens.life}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with serving(Handler) as host:
        tokens.url = f"http://{host}"
        yield tokens


class _Server(ThreadingHTTPServer):
    # More than the five of the standard library, or many threads at once wait a second.
    request_queue_size = 64


@contextmanager
def serving(handler, address="127.0.0.1"):
    """Run an HTTP server with a handler class, and yield its host and port."""
    handler.disable_nagle_algorithm = True
    server = _Server((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
