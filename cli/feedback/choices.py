"""Options --no-progress, --verbose and --log-format, and what they choose for this process."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class LogFormat(StrEnum):
    """Format of log lines."""

    TEXT = "text"
    JSON = "json"


class _Choice:
    """Choice of the command line; progress displays and loggers have no access to its context."""

    has_progress = True
    verbosity = 0
    log_format = LogFormat.TEXT


def _choose_progress(is_off: bool) -> bool:  # noqa: FBT001  (typer hands it over by position)
    _Choice.has_progress = not is_off
    return is_off


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


def is_progress_wanted() -> bool:
    """Return whether progress may be shown: not with --no-progress."""
    return _Choice.has_progress


def start_logging(context: typer.Context) -> None:
    """Start the log that -v asks for, until the context of the command is closed.

    Without -v, `logging` is not imported.
    """
    if _Choice.verbosity:
        from cachedb.cli.feedback import logs

        is_json = _Choice.log_format == LogFormat.JSON
        context.call_on_close(logs.start(_Choice.verbosity, is_json=is_json))
