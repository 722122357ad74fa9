"""The client of one registry: pulls go through its mirrors, everything else to itself."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from cachedb.errors import LimitExceeded, NotFound, RegistryError, RegistryUnavailable
from cachedb.registry.auth.credentials import DOCKER_HUB
from cachedb.registry.endpoint import Endpoint
from cachedb.registry.http.origin import Origin
from cachedb.registry.mirrors import bases_of
from cachedb.registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.oci.reference import Reference, TagName
    from cachedb.registry.auth.credentials import Credentials
    from cachedb.registry.blobs import BlobStream, Sink
    from cachedb.registry.http.settings import RegistrySettings

_T = TypeVar("_T")
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}


class Client:
    """Pulls from the registry of one domain, through its mirrors; several threads may use it.

    `origin` is the registry itself: pushes go there, and so does every question whether
    something is published, which a mirror cannot answer.
    """

    def __init__(self, domain: str, settings: RegistrySettings, credentials: Credentials) -> None:
        self._settings = settings
        home = _home_of(domain, settings)
        self.origin = Registry(Endpoint(home, "", credentials.finder(domain), settings))
        self._mirrors = [
            Registry(
                Endpoint(base.origin, base.prefix, credentials.finder(base.origin.name), settings)
            )
            for base in bases_of(domain, settings.mirrors)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        for registry in (*self._mirrors, self.origin):
            registry.close()

    def resolve(self, reference: Reference) -> Descriptor:
        """Return what a tag or digest stands for: `Registry.resolve`, mirrors first."""
        return self._first(lambda registry: registry.resolve(reference))

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index: `Registry.manifest`, mirrors first."""
        return self._first(lambda registry: registry.manifest(repository, target))

    @contextmanager
    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> Iterator[BlobStream]:
        """Open a blob for reading: `Registry.blob`, from the first mirror that has it."""
        with ExitStack() as stack:
            yield self._first(
                lambda registry: stack.enter_context(registry.blob(repository, descriptor, offset))
            )

    def download(self, repository: str, descriptor: Descriptor, sink: Sink) -> None:
        """Bring a blob into a sink: `Registry.download`, mirrors first.

        What one mirror began, the next one ends; it is the sink that hashes. When the hash is
        wrong in the end, `origin.download` into an empty sink leaves the mirrors out.
        """
        self._first(lambda registry: registry.download(repository, descriptor, sink))

    def _first(self, ask: Callable[[Registry], _T]) -> _T:
        """Return the first answer; the registry itself comes last, and its errors count.

        A mirror that cannot be reached is not asked again: waiting for it once is enough.
        """
        for mirror in tuple(self._mirrors):
            try:
                return ask(mirror)
            except NotFound:
                continue
            except (RegistryError, LimitExceeded) as error:
                self._settings.warn(f"mirror {mirror} is passed over: {error}")
                if isinstance(error, RegistryUnavailable):
                    with suppress(ValueError):  # another thread was faster
                        self._mirrors.remove(mirror)
                        mirror.close()
        return ask(self.origin)


def _home_of(domain: str, settings: RegistrySettings) -> Origin:
    """Return where the registry of a domain is: plain http only here or where it is allowed."""
    authority = _API_HOSTS.get(domain, domain)
    plain = Origin.at("http", authority)
    if plain.is_loopback or plain.is_named_in(settings.insecure_hosts):
        return plain
    return Origin.at("https", authority)
