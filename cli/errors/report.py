"""Errors on stderr: one line and a hint, or one JSON object."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.render.output import print_stderr
from cachedb.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.errors import CacheError

_OPTION = "--error-format"
_VARIABLE = "CACHEDB_ERROR_FORMAT"


class ErrorFormat(StrEnum):
    """Format of errors."""

    TEXT = "text"
    JSON = "json"


class _Choice:
    """Format chosen on the command line, kept here because typer's context has ended by then."""

    form = ErrorFormat.TEXT


def preselect_format(words: Sequence[str]) -> None:
    """Search the words of a command for --error-format, before typer can fail to parse them."""
    asked = os.environ.get(_VARIABLE)
    for word, following in pairwise((*words, "")):
        option, _, value = word.partition("=")
        if option == _OPTION:
            asked = value or following
    is_json = asked == ErrorFormat.JSON
    _Choice.form = ErrorFormat.JSON if is_json else ErrorFormat.TEXT


def _choose(form: ErrorFormat | None) -> ErrorFormat | None:
    if form is not None:
        _Choice.form = form
    return form


ErrorFormatOption = Annotated[
    ErrorFormat | None,
    typer.Option(
        _OPTION,
        help="Format of errors.",
        is_eager=True,
        callback=_choose,
    ),
]


def report(error: CacheError) -> None:
    """Write an error to stderr, in the chosen format."""
    if _Choice.form is ErrorFormat.JSON:
        import json

        sys.stderr.write(f"{json.dumps(_facts(error))}\n")
    elif isinstance(error, QueryError):
        from cachedb.query.messages import render

        for line in render(error).splitlines():
            print_stderr(line)
    else:
        print_stderr(f"cachedb: {error}")
        if error.hint:
            print_stderr(f"hint: {error.hint}")


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
