"""Client of one registry domain: mirrors for pulls, the registry itself for the rest."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from cachedb.closing import Closing
from cachedb.errors import CorruptBlob, LimitExceeded, NotFound, RegistryError, RegistryUnavailable
from cachedb.feedback.log import Logger
from cachedb.registry.auth.credentials import DOCKER_HUB
from cachedb.registry.endpoint import Endpoint
from cachedb.registry.http.origin import Origin
from cachedb.registry.mirrors import bases_of
from cachedb.registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.oci.reference import Reference, TagName
    from cachedb.registry.auth.credentials import Credentials
    from cachedb.registry.blobs import BlobStream, CheckedSink, Sink
    from cachedb.registry.http.settings import RegistrySettings

_log = Logger("cachedb.registry")
_T = TypeVar("_T")
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}


class Client(Closing):
    """Pulls from the registry of one domain, mirrors first; thread-safe.

    `origin` is the registry itself: the target of pushes, and the only authority on what is
    published. Opening a client sends no request.
    """

    def __init__(self, domain: str, settings: RegistrySettings, credentials: Credentials) -> None:
        self._settings = settings
        home = _home_of(domain, settings)
        self.origin: Registry = Registry(Endpoint(home, "", credentials.finder(domain), settings))
        self._mirrors = [
            Registry(
                Endpoint(base.origin, base.prefix, credentials.finder(base.origin.name), settings)
            )
            for base in bases_of(domain, settings.mirrors)
        ]

    def close(self) -> None:
        """Close idle connections."""
        for registry in (*self._mirrors, self.origin):
            registry.close()

    def resolve(self, reference: Reference) -> Descriptor:
        """Resolve a tag or digest: `Registry.resolve`, mirrors first."""
        return self._try_each(lambda registry: registry.resolve(reference))

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index: `Registry.manifest`, mirrors first."""
        return self._try_each(lambda registry: registry.manifest(repository, target))

    @contextmanager
    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> Iterator[BlobStream]:
        """Open a blob for reading: `Registry.blob`, from the first mirror that has it."""
        with ExitStack() as stack:
            yield self._try_each(
                lambda registry: stack.enter_context(registry.blob(repository, descriptor, offset))
            )

    def download(self, repository: str, descriptor: Descriptor, sink: Sink) -> None:
        """Download a blob into a sink: `Registry.download`, mirrors first.

        A partial download is resumed at the next mirror; the digest is not checked.
        """
        self._try_each(lambda registry: registry.download(repository, descriptor, sink))

    def download_checked(self, repository: str, descriptor: Descriptor, sink: CheckedSink) -> None:
        """Download a blob, and check it; after a mismatch, once more, whole and from the origin.

        The part of an interrupted run, or a mirror, may have wrong bytes. The second download is
        not checked here: closing the sink does.
        """
        self.download(repository, descriptor, sink)
        try:
            sink.check()
        except CorruptBlob:
            sink.restart()
            self.origin.download(repository, descriptor, sink)

    def _try_each(self, send: Callable[[Registry], _T]) -> _T:
        """Try the mirrors, then the registry; only errors of the registry are raised.

        A mirror that is unreachable is not tried again by this client.
        """
        for mirror in tuple(self._mirrors):
            try:
                return send(mirror)
            except NotFound as error:
                _log.info("mirror %s: %s; trying the next one", mirror, error)
                continue
            except (RegistryError, LimitExceeded) as error:
                self._settings.warn(f"mirror {mirror} failed, trying the next one: {error}")
                if isinstance(error, RegistryUnavailable):
                    with suppress(ValueError):  # removed by another thread
                        self._mirrors.remove(mirror)
                        mirror.close()
        return send(self.origin)


def _home_of(domain: str, settings: RegistrySettings) -> Origin:
    """Return the origin of a domain: plain http for loopback and `insecure_hosts` only."""
    authority = _API_HOSTS.get(domain, domain)
    plain = Origin.at("http", authority)
    if plain.is_loopback or plain.is_named_in(settings.insecure_hosts):
        return plain
    return Origin.at("https", authority)
