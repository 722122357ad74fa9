"""Clients of registries, opened on first use and closed together."""

from __future__ import annotations

from _thread import allocate_lock
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from cachedb.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cachedb.registry.auth.credentials import Credentials
    from cachedb.registry.client import Client
    from cachedb.registry.http.settings import RegistrySettings


class Registries(Closing):
    """Clients of registries, opened on first use and closed together; a context manager.

    Credentials are those of docker and podman, read when the first client is opened. Connections
    are kept between calls, so that several pulls and pushes log in once. Calls from several
    threads are safe.
    """

    def __init__(
        self,
        *,
        mirrors: Iterable[str] | None = None,
        insecure: Iterable[str] = (),
        ca_files: Iterable[str] = (),
        client_certificates: Mapping[str, tuple[str, str | None]] | None = None,
        trusted_token_servers: Iterable[str] = (),
        logins: Mapping[str, tuple[str, str]] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Configure the clients; the network is not used yet.

        Args:
            mirrors: Mirrors to try first, each as ``[REGISTRY=]URL``, before those of
                ``CACHEDB_MIRROR``, which they replace for the same registry.
            insecure: Registries to reach over plain http, each as ``HOST[:PORT]``.
            ca_files: Files of additional certificate authorities, PEM.
            client_certificates: Certificate and key for each registry, PEM files.
            trusted_token_servers: Servers that may receive credentials of any registry.
            logins: User name and password for each registry, before those of docker and podman.
            warn: Function that receives warnings, one line each.

        Raises:
            InvalidReference: A mirror is not ``[REGISTRY=]URL``.
        """
        from cachedb.registry import mirrors as mirroring  # noqa: PLC0415
        from cachedb.registry.http.settings import (  # noqa: PLC0415
            ClientCertificate,
            RegistrySettings,
            ignore,
        )

        certificates = (client_certificates or {}).items()
        self._settings = RegistrySettings(
            mirrors={**mirroring.from_environment(), **mirroring.parse(mirrors or ())},
            insecure_hosts=frozenset(insecure),
            trusted_token_servers=frozenset(trusted_token_servers),
            ca_files=tuple(ca_files),
            client_certificates={
                domain: ClientCertificate(*each) for domain, each in certificates
            },
            warn=warn or ignore,
        )
        self._prepare(dict(logins or {}))

    @classmethod
    def of(cls, settings: RegistrySettings) -> Self:
        """Use unchanged settings, without the mirrors of the environment."""
        found = cls.__new__(cls)
        found._settings = settings  # noqa: SLF001  (of this class)
        found._prepare({})  # noqa: SLF001
        return found

    def _prepare(self, logins: Mapping[str, tuple[str, str]]) -> None:
        self._logins = logins
        self._credentials: Credentials | None = None
        self._open: dict[str, Client] = {}
        self._stack = ExitStack()
        self._lock = allocate_lock()

    def __call__(self, domain: str) -> Client:
        """Return the client of a registry, opened on first use."""
        with self._lock:
            if domain not in self._open:
                self._open[domain] = self._stack.enter_context(self._connect(domain))
            return self._open[domain]

    def close(self) -> None:
        """Close every client; the next call opens new ones."""
        with self._lock:
            self._stack.close()
            self._open.clear()

    def _connect(self, domain: str) -> Client:
        # Most uses of a cache send no request, and these modules are slow to import.
        from cachedb.registry.auth.credentials import Credentials  # noqa: PLC0415
        from cachedb.registry.client import Client  # noqa: PLC0415

        if self._credentials is None:
            self._credentials = Credentials.from_environment(
                logins=self._logins, warn=self._settings.warn
            )
        return Client(domain, self._settings, self._credentials)
