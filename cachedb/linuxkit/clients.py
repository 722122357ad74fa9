"""Registry clients of a provider, one for each registry."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.registry.client import Client
    from cachedb.registry.http.settings import RegistrySettings


class Clients:
    """Opens clients on demand, and closes them together.

    Without settings, the mirrors are those of the environment; credentials are those of docker
    and podman.
    """

    def __init__(self, settings: RegistrySettings | None) -> None:
        self._settings = settings
        self._open: dict[str, Client] = {}
        self._stack = ExitStack()

    def __call__(self, domain: str) -> Client:
        """Return the client of a registry, opened on first use."""
        if domain not in self._open:
            self._open[domain] = self._stack.enter_context(self._connect(domain))
        return self._open[domain]

    def close(self) -> None:
        """Close every client."""
        self._stack.close()

    def _connect(self, domain: str) -> Client:
        # Most of what a provider is used for needs no network, and this brings in requests.
        from cachedb.registry import mirrors  # noqa: PLC0415
        from cachedb.registry.auth.credentials import Credentials  # noqa: PLC0415
        from cachedb.registry.client import Client  # noqa: PLC0415
        from cachedb.registry.http.settings import RegistrySettings  # noqa: PLC0415

        settings = self._settings or RegistrySettings(mirrors=mirrors.from_environment())
        return Client(domain, settings, Credentials.from_environment(warn=settings.warn))
