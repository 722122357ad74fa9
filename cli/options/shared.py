"""Options of every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typer.main import get_params_convertors_ctx_param_name_from_function

from cachedb.cli.errors.report import ErrorFormatOption
from cachedb.cli.feedback.choices import (
    LogFormat,
    LogFormatOption,
    NoProgressOption,
    QuietOption,
    VerboseOption,
)
from cachedb.cli.options.cache import CacheOption, CatalogOption
from cachedb.cli.options.common import FormatOption
from cachedb.cli.options.query import TimeZoneOption
from cachedb.cli.render.tables import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_EVERY_COMMAND: Final = frozenset(
    {
        "cache",
        "catalog",
        "form",
        "quiet",
        "verbose",
        "tz",
        "no_progress",
        "error_format",
        "log_format",
    }
)


def shared_options() -> Sequence[Any]:
    """Return the options of every command, none of which is passed to its function."""
    params, _, _ = get_params_convertors_ctx_param_name_from_function(_declaration)
    for param in params:
        param.expose_value = False
    return params


def _declaration(
    cache: CacheOption = None,
    catalog: CatalogOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    tz: TimeZoneOption = None,
    no_progress: NoProgressOption = False,
    error_format: ErrorFormatOption = None,
    log_format: LogFormatOption = LogFormat.TEXT,
) -> None:
    """Declare the options for typer, which reads this signature."""
