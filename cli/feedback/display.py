"""Progress on a terminal: what is under way, and when bars of it are drawn.

Bars are drawn of operations that take longer than a second, and are gone when these have ended.
rich, which draws them, is imported then.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cachedb.cli.render.output import print_stderr, show
from cachedb.feedback.progress import BYTES, Progress, Task

if TYPE_CHECKING:
    from cachedb.cli.feedback.bars import Bars
    from cachedb.oci import Digest

_PATIENCE = 1.0
_SHOWN = 12


class Work(Task):
    """One bar: a step or the transfer of a blob, and how much of it is done.

    A step of bytes whose total is unknown consists of the transfers in it.
    """

    def __init__(self, display: Display, what: str, total: int | None, unit: str = BYTES) -> None:
        self._display = display
        self.what: str = show(what)
        self.total = total
        self.unit = unit
        self.done: int = 0
        self.is_of_transfers: bool = total is None and unit == BYTES

    def advance(self, amount: int = 1) -> None:
        """Add to what is done, which may be more than was expected."""
        with self._display.lock:
            self.done += amount

    def end(self) -> None:
        """Remove the bar, and after the last step all of them."""
        self._display.end(self)


class Display(Progress):
    """Keep what is under way; draw it once an operation has taken a second.

    `steps` has the steps, the outermost first, and `blobs` the transfers. The bar of a step of
    transfers is their total: of the bytes announced, or of the blobs known so far.
    """

    is_due: bool = False
    """Whether an operation has taken a second, so that bars are drawn at once."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.steps: list[Work] = []
        self.blobs: dict[Digest, Work] = {}
        self._announced = 0
        self._expected = 0
        self._timer: threading.Timer | None = None
        self._bars: Bars | None = None

    def works(self) -> list[Work]:
        """Return every bar, from the top: the transfers, then the steps.

        A step that counts nothing itself has one only while no step inside of it has.
        """
        with self.lock:
            shown = [step for step in self.steps[:-1] if step.total or step.is_of_transfers]
            return [*self.blobs.values(), *self.steps[-1:], *reversed(shown)]

    def task(self, what: str, total: int | None = None, unit: str = BYTES) -> Work:
        """Add the bar of a step."""
        work = Work(self, what, total, unit)
        with self.lock:
            self.steps.append(work)
            if self.is_due:
                self._draw()
            elif self._timer is None:
                self._timer = threading.Timer(_PATIENCE, self._be_due)
                self._timer.daemon = True
                self._timer.start()
        return work

    def end(self, work: Work) -> None:
        """Remove the bar of a step with the transfers in it; erase the last one."""
        with self.lock:
            self.steps.remove(work)
            if work.is_of_transfers:
                self.blobs.clear()
                self._announced = self._expected = 0
            bars = None
            if not self.steps:
                bars, self._bars = self._bars, None
        # Its thread may be waiting for the lock, to draw once more.
        if bars is not None:
            bars.erase()

    def announce(self, size: int) -> None:
        """Add bytes to the total that is to come."""
        with self.lock:
            self._announced += size
            self._set_total()

    def expect(self, digest: Digest, size: int, image: str = "") -> None:
        """Add the bar of a blob, anew if there is one."""
        with self.lock:
            self._forget(digest)  # a second attempt, or another image has the same blob
            what = f"{image} {digest.encoded[:_SHOWN]}".lstrip()
            self.blobs[digest] = Work(self, what, size)
            self._expected += size
            self._set_total()

    def advance(self, digest: Digest, offset: int) -> None:
        """Move the bar of a blob, and the total by the difference."""
        with self.lock:
            blob = self.blobs.get(digest)
            if blob is not None:
                self._count(offset - blob.done)
                blob.done = offset

    def finish(self, digest: Digest, size: int, how: str = "") -> None:  # noqa: ARG002
        """Remove the bar of a blob, whose bytes stay in the total."""
        with self.lock:
            if digest in self.blobs:
                self._forget(digest)
                self._count(size)

    def note(self, line: str) -> None:
        """Print the line above the bars."""
        print_stderr(line)

    def _forget(self, digest: Digest) -> None:
        blob = self.blobs.pop(digest, None)
        if blob is not None:
            self._count(-blob.done)

    def _count(self, amount: int) -> None:
        for step in self.steps[::-1]:
            if step.is_of_transfers:
                step.done += amount
                return

    def _set_total(self) -> None:
        for step in self.steps[::-1]:
            if step.is_of_transfers:
                step.total = max(self._announced, self._expected)
                return

    def _be_due(self) -> None:
        with self.lock:
            self.is_due = True
            if self.steps:
                self._draw()

    def _draw(self) -> None:
        if self._bars is None:
            from cachedb.cli.feedback.bars import Bars

            self._bars = Bars(self)
            self._bars.draw()
