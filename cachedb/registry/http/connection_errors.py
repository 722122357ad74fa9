"""Errors of requests without a response: cause, proxy and hint, without secrets."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError, NewConnectionError

from cachedb.errors import RegistryUnavailable
from cachedb.patterns import lazy
from cachedb.registry.http.origin import Origin, redact
from cachedb.registry.http.proxies import proxy_login_hint

if TYPE_CHECKING:
    from cachedb.registry.http.proxies import Proxy

# OpenSSL's codes for a chain without a trusted root.
_UNKNOWN_AUTHORITIES = frozenset({18, 19, 20, 21})
_TRUST_HINT = "--cert-file PEM trusts another certificate authority"
_TUNNEL = lazy(r"Tunnel connection failed: (\d{3}[ -~]*)")
_LONGEST_TEXT = 200


def unavailable(url: str, error: Exception, proxy: Proxy | None) -> RegistryUnavailable:
    """Make the error for a request that got no response, with its cause and its proxy."""
    return _unavailable(f"no response from {redact(url)!r}", url, error, proxy)


def interrupted(url: str, error: Exception, proxy: Proxy | None) -> RegistryUnavailable:
    """Make the error for a response whose body was interrupted, with its cause and its proxy."""
    return _unavailable(f"interrupted response from {redact(url)!r}", url, error, proxy)


def _unavailable(
    start: str, url: str, error: Exception, proxy: Proxy | None
) -> RegistryUnavailable:
    # The innermost exception: the outer ones repeat the URL with its query.
    cause = _bottom(error)
    through = f" through the proxy {proxy}" if proxy else ""
    return RegistryUnavailable(
        f"{start}{through}: {_reason(cause)}",
        unanswered=str(Origin.of(url)),
        is_lasting=_is_lasting(cause),
        hint=_hint(cause, proxy),
    )


def without_socks(url: str, proxy: Proxy) -> RegistryUnavailable:
    """Make the error for a SOCKS proxy where PySocks is not installed."""
    return RegistryUnavailable(
        f"no response from {redact(url)!r}: the proxy {proxy} needs PySocks, which is not "
        "installed",
        unanswered=str(Origin.of(url)),
        is_lasting=True,
        hint="pip install 'cachedb[socks]'",
    )


def _bottom(error: BaseException) -> BaseException:
    while (inner := _inner(error)) is not None:
        error = inner
    return error


def _inner(error: BaseException) -> BaseException | None:
    # urllib3 raises NewConnectionError for SOCKS without the cause that it prints.
    context = error.__context__ if isinstance(error, NewConnectionError) else None
    stated = (getattr(error, "reason", None), getattr(error, "socket_err", None))  # of PySocks
    candidates = (*stated, *error.args, error.__cause__, context)
    return next((found for found in candidates if isinstance(found, BaseException)), None)


def _is_lasting(cause: BaseException) -> bool:
    """Return whether another attempt would fail too: no such name, an invalid certificate."""
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_NONAME
    return isinstance(cause, ssl.SSLCertVerificationError) or _refused_tunnel(cause) == "407"


def _hint(cause: BaseException, proxy: Proxy | None) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _TRUST_HINT if cause.verify_code in _UNKNOWN_AUTHORITIES else None
    if proxy is not None and _refused_tunnel(cause) == "407":
        return proxy_login_hint(proxy)
    return None


def _refused_tunnel(cause: BaseException) -> str:
    """Return the status with which a proxy refused to connect, empty if that is not the cause."""
    matched = _TUNNEL.match(str(cause))
    return matched[1][:3] if matched else ""


def _reason(seen: BaseException) -> str:
    if isinstance(seen, ssl.SSLCertVerificationError):
        return f"TLS failed ('certificate verify failed': {seen.verify_message!r})"
    if isinstance(seen, ssl.SSLError):
        return f"TLS failed ({(seen.reason or str(seen)).replace('_', ' ').lower()!r})"
    if isinstance(seen, TimeoutError) or "timed out" in str(seen):
        return "timed out"
    if isinstance(seen, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return "connection closed early"
    if matched := _TUNNEL.match(str(seen)):
        return f"the proxy answers {matched[1].strip()[:_LONGEST_TEXT]!r}"
    if isinstance(seen, OSError):
        return seen.strerror.lower() if seen.strerror else _text(seen)
    if isinstance(seen, (http.client.HTTPException, HTTPError, ValueError)):
        return f"invalid HTTP ({type(seen).__name__})"
    return type(seen).__name__


def _text(error: OSError) -> str:
    """Return the text of an error without its number, in the form of PySocks, or its name."""
    text = str(error)
    return repr(text[:_LONGEST_TEXT]) if text else type(error).__name__
