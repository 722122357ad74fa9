"""Origins, and URLs that a server returns: parsing, resolution, redaction.

URL parsers disagree about backslashes, tabs, ``@`` and more, and with each disagreement one host
is checked and another one is contacted. So a URL from a server is matched against an allow-list of
characters before it is parsed.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urljoin

from cachedb.errors import UntrustedOrigin
from cachedb.patterns import lazy

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65_535
_LONGEST_URL = 16 * 1024
# RFC 3986, so without backslash, space and controls. "@" is a plain character of paths and
# queries; in an authority it would mark userinfo, and _AUTHORITY refuses that.
_URL_CHARACTERS = lazy(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_ABSOLUTE = lazy(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)")
_AUTHORITY = lazy(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{0,5}))?")


class Origin(NamedTuple):
    """Scheme, host and port: credentials are bound to an origin (RFC 6454).

    Example:
        >>> str(Origin.of("https://Registry.example.com/v2/"))
        'https://registry.example.com'
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}"

    @classmethod
    def of(cls, url: str) -> Origin:
        """Parse the origin of an absolute http or https URL.

        Raises:
            UntrustedOrigin: The URL has another scheme, userinfo, or is not plain RFC 3986.
        """
        check_url(url)
        matched = _ABSOLUTE.match(url)
        scheme = matched["scheme"].lower() if matched else ""
        if matched is None or scheme not in _DEFAULT_PORTS:
            raise UntrustedOrigin(f"refusing to follow {redact(url)!r}: not an http URL")
        return cls.at(scheme, matched["authority"])

    @classmethod
    def at(cls, scheme: str, authority: str) -> Origin:
        """Return the origin that `authority` (``host`` or ``host:port``) has under `scheme`.

        Raises:
            UntrustedOrigin: The authority is not a host and a port.
        """
        return cls(scheme, *_host_and_port(scheme, authority))

    @property
    def authority(self) -> str:
        """``host:port``, with the port always there."""
        return f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """``host``, with the port only if it is not that of the scheme."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else self.authority

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a loopback address, or ``localhost`` or a name below it."""
        address = self._address
        if address is None:
            return self.host == "localhost" or self.host.endswith(".localhost")
        return address.is_loopback

    @property
    def is_local(self) -> bool:
        """Whether the host is an address that is not globally routable, or loopback by name."""
        address = self._address
        if address is None:
            return self.is_loopback
        mapped = getattr(address, "ipv4_mapped", None)
        return not (mapped or address).is_global or address.is_multicast

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return self._address is not None

    @property
    def _address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return None

    def is_named_in(self, hosts: frozenset[str]) -> bool:
        """Return whether `hosts` has this host, or this host with this port."""
        return self.host in hosts or self.authority in hosts


def check_url(url: str) -> None:
    """Refuse a URL that two parsers could read differently.

    Raises:
        UntrustedOrigin: It has characters that RFC 3986 does not allow, or is too long.
    """
    if not _URL_CHARACTERS.fullmatch(url) or len(url) > _LONGEST_URL:
        raise UntrustedOrigin(f"refusing to follow {redact(url)!r}: not a plain URL")


def resolve(base: str, location: str) -> str:
    """Resolve the ``Location`` or ``Link`` of a response from `base`, byte for byte.

    An absolute URL and an absolute path are kept as they are, without the fragment: signatures
    cover escapes, empty queries and dot segments. Only a relative path is merged with that of
    `base` (RFC 3986, 5.2).

    Raises:
        UntrustedOrigin: It is not a plain http or https URL.
    """
    check_url(location)
    bare = location.partition("#")[0]
    if _ABSOLUTE.match(bare):
        found = bare
    elif bare.startswith("//"):
        found = f"{base.partition(':')[0]}:{bare}"
    elif bare.startswith("/"):
        found = f"{Origin.of(base)}{bare}"
    else:
        found = _merged(base, bare)
    Origin.of(found)
    return found


def request_target(url: str) -> str:
    """Return the path and query of an absolute URL byte for byte (RFC 9112, origin-form).

    Example:
        >>> request_target("https://host/a%2fb?account=a@b")
        '/a%2fb?account=a@b'
    """
    matched = _ABSOLUTE.match(url)
    target = url[matched.end() :] if matched else url
    return target if target.startswith("/") else f"/{target}"


def _merged(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError as error:
        raise UntrustedOrigin(f"refusing to follow {redact(location)!r}: {error}") from error


def redact(url: str) -> str:
    """Return `url` without userinfo, query and fragment, which may hold secrets.

    Example:
        >>> redact("https://user:secret@host/path?token=secret")
        'https://host/path?…'
    """
    bare, mark, _ = re.sub(r"#.*", "", url, flags=re.DOTALL).partition("?")
    scheme, separator, rest = bare.partition("://")
    if separator:
        authority, slash, path = rest.partition("/")
        bare = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    elif "@" in bare:
        bare = bare.rpartition("@")[2]
    return bare[:200] + ("?…" if mark else "")


def path_segment(text: str) -> str:
    """Quote `text` for one segment of a path."""
    return quote(text, safe=":")


# Of every request of a transfer, which has thousands to few registries.
@lru_cache(maxsize=64)
def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    matched = _AUTHORITY.fullmatch(authority)
    if matched is None:
        raise UntrustedOrigin(f"{authority.rpartition('@')[2]!r} is not a host and a port")
    port = int(matched["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _LARGEST_PORT:
        raise UntrustedOrigin(f"{authority!r} has a port out of range")
    return _checked_host(matched["host"]), port


def _checked_host(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError as error:
            raise UntrustedOrigin(f"{host!r} is not an IPv6 address") from error
    # The resolver reads "0x7f.1" and "127.1" as addresses; URL parsers read them as names.
    if re.fullmatch(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\.?", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise UntrustedOrigin(f"{host!r} is not an IPv4 address") from error
    return host
