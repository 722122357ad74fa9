"""Progress without a terminal: a line for each large blob, or notes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.render.output import print_stderr
from cachedb.cli.render.output import size as readable
from cachedb.feedback.progress import Progress

if TYPE_CHECKING:
    from cachedb.oci import Digest

_WORTH_A_LINE = 1_000_000


class Notes(Progress):
    """Print notes, and no progress."""

    def note(self, line: str) -> None:
        """Print the line to stderr."""
        print_stderr(line)


class Lines(Notes):
    """Print a line for each finished blob of at least 1 MB."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """Print digest, size, and what was done with the blob."""
        if size >= _WORTH_A_LINE:
            print_stderr(f"{digest}  {readable(size)}  {how}".rstrip())
