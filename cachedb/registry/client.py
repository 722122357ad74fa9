"""The client of one registry: pulls go through its mirrors, everything else to itself."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from cachedb.errors import NotFound, RegistryError
from cachedb.registry.credentials import DOCKER_HUB
from cachedb.registry.endpoint import Endpoint
from cachedb.registry.mirrors import bases_of
from cachedb.registry.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.oci.reference import Reference, TagName
    from cachedb.registry.credentials import Credential, Credentials
    from cachedb.registry.endpoint import BlobStream
    from cachedb.registry.settings import RegistrySettings

_T = TypeVar("_T")
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}


class Client:
    """Pulls from and pushes to the registry of one domain; several threads may use it.

    `origin` asks the registry itself, past its mirrors: whether something is published is
    asked there.
    """

    def __init__(self, domain: str, settings: RegistrySettings, credentials: Credentials) -> None:
        self._settings = settings
        self.origin = Endpoint(
            _home_of(domain, settings), "", _finder(credentials, domain), settings
        )
        self._mirrors = [
            Endpoint(
                base.origin, base.prefix, _finder(credentials, base.origin.authority), settings
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
        for endpoint in (*self._mirrors, self.origin):
            endpoint.close()

    def resolve(self, reference: Reference) -> Descriptor:
        """Return what a tag or digest stands for: `Endpoint.resolve`, mirrors first."""
        return self._first(lambda endpoint: endpoint.resolve(reference))

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index: `Endpoint.manifest`, mirrors first."""
        return self._first(lambda endpoint: endpoint.manifest(repository, target))

    @contextmanager
    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> Iterator[BlobStream]:
        """Open a blob for reading: `Endpoint.blob`, from the first mirror that has it."""
        with ExitStack() as stack:
            yield self._first(
                lambda endpoint: stack.enter_context(endpoint.blob(repository, descriptor, offset))
            )

    def tags(self, repository: str) -> Iterator[TagName]:
        """Yield the tags that the registry itself lists: `Endpoint.tags`."""
        return self.origin.tags(repository)

    def _first(self, ask: Callable[[Endpoint], _T]) -> _T:
        """Return the first answer; the registry itself comes last, and its errors count."""
        for mirror in tuple(self._mirrors):
            try:
                return ask(mirror)
            except NotFound:
                continue
            except RegistryError as error:
                self._settings.warn(f"mirror {str(mirror.home)!r} is not used: {error}")
        return ask(self.origin)


def _home_of(domain: str, settings: RegistrySettings) -> Origin:
    authority = _API_HOSTS.get(domain, domain)
    secure = Origin.at("https", authority)
    plain = Origin.at("http", authority)
    return plain if plain.is_loopback or plain.is_named_in(settings.insecure_hosts) else secure


def _finder(credentials: Credentials, name: str) -> Callable[[], Credential]:
    return lambda: credentials.find(name)
