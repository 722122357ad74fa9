"""cachedb that stops when a quarter, then half of a step is done, and draws its bars there.

An uncounted step is stopped where it ends, after one second of the clock of the bars.

`python -m tests.cli.held STEP EVENT COMMAND…`: the bars are those of a terminal, but their clock
moves by one second between the two moments, so that rate and time left are always the same. The
program runs the shell command EVENT when the bars of the second moment are drawn, and waits for
Ctrl-C.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from cachedb.cli.feedback.bars import Bars
from cachedb.cli.feedback.display import Display, Work
from cachedb.feedback.progress import UNCOUNTED
from cachedb.oci import Digest

_PARTS = (4, 2)
_LARGE = 1 << 20


class Holding:
    """Shows the amounts of one step or of its transfers at two moments only."""

    def __init__(self, step: str, event: str) -> None:
        self._step = step
        self._event = event
        self._now = 0.0
        self._moment = 0
        self.has_stayed = False
        self._done: dict[object, int] = {}
        self._lock = threading.Lock()
        self._alone = threading.Event()

    def is_held(self, what: str) -> bool:
        return what == self._step or what.startswith(f"{self._step} ")

    def reach(self, display: Display, work: Work, done: int, show: Callable[[int], None]) -> None:
        """Pass on an amount when it is the one of the next moment; stay there at the last."""
        with self._lock:
            while work.total and done * _PARTS[self._moment] >= work.total:
                if work in display.blobs.values():
                    self._wait_for_others(display, work)
                self._draw(display, work.total // _PARTS[self._moment], show)
                self._moment += 1
                if self._moment == len(_PARTS):
                    self.stay()

    def stay(self) -> None:
        """Tell that the bars are drawn, and wait for Ctrl-C."""
        self.has_stayed = True
        subprocess.run(self._event, shell=True, check=True)
        threading.Event().wait()

    def _wait_for_others(self, display: Display, work: Work) -> None:
        while any(other is not work for other in display.blobs.values()):
            self._alone.wait(0.01)

    def _draw(self, display: Display, done: int, show: Callable[[int], None]) -> None:
        show(done)
        self.draw(display)

    def draw(self, display: Display) -> None:
        """Draw the bars after one more second of their clock."""
        self._now += 1.0
        assert display._bars is not None
        display._bars.follow()
        display._bars._drawing.refresh()

    def clock(self) -> float:
        return self._now


def hold_uncounted(holding: Holding) -> None:
    """Hold the end of an uncounted step."""
    ends = Work.end

    def end(work: Work) -> None:
        is_held = work.unit == UNCOUNTED and not holding.has_stayed
        try:
            if is_held and holding.is_held(work.what):
                assert work._display._bars is not None
                work._display._bars.follow()  # before the clock moves
                holding.draw(work._display)
                holding.stay()
        finally:
            ends(work)

    Work.end = end  # type: ignore[method-assign]


def hold(step: str, event: str) -> None:
    """Let the display of this process draw at once, with held amounts and a held clock."""
    holding = Holding(step, event)
    hold_uncounted(holding)
    transfers = Display.advance
    work_advance = Work.advance
    done: dict[Work, int] = {}

    def draw(display: Display) -> None:
        if display._bars is None:
            display._bars = Bars(display, clock=holding.clock)
            display._bars.draw()

    def advance(work: Work, amount: int = 1) -> None:
        if work.is_of_transfers or not holding.is_held(work.what):
            work_advance(work, amount)
            return
        done[work] = done.get(work, 0) + amount
        holding.reach(
            work._display, work, done[work], lambda at: work_advance(work, at - work.done)
        )

    def transfer(display: Display, digest: Digest, offset: int) -> None:
        work = display.blobs.get(digest)
        step = display.steps[0]
        is_of_step = step.is_of_transfers and holding.is_held(step.what)
        if work is None or not is_of_step or work.total is None or work.total < _LARGE:
            transfers(display, digest, offset)
            return
        holding.reach(display, work, offset, lambda at: transfers(display, digest, at))

    Display.is_due = True
    Display._draw = draw  # type: ignore[method-assign]
    Display.advance = transfer  # type: ignore[method-assign]
    Work.advance = advance  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    hold(sys.argv[1], sys.argv[2])
    sys.argv[1:] = sys.argv[3:]
    import cachedb_program

    cachedb_program.main()
