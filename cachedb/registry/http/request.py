"""One HTTP request, as the transport sends it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RequestBody(Protocol):
    """Content of an upload, read from its start to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""

    def close(self) -> None:
        """Release the file; called after every attempt."""


class Request(NamedTuple):
    """One HTTP request; `open_body` is called once for every attempt.

    `url` is sent byte for byte. `length` is that of the body in bytes. A request that `is_slow`
    makes the server work before it responds, and has a later deadline.
    """

    method: str
    """Method in capitals."""
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers beside those that every request has."""
    open_body: Callable[[], RequestBody] | None = None
    length: int = 0
    is_slow: bool = False
