"""Progress of a transfer: bars on a terminal, lines in a pipe, nothing when quiet."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.cli.output import size, tell
from cachedb.operations.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from cachedb.oci import Digest

_SHOWN = 12
_WORTH_A_LINE = 1_000_000


@contextmanager
def watching(*, quiet: bool) -> Iterator[Progress]:
    """Watch a transfer in the way that suits where stderr goes."""
    if quiet:
        yield Progress()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Bars(bars)


class _Lines(Progress):
    """One line for each blob of some size."""

    def __init__(self) -> None:
        self._sizes: dict[Digest, int] = {}

    def expect(self, digest: Digest, size: int) -> None:
        self._sizes[digest] = size

    def finish(self, digest: Digest, how: str = "") -> None:
        amount = self._sizes.pop(digest, 0)
        if amount >= _WORTH_A_LINE:
            tell(f"{digest}  {size(amount)}  {how}".rstrip())

    def note(self, line: str) -> None:
        tell(line)


class _Bars(Progress):
    """A bar for each blob that is on its way, and one for all of them."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._tasks: dict[Digest, TaskID] = {}
        self._sizes: dict[Digest, int] = {}
        self._offsets: dict[Digest, int] = {}
        self._total = bars.add_task("total", total=0)

    def expect(self, digest: Digest, size: int) -> None:
        with self._lock:
            name = digest.encoded[:_SHOWN]
            self._tasks[digest] = self._bars.add_task(name, total=size)
            self._sizes[digest] = size
            self._bars.update(self._total, total=sum(self._sizes.values()))

    def advance(self, digest: Digest, offset: int) -> None:
        with self._lock:
            self._offsets[digest] = offset
            self._bars.update(self._tasks[digest], completed=offset)
            self._bars.update(self._total, completed=sum(self._offsets.values()))

    def finish(self, digest: Digest, how: str = "") -> None:  # noqa: ARG002  (the bar goes)
        with self._lock:
            self._offsets[digest] = self._sizes[digest]
            self._bars.remove_task(self._tasks.pop(digest))
            self._bars.update(self._total, completed=sum(self._offsets.values()))

    def note(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)
