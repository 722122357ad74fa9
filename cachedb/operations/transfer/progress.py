"""Progress: what a long operation tells whoever is watching.

Calls come from several threads. This one watches nothing; a face of the program has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.oci.digest import Digest


class Progress:
    """A watcher that does not look."""

    def announce(self, size: int) -> None:
        """So many more bytes are to be brought, as far as that is known beforehand."""

    def expect(self, digest: Digest, size: int) -> None:
        """A blob of `size` bytes is about to be transferred."""

    def advance(self, digest: Digest, offset: int) -> None:
        """`offset` bytes of a blob are there; it can go back when a transfer starts anew."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """A blob is there; `how` says it in one word if it was not transferred whole."""

    def note(self, line: str) -> None:
        """Something happened that is worth a line."""


UNWATCHED = Progress()
