"""Progress reports of long operations, for a terminal or another observer.

Calls come from several threads. This one watches nothing; a face of the program has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachedb.oci.digest import Digest


class Progress:
    """An observer that ignores all reports."""

    def announce(self, size: int) -> None:
        """Report bytes that will be transferred, as far as known in advance."""

    def expect(self, digest: Digest, size: int) -> None:
        """Report that the transfer of a blob of `size` bytes starts."""

    def advance(self, digest: Digest, offset: int) -> None:
        """Report that `offset` bytes of a blob are done; less than before after a restart."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """Report that a blob is done; `how` is one word if it was not transferred whole."""

    def note(self, line: str) -> None:
        """Report one line for the user."""


UNWATCHED = Progress()
