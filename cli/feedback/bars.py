"""Bars on stderr, drawn by rich: label, bar, amount, rate and the time that is left.

Steps that cannot be counted have the time that they have taken instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Drawing
from rich.text import Text

from cachedb.cli.render.fitting import middle
from cachedb.feedback.progress import BYTES, UNCOUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType
    from rich.progress import Task as Drawn
    from rich.progress import TaskID

    from cachedb.cli.feedback.display import Display, Work

_NARROW = 120
_BAR, _WIDE_BAR = 12, 40
# Amount, rate, time and the spaces between columns.
_NUMBERS = 43


class Bars:
    """The bars of a display, redrawn ten times a second by a thread of rich."""

    def __init__(
        self,
        display: Display,
        console: Console | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        console = console or Console(stderr=True)
        bar = _BAR if console.width < _NARROW else _WIDE_BAR
        self._label = max(_BAR, console.width - bar - _NUMBERS)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar),
            _Amount(),
            _Rate(),
            _Time(compact=True),
        )
        self._display = display
        self._drawn: dict[Work, TaskID] = {}
        self._is_following = False
        # Commands print data to stdout, which the bars must not redirect.
        self._drawing = _Following(
            *columns, console=console, transient=True, get_time=clock, redirect_stdout=False
        )
        self._drawing.follow = self.follow

    def draw(self) -> None:
        """Draw the bars, and go on until they are erased."""
        self._drawing.start()

    def erase(self) -> None:
        """Erase the bars; the cursor is where it was before they were drawn."""
        self._drawing.stop()

    def follow(self) -> None:
        """Add, move and remove bars as the display says."""
        if self._is_following:  # rich draws whenever a bar is added
            return
        self._is_following = True
        try:
            self._follow(self._display.works())
        finally:
            self._is_following = False

    def _follow(self, works: Sequence[Work]) -> None:
        for gone in self._drawn.keys() - set(works):
            self._drawing.remove_task(self._drawn.pop(gone))
        for work in works:
            if work not in self._drawn:
                what = middle(work.what, self._label)
                self._drawn[work] = self._drawing.add_task(what, total=None, unit=work.unit)
            total = None if work.total is None else max(work.total, work.done)
            self._drawing.update(self._drawn[work], total=total, completed=work.done)

    def lines(self) -> RenderableType:
        """Return the bars as they stand now."""
        self.follow()
        return self._drawing.make_tasks_table(self._drawing.tasks)


class _Following(Drawing):
    """Progress of rich that follows a display whenever it draws."""

    # rich asks for what it draws before the constructor has ended.
    follow: Callable[[], None] = staticmethod(lambda: None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return what is drawn, after a look at the display."""
        self.follow()
        return super().get_renderables()


class _Amount(DownloadColumn):
    """Bytes in units of 1000, or a number of things."""

    def render(self, task: Drawn) -> Text:
        if task.fields["unit"] == BYTES:
            return super().render(task)
        if task.fields["unit"] == UNCOUNTED:
            return Text("")
        total = "?" if task.total is None else f"{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}/{total} {task.fields['unit']}", "progress.download")


class _Rate(TransferSpeedColumn):
    """Units a second."""

    def render(self, task: Drawn) -> Text:
        if task.fields["unit"] == UNCOUNTED:
            return Text("")
        speed = task.finished_speed or task.speed
        if task.fields["unit"] == BYTES or speed is None:
            return super().render(task)
        return Text(f"{speed:,.0f}/s", "progress.data.speed")


class _Time(TimeRemainingColumn):
    """The time that is left; of an uncounted step, the time that it has taken."""

    def render(self, task: Drawn) -> Text:
        if task.fields["unit"] != UNCOUNTED:
            return super().render(task)
        minutes, seconds = divmod(int(task.elapsed or 0), 60)
        return Text(f"{minutes:02d}:{seconds:02d}", "progress.elapsed")
