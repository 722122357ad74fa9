"""Registry mirrors, given as ``[REGISTRY=]URL``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from cachedb.errors import InvalidReference, UntrustedOrigin
from cachedb.oci.reference import DOMAIN, NAME
from cachedb.registry.http.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVERY_REGISTRY = "*"
_VARIABLES = ("CACHEDB_MIRROR", "LINUXKIT_MIRROR")
_ALIASES = {"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io"}


class MirrorBase(NamedTuple):
    """Origin of a mirror, and the prefix of its repository names, empty or with a slash."""

    origin: Origin
    prefix: str


def parse(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Parse mirrors in the order to try; one without a registry applies to every registry.

    Raises:
        InvalidReference: One is not ``[REGISTRY=]URL`` with an http or https URL.

    Example:
        >>> parse(["docker.io=https://mirror.example.com"])
        {'docker.io': ('https://mirror.example.com',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        registry, equals, url = text.partition("=")
        if not equals or "://" in registry:
            registry, url = EVERY_REGISTRY, text
        elif not DOMAIN.fullmatch(registry):
            raise InvalidReference(text, f"{registry!r} is not a registry")
        _base(url, text)
        registry = _ALIASES.get(registry, registry)
        found[registry] = (*found.get(registry, ()), url)
    return found


def from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, tuple[str, ...]]:
    """Parse $CACHEDB_MIRROR, or $LINUXKIT_MIRROR: separated by spaces or commas."""
    for variable in _VARIABLES:
        given = environment.get(variable, "")
        if given.strip(" ,"):
            return parse(re.split("[ ,]+", given.strip(" ,")))
    return {}


def bases_of(domain: str, mirrors: Mapping[str, tuple[str, ...]]) -> tuple[MirrorBase, ...]:
    """Return the mirrors of one registry: its own first, then those of every registry."""
    urls = (*mirrors.get(domain, ()), *mirrors.get(EVERY_REGISTRY, ()))
    return tuple(_base(url, url) for url in dict.fromkeys(urls))


def _base(url: str, text: str) -> MirrorBase:
    try:
        origin = Origin.of(url)
    except UntrustedOrigin as error:
        raise InvalidReference(
            text, "expected [REGISTRY=]http[s]://HOST[:PORT][/PREFIX]"
        ) from error
    parts = urlsplit(url)
    path = parts.path.strip("/")
    if path == "v2" or path.startswith("v2/"):
        path = path[3:]
    if parts.query or parts.fragment or (path and not NAME.fullmatch(path)):
        raise InvalidReference(text, f"{path!r} is not a prefix of repository names")
    return MirrorBase(origin=origin, prefix=f"{path}/" if path else "")
