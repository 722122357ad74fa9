"""One request, one answer: the only module that touches requests.

What requests does for a browser-like user is switched off: no environment (``.netrc`` would
replace our Authorization), no cookies, no redirects of its own, no decoding of bodies.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import getproxies

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from requests.models import PreparedRequest
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy, should_bypass_proxies
from urllib3.exceptions import HTTPError

from cachedb.errors import RegistryUnavailable, StorageFailed, WrongContent
from cachedb.limits import KIB, MIB
from cachedb.registry.http.deadlines import make_patient
from cachedb.registry.http.origin import Origin, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from requests import Response
    from urllib3.response import HTTPResponse

    from cachedb.limits import Limit
    from cachedb.registry.http.settings import ClientCertificate, RegistrySettings

CHUNK_BYTES = MIB
# Not more: the timeout of a socket is for one block, so this is also the slowest upload.
_SEND_BLOCK = 64 * KIB
_WORTH_DRAINING = 64 * KIB
# OpenSSL's codes for a chain that ends at nobody whom we trust.
_UNKNOWN_AUTHORITIES = frozenset({18, 19, 20, 21})
_TRUST_HINT = "--cert-file PEM trusts another certificate authority"


class Body(Protocol):
    """What an upload is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, nothing at the end."""

    def close(self) -> None:
        """Let go of the file; called after every attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `open_body` is called anew for every attempt."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    open_body: Callable[[], Body] | None = None
    length: int = 0
    is_slow: bool = False


class Answer:
    """What a server answered; the body is read at most once, and never without a limit."""

    def __init__(self, response: Response, request: Request) -> None:
        self._raw: HTTPResponse = response.raw
        self.request = request
        self.status: int = response.status_code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After an error the rest is not worth waiting for, least of all after Ctrl-C.
        if kind is None:
            self.close()
        else:
            self._hang_up()

    @property
    def url(self) -> str:
        """The URL that was asked."""
        return self.request.url

    @property
    def origin(self) -> Origin:
        """The origin that answered."""
        return Origin.of(self.request.url)

    def header(self, name: str) -> str | None:
        """Return the value of a header, joined by commas if it is there several times."""
        return self._raw.headers.get(name)

    def header_lines(self, name: str) -> Sequence[str]:
        """Return the value of every header of that name."""
        return self._raw.headers.getlist(name)

    def read(self, limit: Limit, what: str) -> bytes:
        """Return the whole body.

        Raises:
            LimitExceeded: There is more than `limit`, or the server says so.
            RegistryUnavailable: The connection broke.
            WrongContent: The body is encoded, though we accept no encoding.
        """
        limit.check(int(self._raw.length_remaining or 0), what)
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            limit.check(len(found), what)
        return bytes(found)

    def read_start(self, size: int) -> bytes:
        """Return up to `size` bytes of the body, fewer if the connection breaks."""
        found = bytearray()
        try:
            for chunk in self.chunks():
                found += chunk
                if len(found) >= size:
                    break
        except (RegistryUnavailable, WrongContent):
            pass  # the answer is an error already; its text is a courtesy
        return bytes(found[:size])

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes, in pieces of up to a MiB.

        What arrived before a connection broke is yielded before the error is raised.
        """
        self._check_encoding()
        while True:
            try:
                piece = self._raw.read1(CHUNK_BYTES, decode_content=False)
            except (HTTPError, ValueError, OSError) as error:
                raise unavailable(self.url, error) from error
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Give the connection back for reuse, or close it if too much is unread."""
        raw = self._raw
        try:
            if raw.length_remaining is not None and raw.length_remaining <= _WORTH_DRAINING:
                raw.read(decode_content=False)
        except (HTTPError, ValueError, OSError):
            pass  # it is closed below in any case
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection, unless the whole body was read and it was given back."""
        self._raw.close()
        self._raw.release_conn()

    def _check_encoding(self) -> None:
        encoding = self.header("Content-Encoding")
        if encoding and encoding.strip().lower() != "identity":
            raise WrongContent(
                repr(redact(self.url)), f"encoded as {encoding[:40]!r}, and we accept no encoding"
            )


class Transport:
    """Sends requests to the registry at `home` and to where it redirects.

    Several threads may use one transport; they share its connections.
    """

    def __init__(self, home: Origin, settings: RegistrySettings) -> None:
        self._home = home
        self._patience = settings.patience
        self._agent = f"cachedb/{version('cachedb')}"
        self._proxies = getproxies()
        self._adapter = _Adapter(settings, None)
        certificate = settings.client_certificates.get(
            home.authority, settings.client_certificates.get(home.host)
        )
        self._home_adapter = _Adapter(settings, certificate) if certificate else self._adapter

    def send(self, request: Request) -> Answer:
        """Send one request and return the answer, whatever its status is.

        Raises:
            RegistryUnavailable: There was no answer.
        """
        origin = Origin.of(request.url)
        adapter = self._home_adapter if origin == self._home else self._adapter
        patience = self._patience
        waiting = patience.answer_seconds if request.is_slow else patience.idle_seconds
        body = request.open_body() if request.open_body is not None else None
        try:
            response = adapter.send(
                self._prepare(request, body),
                stream=True,
                timeout=(patience.connect_seconds, waiting),
                proxies=self._proxies_for(origin, request.url),
            )
        # Beside their own families, requests and urllib3 let ValueError and OSError through.
        except (RequestException, HTTPError, ValueError, OSError) as error:
            raise unavailable(request.url, error) from error
        finally:
            if body is not None:
                body.close()
        return Answer(response, request)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._adapter.close()
        self._home_adapter.close()

    def _prepare(self, request: Request, body: Body | None) -> PreparedRequest:
        headers = {
            "User-Agent": self._agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        prepared = PreparedRequest()
        prepared.prepare(method=request.method, url=request.url, headers=headers)
        # requests normalises escapes, and a signed URL has to go out as it came in.
        prepared.url = request.url
        if body is not None:
            prepared.headers["Content-Length"] = str(request.length)
            prepared.body = body if request.length else None  # type: ignore[assignment]
        return prepared

    def _proxies_for(self, origin: Origin, url: str) -> dict[str, str] | None:
        if origin.is_loopback or should_bypass_proxies(url, no_proxy=None):
            return None
        proxy = select_proxy(url, self._proxies)
        return {origin.scheme: proxy} if proxy else None


class _Adapter(HTTPAdapter):
    """An HTTPAdapter with our deadlines and our certificates."""

    def __init__(self, settings: RegistrySettings, certificate: ClientCertificate | None) -> None:
        self._patience = settings.patience
        self._ca_files = settings.ca_files
        self._certificate = certificate
        super().__init__(pool_connections=8, pool_maxsize=settings.connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, blocksize=_SEND_BLOCK, **kwargs)
        self._make_patient(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, blocksize=_SEND_BLOCK, **kwargs)
        if is_new:
            self._make_patient(manager)
        return manager

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Late, because reading the system's certificates is the slowest part of a small request.
        return _tls_context(self._ca_files, self._certificate)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context of the connection says what is trusted."""

    def _make_patient(self, manager: Any) -> None:
        make_patient(
            manager,
            minimum_speed=self._patience.minimum_speed,
            speed_seconds=self._patience.speed_seconds,
        )


def unavailable(url: str, error: Exception) -> RegistryUnavailable:
    """Say that there was no answer, and why, without what a URL may hide."""
    # At the bottom, because the outer layers repeat the URL with its query.
    cause = _bottom(error)
    return RegistryUnavailable(
        f"no answer from {redact(url)!r}: {_reason(cause)}",
        unanswered=str(Origin.of(url)),
        is_lasting=_is_lasting(cause),
        hint=_TRUST_HINT if _is_unknown_authority(cause) else None,
    )


def _bottom(error: BaseException) -> BaseException:
    while (inner := _inner(error)) is not None:
        error = inner
    return error


def _is_lasting(cause: BaseException) -> bool:
    """Whether the same would happen at once: a certificate that does not hold, no such name."""
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_NONAME
    return isinstance(cause, ssl.SSLCertVerificationError)


def _is_unknown_authority(cause: BaseException) -> bool:
    return (
        isinstance(cause, ssl.SSLCertVerificationError)
        and cause.verify_code in _UNKNOWN_AUTHORITIES
    )


def _reason(seen: BaseException) -> str:
    if isinstance(seen, ssl.SSLCertVerificationError):
        return f"TLS failed ('certificate verify failed': {seen.verify_message!r})"
    if isinstance(seen, ssl.SSLError):
        return f"TLS failed ({(seen.reason or str(seen)).replace('_', ' ').lower()!r})"
    if isinstance(seen, TimeoutError) or "timed out" in str(seen):
        return "it takes too long"
    if isinstance(seen, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return "the connection is closed early"
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower()
    if isinstance(seen, (http.client.HTTPException, HTTPError, ValueError)):
        return f"it does not speak HTTP as it should ({type(seen).__name__})"
    return type(seen).__name__


def _inner(error: BaseException) -> BaseException | None:
    candidates = (getattr(error, "reason", None), *error.args, error.__cause__)
    return next((found for found in candidates if isinstance(found, BaseException)), None)


def _tls_context(ca_files: Sequence[str], certificate: ClientCertificate | None) -> ssl.SSLContext:
    """Trust what the environment or the system trusts, and `ca_files` besides."""
    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    where = given or ("" if _system_has_certificates() else DEFAULT_CA_BUNDLE_PATH)
    path = ""
    try:
        context = _context_trusting(where)
        for path in ca_files:
            context.load_verify_locations(cafile=path)
        if certificate is not None:
            path = certificate.certificate
            context.load_cert_chain(certificate.certificate, certificate.key)
    except ssl.SSLError as error:
        raise StorageFailed(f"cannot read the certificate in {path or where!r}") from error
    except OSError as error:
        raise StorageFailed.of(error, f"read the certificate in {path or where!r}") from error
    return context


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and os.listdir(paths.capath)))


def _context_trusting(where: str) -> ssl.SSLContext:
    if not where:
        return ssl.create_default_context()
    if os.path.isdir(where):
        return ssl.create_default_context(capath=where)
    return ssl.create_default_context(cafile=where)
