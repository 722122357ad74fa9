"""Progress reports of long operations, for a terminal or another observer.

Calls come from several threads. This one watches nothing; a face of the program has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


class LineProgress(Progress):
    """Pass a line of text for each finished blob to a function such as `print`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """Write digest and size."""
        self._write(f"{digest}  {size:,} bytes  {how}".rstrip())

    def note(self, line: str) -> None:
        """Write the line."""
        self._write(line)


def warn_of_algorithms(progress: Progress, digests: Iterable[Digest]) -> None:
    """Note a warning if a digest is not sha256, which other tools do not read."""
    found = sorted({digest.algorithm for digest in digests} - {"sha256"})
    if found:
        progress.note(
            f"warning: the cache has {' and '.join(found)} digests now; linuxkit, crane, umoci "
            "and skopeo can no longer read it"
        )
