"""Realms: which token servers a registry may send us to, and with what."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from cachedb.errors import UntrustedOrigin
from cachedb.registry.http.origin import Origin, redact

if TYPE_CHECKING:
    from cachedb.registry.http.settings import RegistrySettings

# Second-level names under which strangers are neighbours: co.uk, com.au, …
_SHARED_SECOND_LEVEL = frozenset("ac co com edu gob gov mil ne net nom or org".split())
_COUNTRY = 2


class Trust(Enum):
    """What a token server may be told."""

    CREDENTIALS = auto()
    NOTHING = auto()


def trust_in(realm: str, registry: Origin, settings: RegistrySettings) -> Trust:
    """Say what the token server at `realm` may be told when `registry` names it.

    Credentials go to the origin of the registry itself, over https to a host of the same
    registrable domain, and to realms that the user trusts by name. Others are asked
    anonymously; those that lead from the outside in, or from https to http, not at all.

    Raises:
        UntrustedOrigin: The realm must not be asked.
    """
    token_server = Origin.of(realm)
    if token_server == registry:
        return Trust.CREDENTIALS
    if token_server.is_named_in(settings.trusted_token_servers):
        _check_scheme(token_server, settings, realm)
        return Trust.CREDENTIALS
    if token_server.is_local:
        raise UntrustedOrigin(
            f"{str(registry)!r} sends us to log in at {redact(realm)!r}, a local address",
            hint=f"--trust-realm {token_server.authority}",
        )
    if token_server.scheme != "https":
        raise UntrustedOrigin(
            f"{str(registry)!r} sends us to log in at {redact(realm)!r}, over plain http",
            hint=f"--trust-realm {token_server.authority}",
        )
    return Trust.CREDENTIALS if _are_neighbours(token_server, registry) else Trust.NOTHING


def _check_scheme(token_server: Origin, settings: RegistrySettings, realm: str) -> None:
    if token_server.scheme == "https" or token_server.is_loopback:
        return
    if not token_server.is_named_in(settings.insecure_hosts):
        raise UntrustedOrigin(
            f"refusing to send credentials to {redact(realm)!r} over plain http",
            hint=f"--insecure {token_server.authority}",
        )


def _are_neighbours(one: Origin, other: Origin) -> bool:
    if one.is_address or other.is_address or other.scheme != "https":
        return False
    return _registrable(one.host) == _registrable(other.host)


def _registrable(host: str) -> tuple[str, ...]:
    """Return the part of a host name that one owner has registered, at the least."""
    labels = host.rstrip(".").split(".")
    is_shared = (
        len(labels) > _COUNTRY
        and len(labels[-1]) == _COUNTRY
        and labels[-2] in _SHARED_SECOND_LEVEL
    )
    return tuple(labels[-3:] if is_shared else labels[-2:])
