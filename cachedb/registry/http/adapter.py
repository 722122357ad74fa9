"""Adapter of the requests library, without its features for users of browsers.

No environment (``.netrc`` would replace the Authorization header), no cookies, no redirects, no
decoding, and no rewriting of URLs. Importing this module imports requests: 100 ms.
"""

from __future__ import annotations

import functools
import threading
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from requests import models
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from cachedb.limits import KIB
from cachedb.registry.http import deadlines, tls
from cachedb.registry.http.connection_errors import unavailable, without_socks
from cachedb.registry.http.origin import Origin, request_target
from cachedb.registry.http.response import Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from socket import socket

    from cachedb.registry.http.proxies import Proxy
    from cachedb.registry.http.request import Request, RequestBody
    from cachedb.registry.http.settings import ClientCertificate, RegistrySettings

# The timeout of a socket applies to one block, so the block size bounds the slowest upload.
_SEND_BLOCK = 64 * KIB


class Adapter(HTTPAdapter):
    """Sender of requests over kept connections, with deadlines, certificates and raw URLs."""

    def __init__(self, settings: RegistrySettings, certificate: ClientCertificate | None) -> None:
        self._deadlines = settings.deadlines
        self._ca_files = settings.ca_files
        self._certificate = certificate
        super().__init__(pool_connections=8, pool_maxsize=settings.connections)

    def request(
        self, request: Request, headers: Mapping[str, str], proxy: Proxy | None
    ) -> Response:
        """Send one request and return its response, whatever its status is.

        Raises:
            RegistryUnavailable: There was no response.
        """
        if proxy is not None and proxy.is_socks and find_spec("socks") is None:
            raise without_socks(request.url, proxy)
        limits = self._deadlines
        waiting = limits.answer_seconds if request.is_slow else limits.idle_seconds
        body = request.open_body() if request.open_body is not None else None
        try:
            response = self.send(
                _prepared(request, headers, body),
                stream=True,
                timeout=(limits.connect_seconds, waiting),
                proxies={Origin.of(request.url).scheme: proxy.url} if proxy else None,
            )
        # Beside their own exceptions, requests and urllib3 raise ValueError and OSError.
        except (RequestException, HTTPError, ValueError, OSError) as error:
            raise unavailable(request.url, error, proxy) from error
        finally:
            if body is not None:
                body.close()
        return Response(response.raw, request, proxy)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, blocksize=_SEND_BLOCK, **kwargs)
        self._use_own_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, blocksize=_SEND_BLOCK, **kwargs)
        if is_new:
            self._use_own_pools(manager)
        return manager

    def request_url(self, request: models.PreparedRequest, proxies: Any) -> str:
        """Return the target of a request byte for byte, absolute where a proxy needs it."""
        assert request.url is not None
        if proxies and not super().request_url(request, proxies).startswith("/"):
            return request.url
        return request_target(request.url)

    def build_response(self, _request: models.PreparedRequest, resp: Any) -> models.Response:
        """Return a response that has a body and no cookies: `Response` reads the rest of it."""
        response = models.Response()
        response.raw = resp
        return response

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Late, because reading the system's certificates is the slowest part of a small request.
        return tls.context(self._ca_files, self._certificate)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Choose the pool of a request by its origin, and set its TLS context."""
        del verify, cert  # the context decides
        scheme, host, port = Origin.of(request.url)
        attributes = {"scheme": scheme, "host": host.strip("[]"), "port": port}
        return attributes, {"ssl_context": self._context} if scheme == "https" else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context of the connection decides which certificates are trusted."""

    def _use_own_pools(self, manager: Any) -> None:
        """Replace the pool classes of a manager, for SOCKS or not, by subclasses of them."""
        response_class = deadlines.response_class(
            minimum_speed=self._deadlines.minimum_speed,
            speed_seconds=self._deadlines.speed_seconds,
        )
        manager.pool_classes_by_scheme = {
            scheme: functools.partial(_own_pool(base), response_class=response_class)
            for scheme, base in manager.pool_classes_by_scheme.items()
        }


def _prepared(
    request: Request, headers: Mapping[str, str], body: RequestBody | None
) -> models.PreparedRequest:
    """Prepare what is sent: `prepare` would normalise the URL, which may be signed.

    It would also look for cookies, hooks and a login in the URL, a tenth of the time of a request.
    """
    prepared = models.PreparedRequest()
    prepared.method, prepared.url = request.method, request.url
    prepared.prepare_headers(headers)
    if body is None:
        prepared.prepare_content_length(None)
    else:
        prepared.headers["Content-Length"] = str(request.length)
        prepared.body = body if request.length else None  # type: ignore[assignment]
    return prepared


class _OwnPool:
    """Mixin for urllib3's connection pools: responses with deadlines, and URLs byte for byte.

    urllib3 rewrites the escapes of a URL (``%2f`` becomes ``%2F``), between urlopen() and
    _make_request().
    """

    def __init__(self, *args: Any, response_class: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._response_class = response_class
        self._current = threading.local()

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        connection.response_class = self._response_class
        connect = connection._new_conn  # noqa: SLF001  (the one place where urllib3 connects)
        connection._new_conn = functools.partial(_interruptibly, connect)  # noqa: SLF001
        return connection

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        self._current.target = url
        # A path that starts with two slashes would be read as a host.
        shown = "/" if url.startswith("/") else url
        return super().urlopen(method, shown, *args, **kwargs)  # type: ignore[misc]

    def _make_request(self, conn: Any, method: str, _url: str, *args: Any, **kwargs: Any) -> Any:
        return super()._make_request(  # type: ignore[misc]
            conn, method, self._current.target, *args, **kwargs
        )


def _interruptibly(connect: Callable[[], socket]) -> socket:
    """Connect in another thread than the main one, in which Ctrl-C is handled meanwhile.

    The resolver of the C library waits for name servers in one call, for 20 s and more.
    """
    if threading.current_thread() is not threading.main_thread():
        return connect()
    made: list[socket] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(connect())
        except BaseException as error:  # noqa: BLE001  (raised below)
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


@functools.cache
def _own_pool(base: type) -> type:
    return type(f"_Own{base.__name__}", (_OwnPool, base), {})
