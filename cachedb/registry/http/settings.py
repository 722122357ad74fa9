"""What a user may choose about talking to registries."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cachedb.limits import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    IDLE_SECONDS,
    KIB,
    RETRY_AFTER_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ClientCertificate(NamedTuple):
    """A certificate and its key, as PEM files, that prove who we are to one registry."""

    certificate: str
    key: str | None = None


class Deadlines(NamedTuple):
    """How long to wait for a server, and how often to ask again.

    `idle_seconds` bounds the silence between two packets and the whole time that the headers
    may take; `answer_seconds` is the same for a request that makes the server work (the end
    of an upload). A body that arrives more slowly than `minimum_speed` bytes per second,
    measured over `speed_seconds` of waiting, is given up.
    """

    connect_seconds: float = CONNECT_SECONDS.value
    idle_seconds: float = IDLE_SECONDS.value
    answer_seconds: float = ANSWER_SECONDS.value
    minimum_speed: int = KIB
    speed_seconds: float = 30
    retries: int = 4
    backoff_seconds: float = 0.5
    longest_retry_after: float = RETRY_AFTER_SECONDS.value
    wait: Callable[[float], None] = time.sleep


def ignore(_warning: str) -> None:
    """Drop a warning: the default of a caller who shows none."""


class RegistrySettings(NamedTuple):
    """How to reach registries.

    `insecure_hosts` and `trusted_token_servers` hold ``host`` or ``host:port``: the first are
    reached over plain http, the second may receive the credentials of any registry. `mirrors`
    maps a registry, or ``*`` for every one, to the base URLs that a pull tries first.
    `client_certificates` has registries as keys; each certificate is shown to that registry
    alone. Up to `connections` to one origin are kept for reuse. `warn` receives one escaped
    line a warning.
    """

    mirrors: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    insecure_hosts: frozenset[str] = frozenset()
    trusted_token_servers: frozenset[str] = frozenset()
    ca_files: tuple[str, ...] = ()
    client_certificates: Mapping[str, ClientCertificate] = MappingProxyType({})
    connections: int = 64
    deadlines: Deadlines = Deadlines()
    warn: Callable[[str], None] = ignore
