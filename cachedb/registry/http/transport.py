"""Requests to one registry and to the targets of its redirects, over kept connections."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

from cachedb.errors import RegistryError
from cachedb.feedback.log import Logger
from cachedb.registry.http.origin import Origin, redact
from cachedb.registry.http.proxies import Proxies
from cachedb.version import VERSION

if TYPE_CHECKING:
    from cachedb.registry.http.adapter import Adapter
    from cachedb.registry.http.request import Request
    from cachedb.registry.http.response import Response
    from cachedb.registry.http.settings import RegistrySettings

_log = Logger("cachedb.registry")


class Transport:
    """Sender of requests to the registry at `home` and to the targets of its redirects.

    A client certificate is shown to `home` alone. Several threads may use one transport; they
    share its connections.
    """

    def __init__(self, home: Origin, settings: RegistrySettings) -> None:
        self._home = home
        self._settings = settings
        self._proxies = Proxies.from_environment()
        self._lock = threading.Lock()
        self._adapters: dict[bool, Adapter] = {}

    def send(self, request: Request) -> Response:
        """Send one request and return its response, whatever its status is.

        Raises:
            RegistryUnavailable: There was no response.
            InvalidInput: The environment names an invalid proxy.
        """
        origin = Origin.of(request.url)
        headers = {
            "User-Agent": self._agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        adapter = self._adapter_to(origin)
        proxy = self._proxies.proxy_for(origin)
        started = time.monotonic()
        try:
            response = adapter.request(request, headers, proxy)
        except RegistryError as error:
            _log.info("%s %s: %s", request.method, redact(request.url), error)
            raise
        milliseconds = 1000 * (time.monotonic() - started)
        through = f" through {proxy}" if proxy is not None else ""
        _log.info(
            "%s %s -> %d in %.0f ms%s",
            request.method,
            redact(request.url),
            response.status,
            milliseconds,
            through,
        )
        return response

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            for adapter in self._adapters.values():
                adapter.close()

    @cached_property
    def _agent(self) -> str:
        return f"cachedb/{VERSION}"

    def _adapter_to(self, origin: Origin) -> Adapter:
        """Return the connections with the client certificate, or those without."""
        # Imported late, because a command without requests need not import the library of that
        # name.
        from cachedb.registry.http.adapter import Adapter  # noqa: PLC0415

        certificates = self._settings.client_certificates
        certificate = certificates.get(self._home.authority, certificates.get(self._home.host))
        is_certified = certificate is not None and origin == self._home
        with self._lock:
            if is_certified not in self._adapters:
                shown = certificate if is_certified else None
                self._adapters[is_certified] = Adapter(self._settings, shown)
            return self._adapters[is_certified]
