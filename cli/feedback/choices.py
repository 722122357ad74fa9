"""Options --quiet, --no-progress, --verbose and --log-format: choices for this process."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cachedb.feedback.progress import Progress


class LogFormat(StrEnum):
    """Format of log lines."""

    TEXT = "text"
    JSON = "json"


class _Choice:
    """Choice of the command line; progress displays and loggers have no access to its context."""

    has_progress = True
    is_quiet = False
    verbosity = 0
    log_format = LogFormat.TEXT


def _choose_progress(is_off: bool) -> bool:  # noqa: FBT001  (typer hands it over by position)
    _Choice.has_progress = not is_off
    return is_off


def choose_quietness(is_quiet: bool) -> bool:  # noqa: FBT001
    """Remember the value of --quiet for this process; the callback of the option."""
    _Choice.is_quiet = is_quiet
    return is_quiet


def _choose_verbosity(verbosity: int) -> int:
    _Choice.verbosity = verbosity
    return verbosity


def _choose_log_format(form: LogFormat) -> LogFormat:
    _Choice.log_format = form
    return form


NoProgressOption = Annotated[
    bool,
    typer.Option("--no-progress", help="Suppress progress.", callback=_choose_progress),
]
VerboseOption = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Log to stderr; -vv: in detail.",
        callback=_choose_verbosity,
    ),
]
LogFormatOption = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Format of log lines.", callback=_choose_log_format),
]


def observer() -> Progress:
    """Return the observer of long operations: bars on a terminal, else lines of finished blobs.

    With --no-progress, notes alone are printed; with --quiet, nothing is.
    """
    from cachedb.feedback.progress import UNWATCHED

    if _Choice.is_quiet:
        return UNWATCHED
    if _Choice.has_progress and sys.stderr.isatty():
        from cachedb.cli.feedback.display import Display

        return Display()
    from cachedb.cli.feedback.lines import Lines, Notes

    return Lines() if _Choice.has_progress else Notes()


def start_logging(context: typer.Context) -> None:
    """Start the log that -v asks for, until the context of the command is closed.

    Without -v, `logging` is not imported.
    """
    if _Choice.verbosity:
        from cachedb.cli.feedback import logs

        is_json = _Choice.log_format == LogFormat.JSON
        context.call_on_close(logs.start(_Choice.verbosity, is_json=is_json))
