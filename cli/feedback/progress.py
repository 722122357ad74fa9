"""Progress of a transfer: bars on a terminal, lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.cli.feedback.choices import is_progress_wanted
from cachedb.cli.render.output import print_stderr, show
from cachedb.cli.render.output import size as readable
from cachedb.operations.transfer.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from cachedb.oci import Digest

_SHOWN = 12
_WORTH_A_LINE = 1_000_000


@contextmanager
def watching(*, quiet: bool) -> Iterator[Progress]:
    """Yield a progress display for stderr: bars on a terminal, else lines.

    With --no-progress, notes alone are printed.
    """
    if quiet:
        yield Progress()
    elif not is_progress_wanted():
        yield _Notes()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Bars(bars)


class _Notes(Progress):
    """Print notes, and no progress."""

    def note(self, line: str) -> None:
        print_stderr(line)


class _Lines(_Notes):
    """Print a line for each finished blob of at least 1 MB."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        if size >= _WORTH_A_LINE:
            print_stderr(f"{digest}  {readable(size)}  {how}".rstrip())


class _Blob:
    """Blob in transfer: its bar, and the bytes transferred."""

    def __init__(self, task: TaskID) -> None:
        self.task = task
        self.offset = 0


class _Bars(Progress):
    """Show a bar for each blob in transfer, and one for the total."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._blobs: dict[Digest, _Blob] = {}
        self._total = bars.add_task("total", total=0)
        self._announced = 0
        self._expected = 0
        self._arrived = 0

    def announce(self, size: int) -> None:
        with self._lock:
            self._announced += size
            self._show_total()

    def expect(self, digest: Digest, size: int) -> None:
        with self._lock:
            self._end(digest)  # a second attempt, or another image has the same blob
            self._blobs[digest] = _Blob(self._bars.add_task(digest.encoded[:_SHOWN], total=size))
            self._expected += size
            self._show_total()

    def advance(self, digest: Digest, offset: int) -> None:
        with self._lock:
            blob = self._blobs.get(digest)
            if blob is not None:
                self._arrived += offset - blob.offset
                blob.offset = offset
                self._bars.update(blob.task, completed=offset)
                self._show_total()

    def finish(self, digest: Digest, size: int, how: str = "") -> None:  # noqa: ARG002
        with self._lock:
            self._end(digest)
            self._arrived += size
            self._show_total()

    def _end(self, digest: Digest) -> None:
        """Remove a bar, and its bytes from the total."""
        blob = self._blobs.pop(digest, None)
        if blob is not None:
            self._arrived -= blob.offset
            self._bars.remove_task(blob.task)

    def _show_total(self) -> None:
        total = max(self._announced, self._expected)
        self._bars.update(self._total, total=total, completed=self._arrived)

    def note(self, line: str) -> None:
        self._bars.console.print(show(line), markup=False, highlight=False, emoji=False)
