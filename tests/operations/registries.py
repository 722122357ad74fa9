"""Shared by tests of pull and push: clients, content of a registry, filled caches."""

import http.client
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, Self

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED, Progress
from cachedb.oci import Platform, Reference
from cachedb.operations.transfer.pull import PullOptions, PullReport
from cachedb.operations.transfer.push import Pushed, PushOptions, PushReport
from cachedb.registry.auth.credentials import Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from tests import build

_KINDS = (build.OCI_INDEX, build.OCI_MANIFEST, build.DOCKER_LIST, build.DOCKER_MANIFEST)
_ACCEPTED = ", ".join(_KINDS)
_numbers = itertools.count()
SHORT_DEADLINES = RegistrySettings(
    deadlines=Deadlines(idle_seconds=10, retries=1, backoff_seconds=0.01)
)


@contextmanager
def connecting(
    settings: RegistrySettings = SHORT_DEADLINES, credentials: Credentials | None = None
) -> Iterator[Callable[[str], Client]]:
    """Give what the command line gives: a function that opens each registry once."""
    with ExitStack() as stack:
        clients: dict[str, Client] = {}

        def connect(domain: str) -> Client:
            if domain not in clients:
                client = Client(domain, settings, credentials or Credentials([]))
                clients[domain] = stack.enter_context(client)
            return clients[domain]

        yield connect


@dataclass(frozen=True)
class Place:
    """A repository of one test alone; `name` is that of an image in it."""

    host: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.host}/{self.path}:1"

    @property
    def short(self) -> str:
        """The name that `pull` and `fetch` take."""
        return f"{self.path.removeprefix('t/')}:1"

    def tagged(self, tag: str) -> str:
        return f"{self.host}/{self.path}:{tag}"

    @classmethod
    def new(cls, host: str) -> Self:
        """Find a repository that is unused."""
        return cls(host, f"t/p{next(_numbers)}")

    def next(self) -> Self:
        """Return another one of the same registry."""
        return self.new(self.host)


class Holding(Protocol):
    """Makes a cache of some named things and some loose ones, put into it by another tool."""

    def __call__(self, named: dict[str, build.Thing], *loose: build.Thing) -> Cache: ...


def pull(
    cache: Cache,
    host: str,
    *names: str,
    progress: Progress = UNWATCHED,
    settings: RegistrySettings = SHORT_DEADLINES,
    **options: object,
) -> PullReport:
    """Pull images of ``HOST/t/``."""
    references = [Reference.parse(f"{host}/t/{name}") for name in names]
    with connecting(settings) as connect:
        return cache.pull_each(
            references,
            connect,
            PullOptions(**options),  # type: ignore[arg-type]
            progress,
        )


def fetch(cache: Cache, host: str, *names: str, **options: object) -> PullReport:
    """Pull, and raise what went wrong."""
    report = pull(cache, host, *names, **options)  # type: ignore[arg-type]
    if report.failures:
        raise report.failures[0][1]
    return report


def send(
    cache: Cache,
    *names: str,
    to: str | None = None,
    progress: Progress = UNWATCHED,
    **options: object,
) -> PushReport:
    """Push images, by their own names or by one."""
    target = None if to is None else Reference.parse(to)
    with connecting() as connect:
        return cache.push_each(
            cache.plan_push(names, target, options.get("platforms", ())),  # type: ignore[arg-type]
            connect,
            PushOptions(**options),  # type: ignore[arg-type]
            progress,
        )


def push(cache: Cache, name: str, **options: object) -> Pushed:
    """Push one image, and raise what went wrong."""
    report = send(cache, name, **options)  # type: ignore[arg-type]
    if report.failures:
        raise report.failures[0][1]
    (pushed,) = report.pushed
    return pushed


def ask(host: str, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Send one request to a registry, with nothing of ours in between; returns the body."""
    connection = http.client.HTTPConnection(host)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (method, path, answer.status, content)
        return content
    finally:
        connection.close()


def document(host: str, repository: str, target: str) -> build.Json:
    """Return a document as the registry has it."""
    path = f"/v2/{repository}/manifests/{target}"
    found: build.Json = json.loads(ask(host, "GET", path, Accept=_ACCEPTED))
    return found


def tags(host: str, repository: str) -> dict[str, str]:
    """Return every tag of a repository, and the digest that it stands for."""
    with connecting() as connect:
        registry = connect(host).origin
        names = list(registry.tags(repository))
        references = {name: Reference.parse(f"{host}/{repository}:{name}") for name in names}
        return {str(name): str(registry.resolve(each).digest) for name, each in references.items()}


def has_blob(host: str, repository: str, digest: str) -> bool:
    """Ask whether a repository has a blob."""
    connection = http.client.HTTPConnection(host)
    try:
        connection.request("HEAD", f"/v2/{repository}/blobs/{digest}")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def put(host: str, repository: str, thing: build.Thing, tag: str = "1") -> None:
    """Put a thing into a registry without our client, children first."""
    documents = [b for b in thing.blobs if "manifest" in b.media_type or "index" in b.media_type]
    for blob in thing.blobs:
        if blob not in documents:
            put_blob(host, repository, blob)
    for blob in sorted(documents, key=lambda b: "index" in b.media_type):
        target = tag if blob.digest == thing.digest else blob.digest
        put_document(host, repository, target, blob)


def put_document(host: str, repository: str, target: str, blob: build.Blob) -> None:
    """Put an index or a manifest into a registry, by a tag or a digest."""
    path = f"/v2/{repository}/manifests/{target}"
    ask(host, "PUT", path, blob.content, **{"Content-Type": blob.media_type})


def put_blob(host: str, repository: str, blob: build.Blob) -> None:
    """Put a blob into a registry without our client."""
    connection = http.client.HTTPConnection(host)
    connection.request("POST", f"/v2/{repository}/blobs/uploads/")
    answer = connection.getresponse()
    answer.read()
    where = answer.getheader("Location")
    connection.close()
    assert where is not None
    path = where.partition(host)[2]
    ask(host, "PUT", f"{path}&digest={blob.digest}", blob.content)


def on_disk(cache: Cache) -> set[str]:
    """Return the digests of all blobs of a cache."""
    return {str(file.digest) for file in cache.layout.blobs.files()}


def platforms(*names: str) -> tuple[Platform, ...]:
    """Read some platforms."""
    return tuple(map(Platform.parse, names))
