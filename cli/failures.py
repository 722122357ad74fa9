"""How an error reaches the reader: one line and a hint, or one JSON object, on stderr."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.output import tell
from cachedb.errors import QueryError

if TYPE_CHECKING:
    from cachedb.errors import CacheError


class ErrorFormat(StrEnum):
    """How errors are written."""

    TEXT = "text"
    JSON = "json"


class _Choice:
    """What was chosen on the command line; errors are written after it is gone."""

    form = ErrorFormat.TEXT


def forget_choice() -> None:
    """Go back to text: what was chosen is for one run."""
    _Choice.form = ErrorFormat.TEXT


def _choose(form: ErrorFormat | None) -> ErrorFormat | None:
    if form is not None:
        _Choice.form = form
    return form


ErrorFormatOption = Annotated[
    ErrorFormat | None,
    typer.Option(
        "--error-format",
        help="How to write errors.",
        is_eager=True,
        callback=_choose,
        envvar="CACHEDB_ERROR_FORMAT",
    ),
]


def report(error: CacheError) -> None:
    """Write an error to stderr, in the format that was chosen."""
    if _Choice.form is ErrorFormat.JSON:
        sys.stderr.write(f"{json.dumps(_facts(error))}\n")
    elif isinstance(error, QueryError):
        from cachedb.query.messages import render

        for line in render(error).splitlines():
            tell(line)
    else:
        tell(f"cachedb: {error}")
        if error.hint:
            tell(f"hint: {error.hint}")


def _facts(error: CacheError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "error": str(error),
        "hint": error.hint,
    }
    if isinstance(error, QueryError):
        from cachedb.query.messages import as_json

        found |= as_json(error)
    return found
