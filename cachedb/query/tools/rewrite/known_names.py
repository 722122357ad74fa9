"""Names in a cache, as the rewriting of a query needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class KnownNames(Protocol):
    """Lookup of references and digest prefixes in a cache."""

    def matches(self, selector: str) -> bool:
        """Return whether a reference or a digest prefix selects anything."""

    def are_matched(self, query: str, noun: str) -> bool:
        """Return whether every name in a valid query, of `noun` by default, selects something."""

    def created(self, reference: str) -> datetime | None:
        """Return the creation time of the image, the latest if there are several."""


class AnyName:
    """The names where no cache is at hand: each may exist."""

    def matches(self, selector: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return True."""
        return True

    def are_matched(self, query: str, noun: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return True."""
        return True

    def created(self, reference: str) -> datetime | None:  # noqa: ARG002  (a protocol)
        """Return None."""
        return None
