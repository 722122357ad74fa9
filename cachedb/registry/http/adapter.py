"""Adapter of urllib3: requests over kept connections, sent as they are.

No environment (``.netrc`` would replace the Authorization header), no cookies, no redirects, no
retries, no decoding, and no rewriting of URLs. Importing this module imports urllib3: 75 ms.
"""

from __future__ import annotations

import functools
import threading
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout, make_headers, parse_url

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
_POOLS = 8
# One attempt: the session has the retries. read=False raises the error of a read as it is.
_ONCE = Retry(0, read=False)
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class Adapter:
    """Sender of requests over kept connections, with deadlines, certificates and raw URLs.

    Safe for several threads, which share the connections.
    """

    def __init__(self, settings: RegistrySettings, certificate: ClientCertificate | None) -> None:
        self._deadlines = settings.deadlines
        self._ca_files = settings.ca_files
        self._connections = settings.connections
        self._certificate = certificate
        self._turn = threading.Lock()
        self._managers: dict[str | None, PoolManager] = {}

    def request(
        self, request: Request, headers: Mapping[str, str], proxy: Proxy | None
    ) -> Response:
        """Send one request and return its response, whatever its status is.

        Raises:
            RegistryUnavailable: There was no response.
        """
        if proxy is not None and proxy.is_socks and find_spec("socks") is None:
            raise without_socks(request.url, proxy)
        body = request.open_body() if request.open_body is not None else None
        try:
            raw = self._send(request, headers, body, proxy)
        # Beside its own exceptions, urllib3 raises ValueError and OSError.
        except (HTTPError, ValueError, OSError) as error:
            raise unavailable(request.url, error, proxy) from error
        finally:
            if body is not None:
                body.close()
        return Response(raw, request, proxy)

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._turn:
            for manager in self._managers.values():
                manager.clear()

    def pool_to(self, origin: Origin, proxy: Proxy | None) -> Any:
        """Return the pool of connections to an origin, direct or through a proxy."""
        manager = self._manager(proxy)
        trust = {"ssl_context": self._context} if origin.scheme == "https" else {}
        return manager.connection_from_host(
            origin.host, origin.port, origin.scheme, pool_kwargs=trust
        )

    def _send(
        self,
        request: Request,
        headers: Mapping[str, str],
        body: RequestBody | None,
        proxy: Proxy | None,
    ) -> Any:
        limits = self._deadlines
        waiting = limits.answer_seconds if request.is_slow else limits.idle_seconds
        origin = Origin.of(request.url)
        # A proxy for http that is not SOCKS is sent the whole URL (RFC 9112, absolute-form).
        is_forwarded = proxy is not None and not proxy.is_socks and origin.scheme == "http"
        has_length = body is not None or request.method not in _WITHOUT_BODY
        length = {"Content-Length": str(request.length)} if has_length else {}
        return self.pool_to(origin, proxy).urlopen(
            request.method,
            request.url if is_forwarded else request_target(request.url),
            body=body if request.length else None,
            headers={**headers, **length},
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=_ONCE,
            timeout=Timeout(connect=limits.connect_seconds, read=waiting),
        )

    def _manager(self, proxy: Proxy | None) -> PoolManager:
        """Return the pools of direct connections, or of those through a proxy."""
        key = None if proxy is None else proxy.url
        with self._turn:
            if key not in self._managers:
                made = _new_manager(
                    proxy,
                    {"num_pools": _POOLS, "maxsize": self._connections, "blocksize": _SEND_BLOCK},
                )
                self._use_own_pools(made)
                self._managers[key] = made
            return self._managers[key]

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Late, because reading the system's certificates is the slowest part of a small request.
        return tls.context(self._ca_files, self._certificate)

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


def _new_manager(proxy: Proxy | None, settings: dict[str, Any]) -> PoolManager:
    if proxy is None:
        return PoolManager(**settings)
    user, password = _login(proxy)
    if proxy.is_socks:
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415  (imports PySocks)

        return SOCKSProxyManager(proxy.url, username=user, password=password, **settings)
    login = make_headers(proxy_basic_auth=f"{user}:{password}") if user else {}
    return ProxyManager(proxy.url, proxy_headers=login, **settings)


def _login(proxy: Proxy) -> tuple[str | None, str | None]:
    """Return user and password in the URL of a proxy, with their escapes decoded."""
    user, separator, password = (parse_url(proxy.url).auth or "").partition(":")
    return (unquote(user), unquote(password)) if separator else (None, None)


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
