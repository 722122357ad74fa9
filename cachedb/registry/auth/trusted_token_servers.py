"""Trusted token servers: which realms of a challenge may receive credentials."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from cachedb.errors import UntrustedOrigin
from cachedb.registry.http.origin import Origin, redact

if TYPE_CHECKING:
    from cachedb.registry.http.settings import RegistrySettings

# Second-level names below which domains of different owners are registered: co.uk, com.au, …
_SHARED_SECOND_LEVEL = frozenset("ac co com edu gob gov mil ne net nom or org".split())
_COUNTRY = 2


class TokenServerTrust(Enum):
    """Credentials that a token server may receive: those of the registry, or none."""

    CREDENTIALS = auto()
    ANONYMOUS = auto()


def trust_in(realm: str, registry: Origin, settings: RegistrySettings) -> TokenServerTrust:
    """Decide what the token server at `realm` may receive when `registry` names it.

    Credentials go to the origin of the registry itself, over https to a host of the same
    registrable domain, and to token servers that the user trusts by name. Other servers get
    anonymous requests; local addresses and plain http get none, unless the registry itself is
    local or plain http.

    Raises:
        UntrustedOrigin: The token server is not trusted.
    """
    token_server = Origin.of(realm)
    if token_server == registry:
        return TokenServerTrust.CREDENTIALS
    if token_server.is_named_in(settings.trusted_token_servers):
        _check_scheme(token_server, settings, realm)
        return TokenServerTrust.CREDENTIALS
    if token_server.is_local:
        raise UntrustedOrigin(
            f"{str(registry)!r} names a token server at {redact(realm)!r}, a local address",
            hint=f"--trust-realm {token_server.authority}",
        )
    if token_server.scheme != "https":
        raise UntrustedOrigin(
            f"{str(registry)!r} names a token server at {redact(realm)!r}, over plain http",
            hint=f"--trust-realm {token_server.authority}",
        )
    return (
        TokenServerTrust.CREDENTIALS
        if _share_a_domain(token_server, registry)
        else TokenServerTrust.ANONYMOUS
    )


def trust_in_redirect_target(
    realm: str, target: Origin, _settings: RegistrySettings
) -> TokenServerTrust:
    """Allow an anonymous token for the target of a redirect, from its own origin only.

    Raises:
        UntrustedOrigin: The realm is at another origin.
    """
    if Origin.of(realm) != target:
        raise UntrustedOrigin(
            f"{str(target)!r} names a token server at another origin, {redact(realm)!r}"
        )
    return TokenServerTrust.ANONYMOUS


def _check_scheme(token_server: Origin, settings: RegistrySettings, realm: str) -> None:
    if token_server.scheme == "https" or token_server.is_loopback:
        return
    if not token_server.is_named_in(settings.insecure_hosts):
        raise UntrustedOrigin(
            f"refusing to send credentials to {redact(realm)!r} over plain http",
            hint=f"--insecure {token_server.authority}",
        )


def _share_a_domain(one: Origin, other: Origin) -> bool:
    if one.is_address or other.is_address or other.scheme != "https":
        return False
    return _registrable(one.host) == _registrable(other.host)


def _registrable(host: str) -> tuple[str, ...]:
    """Return the registrable domain of a host name; where unsure, a longer one."""
    labels = host.rstrip(".").split(".")
    is_shared = (
        len(labels) > _COUNTRY
        and len(labels[-1]) == _COUNTRY
        and labels[-2] in _SHARED_SECOND_LEVEL
    )
    return tuple(labels[-3:] if is_shared else labels[-2:])
