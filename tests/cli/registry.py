"""Registry that stops in the middle of a blob until the test releases it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests import build
from tests.registry.servers import serving


class Registry:
    """Serves what things contain; `held` is set when it hangs, and `release` lets it go on."""

    def __init__(self, things: dict[str, build.Thing], hold: tuple[str, int] | None) -> None:
        self.host = ""
        self.hold = hold
        self.held = threading.Event()
        self.release = threading.Event()
        self.ranges: list[str] = []
        self._blobs = {blob.digest: blob for thing in things.values() for blob in thing.blobs}
        self._blobs |= {name: thing.root for name, thing in things.items()}

    def find(self, path: str) -> build.Blob | None:
        """Return what a path such as /v2/team/app/manifests/1 stands for."""
        repository, _, reference = path.removeprefix("/v2/").rpartition("/")
        repository = repository.rpartition("/")[0]
        return self._blobs.get(reference) or self._blobs.get(f"{repository}:{reference}")


@contextmanager
def serving_things(
    things: dict[str, build.Thing],
    hold: tuple[str, int] | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Registry]:
    """Run a registry; with `hold`, it hangs once, after so many bytes of the blob of a digest."""
    registry = Registry(things, hold)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = registry.find(self.path)
            if found is None:
                self.send_error(404)
                return
            start = self._start()
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", found.media_type)
            self.send_header("Docker-Content-Digest", found.digest)
            self.send_header("Content-Length", str(found.size - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{found.size - 1}/{found.size}")
            self.end_headers()
            if self.command == "GET":
                self._send(found, start)

        do_HEAD = do_GET  # noqa: N815

        def _start(self) -> int:
            asked = self.headers.get("Range", "")
            registry.ranges += [asked] if asked else []
            return int(asked.removeprefix("bytes=").partition("-")[0] or 0)

        def _send(self, found: build.Blob, start: int) -> None:
            if registry.hold is None or registry.hold[0] != found.digest:
                self.wfile.write(found.content[start:])
                return
            _, size = registry.hold
            self.wfile.write(found.content[start:size])
            self.wfile.flush()
            registry.held.set()
            registry.release.wait()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler, address) as host:
        registry.host = host
        try:
            yield registry
        finally:
            registry.release.set()
