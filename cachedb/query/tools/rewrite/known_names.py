"""Names in a cache, as the rewriting of a query needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class KnownNames(Protocol):
    """Lookup of references and digest prefixes in a cache."""

    has_references: bool
    """Whether a cache is at hand, so that a word without a match is no reference."""

    def selects(self, query: str) -> bool:
        """Return whether a valid query selects anything; without a cache, True."""

    def matches(self, selector: str) -> bool:
        """Return whether a reference or a digest prefix selects anything."""

    def is_package(self, name: str) -> bool:
        """Return whether a package of that name was found in an SBOM."""

    def are_matched(self, query: str, noun: str) -> bool:
        """Return whether every name in a valid query, of `noun` by default, selects something."""

    def created(self, reference: str) -> datetime | None:
        """Return the creation time of the image, the latest if there are several."""


class AnyName:
    """The names where no cache is at hand: each may exist."""

    has_references = False

    def selects(self, query: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return True."""
        return True

    def matches(self, selector: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return True."""
        return True

    def is_package(self, name: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return False: a bare word is a reference rather than a package."""
        return False

    def are_matched(self, query: str, noun: str) -> bool:  # noqa: ARG002  (a protocol)
        """Return True."""
        return True

    def created(self, reference: str) -> datetime | None:  # noqa: ARG002  (a protocol)
        """Return None."""
        return None
