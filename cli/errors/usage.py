"""Usage errors: unknown commands and options, and typer's errors, as `InvalidInput`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# typer has no public name for the base class of its usage errors.
_UsageError: Final[Any] = typer.BadParameter.__base__
# Commands of other tools, and the command that does the same here.
_ELSEWHERE: Final = {
    "blobs": "query",
    "cp": "copy",
    "delete": "rm",
    "fsck": "verify",
    "list": "ls",
    "remove": "rm",
    "repair": "verify",
    "search": "query",
}


@contextmanager
def converting_usage_errors() -> Iterator[None]:
    """Convert usage errors of typer into InvalidInput."""
    try:
        yield
    except _UsageError as error:
        if option := getattr(error, "option_name", None):
            possible = getattr(error, "possibilities", None)
            if possible is not None:
                command = getattr(error.ctx, "command", None)
                shared = getattr(command, "options_of_commands", set)
                known = {*possible, *shared()}
                raise no_such("option", option, known, error.ctx) from error
        # The choices of a missing argument are on lines of their own.
        why = " ".join(str(error.format_message()).split()).removesuffix(".")
        why = why[:1].lower() + why[1:] + _origin(error)
        raise InvalidInput(why, hint=_help(error.ctx)) from error


def _origin(error: Any) -> str:
    """Return the variable or file of a value that is not of the command line."""
    param, ctx = getattr(error, "param", None), error.ctx
    settings = {} if ctx is None else getattr(ctx.command, "settings", {})
    if param is None or param.name not in settings:
        return ""
    source = ctx.get_parameter_source(param.name)
    is_typed = source is not None and source.name == "COMMANDLINE"
    return "" if is_typed else f" (from {settings[param.name].origin})"


def no_such_command(name: str, commands: Collection[str], ctx: Any) -> InvalidInput:
    """Return the error for an unknown command, with a similar one as its hint."""
    if name in _ELSEWHERE:
        hint = f"{ctx.command_path} {_ELSEWHERE[name]}"
        return InvalidInput(f"no such command: {name!r}", hint=hint)
    return no_such("command", name, commands, ctx)


def no_such(what: str, name: str, known: Collection[str], ctx: Any) -> InvalidInput:
    """Return the error for an unknown command or option, with similar ones as its hint."""
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=2, cutoff=0.7)
    hint = f"did you mean {' or '.join(near)}?" if near else _help(ctx)
    return InvalidInput(f"no such {what}: {name!r}", hint=hint)


def _help(ctx: Any) -> str:
    return f"{'cachedb' if ctx is None else ctx.command_path} --help"
