"""Proxies of the environment, by the rules of Go's golang.org/x/net/http/httpproxy.

The tools beside cachedb (skopeo, crane, docker, regctl) are written in Go, so one setting of
NO_PROXY must have the same meaning in all of them.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import InvalidInput, UntrustedOrigin
from cachedb.patterns import lazy
from cachedb.registry.http.origin import Origin, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY_END = lazy("[/?#]")
_VARIABLES = {
    "http": ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
    "https": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
}
_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_WITH_PORT = lazy(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*):(?P<port>[^:]*)")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxy(NamedTuple):
    """A proxy, and the environment variable that names it; the URL may hold a password."""

    url: str
    variable: str

    def __str__(self) -> str:
        return f"{redact(self.url)!r} ({self.variable})"

    @property
    def is_socks(self) -> bool:
        """Whether the proxy speaks SOCKS."""
        return self.url.lower().startswith("socks")

    def check(self) -> None:
        """Refuse a URL that is not that of a proxy, before a request is sent through it.

        Raises:
            InvalidInput: The scheme is unknown, or host and port are malformed.
        """
        scheme, _, rest = self.url.partition("://")
        authority = _AUTHORITY_END.split(rest, maxsplit=1)[0].rpartition("@")[2]
        why = "expected an http, https or socks5 URL"
        try:
            if scheme.lower() in _SCHEMES and Origin.at("http", authority):
                return
        except UntrustedOrigin as error:
            why = str(error)
        raise InvalidInput(
            f"invalid proxy {self}: {why}", hint=f"{self.variable}=http://HOST:PORT"
        )


class Proxies(NamedTuple):
    """The proxies for each scheme of a request, and the hosts that are reached without one.

    `no_proxy` is the comma-separated list of NO_PROXY: ``*``, a domain (``example.com`` matches
    itself and its subdomains, ``.example.com`` and ``*.example.com`` match subdomains only), an IP
    address, or a network in CIDR notation; all but the last may have a port.
    """

    by_scheme: Mapping[str, Proxy]
    """Proxy for each of http and https that has one."""
    no_proxy: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Proxies:
        """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, then their lower-case forms.

        In a CGI script, HTTP_PROXY is the ``Proxy`` header of a client, and is ignored.
        """
        found: dict[str, Proxy] = {}
        for scheme, names in _VARIABLES.items():
            for name in names:
                if name == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
                    continue
                if text := environment.get(name, "").strip():
                    url = text if _SCHEME.match(text) else f"http://{text}"
                    found[scheme] = Proxy(url, name)
                    break
        return cls(found, environment.get("NO_PROXY") or environment.get("no_proxy") or "")

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy to an origin, None if it is reached directly; loopback always is.

        Raises:
            InvalidInput: The scheme is not that of a proxy, or host and port are missing.
        """
        proxy = self.by_scheme.get(origin.scheme)
        if proxy is None or origin.is_loopback or self._is_direct(origin):
            return None
        proxy.check()
        return proxy

    def _is_direct(self, origin: Origin) -> bool:
        return any(_matches(entry, origin) for entry in _entries(self.no_proxy))


def proxy_login_hint(proxy: Proxy) -> str:
    """Return how user and password are given to a proxy."""
    scheme = proxy.url.partition("://")[0]
    return f"{proxy.variable}={scheme}://USER:PASSWORD@HOST:PORT"


def _entries(no_proxy: str) -> Iterator[str]:
    for entry in no_proxy.split(","):
        if cleaned := entry.strip().lower():
            yield cleaned


def _matches(entry: str, origin: Origin) -> bool:
    """Return whether one entry of NO_PROXY matches an origin."""
    if entry == "*":
        return True
    address = _address(origin.host.strip("[]"))
    if "/" in entry:
        return address is not None and _is_in_network(address, entry)
    with_port = _WITH_PORT.fullmatch(entry)
    host, port = (with_port["host"], with_port["port"]) if with_port else (entry, "")
    if port and port != str(origin.port):
        return False
    named = _address(host.strip("[]"))
    if address is not None or named is not None:
        return address is not None and address == named
    return bool(host) and _is_domain_of(host, origin.host)


def _is_domain_of(entry: str, host: str) -> bool:
    domain = entry[1:] if entry.startswith("*.") else entry
    if domain.startswith("."):
        return host.endswith(domain)
    return host == entry or host.endswith(f".{entry}")


def _is_in_network(address: _Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # Go compares an IPv4 address and its IPv6-mapped form as equal.
    return getattr(address, "ipv4_mapped", None) or address
