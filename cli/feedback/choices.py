"""Options --quiet, --no-progress, --verbose and --log-format: choices for this process.

With --quiet, stderr has errors and warnings only, and stdout, whatever --format is:

- of rows or items with digests: their digests in full, one a line, in the order of the table;
- of rows with something else that identifies them, such as tags and paths: that, one a line;
- of other rows, and of messages about what was done: nothing;
- of one value or document that was asked for, such as the content of a file: that, unchanged.

`validate` and `verify` print the digests of what has findings; `check` and `doctor` print nothing,
since their findings are about names and the store. Exit codes are those without --quiet.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

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


def _choose_quietness(is_quiet: bool) -> bool:  # noqa: FBT001
    """Remember the value of --quiet for this process."""
    _Choice.is_quiet = is_quiet
    return is_quiet


def _quiet(summary: str) -> Any:
    return typer.Option("--quiet", "-q", help=summary, callback=_choose_quietness)


def _choose_verbosity(verbosity: int) -> int:
    _Choice.verbosity = verbosity
    return verbosity


def _choose_log_format(form: LogFormat) -> LogFormat:
    _Choice.log_format = form
    return form


QuietOption = Annotated[bool, _quiet("Suppress progress; print digests only.")]
QuietQueryOption = Annotated[
    bool, _quiet("Suppress headers; print digests only, or the first column that QUERY shows.")
]
QuietSyncOption = Annotated[
    bool, _quiet("Suppress progress; print digests only, of --dry-run references.")
]
QuietTagsOption = Annotated[bool, _quiet("Print tags only.")]
QuietPathsOption = Annotated[bool, _quiet("Print paths only.")]
QuietFleetOption = Annotated[bool, _quiet("Suppress messages; `list` prints names only.")]
QuietCheckOption = Annotated[
    bool, _quiet("Suppress progress; print digests of what has findings only.")
]
QuietValueOption = Annotated[bool, _quiet("Suppress messages; print the requested value only.")]
QuietConfigOption = Annotated[bool, _quiet("Print errors only; `get` and `path` print the value.")]
QuietPolicyOption = Annotated[
    bool, _quiet("Suppress messages; `apply` prints digests only, `show` the policy.")
]
QuietDiffOption = Annotated[bool, _quiet("Print nothing; implies --exit-code.")]
SilentOption = Annotated[bool, _quiet("Print errors only.")]
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
