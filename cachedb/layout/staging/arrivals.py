"""Observers of the bytes of blobs that arrive in the staging area."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.oci.digest import Digest


class ArrivingBlob:
    """An observer of one blob that ignores its bytes; calls come from the thread that writes."""

    def take(self, chunk: bytes | memoryview) -> None:
        """Receive the next bytes, also those that an interrupted transfer left."""

    def restart(self) -> None:
        """Forget the bytes received so far."""

    def complete(self, digest: Digest) -> None:
        """Learn that the blob is whole and has this digest."""

    def abandon(self) -> None:
        """Learn that the rest of the blob does not arrive, or that its bytes are wrong."""


class Arrivals:
    """An observer of arriving blobs that observes none of them; safe for several threads."""

    def open(self, expected: Digest | None) -> ArrivingBlob:  # noqa: ARG002
        """Return the observer of a blob of which nothing has arrived.

        `expected` is its digest, if known; the bytes may turn out to have another one.
        """
        return ArrivingBlob()


UNOBSERVED = Arrivals()
