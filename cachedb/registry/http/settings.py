"""Settings of the registry client: mirrors, trust, certificates, deadlines."""

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
    """Paths of a client certificate and its key, as PEM files, for one registry."""

    certificate: str
    key: str | None = None


class Deadlines(NamedTuple):
    """Timeouts in seconds, and retries.

    `idle_seconds` limits the wait between two packets and the time until the headers are
    complete; `answer_seconds` replaces it for a request that makes the server work (the end
    of an upload). A body slower than `minimum_speed` bytes a second, measured over
    `speed_seconds` of waiting, is abandoned. A request is sent up to 1 + `retries` times; the
    waits between grow from `backoff_seconds`. A Retry-After beyond `longest_retry_after` is an
    error.
    """

    connect_seconds: float = CONNECT_SECONDS.value
    """Time to connect, TLS included."""
    idle_seconds: float = IDLE_SECONDS.value
    answer_seconds: float = ANSWER_SECONDS.value
    minimum_speed: int = KIB
    speed_seconds: float = 30
    retries: int = 4
    backoff_seconds: float = 0.5
    longest_retry_after: float = RETRY_AFTER_SECONDS.value
    wait: Callable[[float], None] = time.sleep


def ignore(_warning: str) -> None:
    """Discard a warning."""


class RegistrySettings(NamedTuple):
    """Settings for every registry that a command uses.

    `insecure_hosts` and `trusted_token_servers` hold ``host`` or ``host:port``: the first are
    reached over plain http, the second may receive the credentials of any registry. `mirrors` maps
    a registry, or ``*`` for every registry, to the base URLs that a pull tries first.
    `client_certificates` has registries as keys; each certificate is shown to that registry alone.
    Up to `connections` to one origin are kept for reuse. `warn` receives one escaped line a
    warning.
    """

    mirrors: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    insecure_hosts: frozenset[str] = frozenset()
    trusted_token_servers: frozenset[str] = frozenset()
    ca_files: tuple[str, ...] = ()
    """Paths of PEM files of further certificate authorities."""
    client_certificates: Mapping[str, ClientCertificate] = MappingProxyType({})
    connections: int = 64
    deadlines: Deadlines = Deadlines()
    warn: Callable[[str], None] = ignore
