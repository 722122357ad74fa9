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
    "blob": "show",
    "blobs": "query",
    "catalog": "query",
    "cp": "copy",
    "delete": "rm",
    "digest": "find-root",
    "discover": "tree",
    "fsck": "verify",
    "help": "--help",
    "image": "ls",
    "info": "doctor",
    "list": "ls",
    "manifest": "inspect --raw",
    "mirror": "sync",
    "remove": "rm",
    "repair": "verify",
    "search": "query",
    "size": "du",
    "stat": "show",
    "system": "du",
    "unpack": "export --format filesystem",
    "version": "--version",
}
_LOGINS: Final = ("login", "logout")
# Options of other tools, and what does the same here, by command.
_OPTIONS_ELSEWHERE: Final = {
    "clean": {"-f": "--yes", "--force": "--yes"},
    "export": {"--output": "[NAME]... -o FILE"},
    "gc": {"--delete-untagged": "--drop is:untagged", "-m": "--drop is:untagged"},
    "import": {"-i": "FILE", "--input": "FILE"},
    "ls": {"--digests": "--columns NAME,DIGEST", "--filter": "--where QUERY"},
    "prune": {"-a": "--drop QUERY", "-f": "--yes", "--force": "--yes"},
    "pull": {"-a": "sync FILE", "--all-tags": "sync FILE", "--all-platforms": "NAME"},
    "rm": {"-f": "--yes", "--force": "--yes"},
}


@contextmanager
def converting_usage_errors() -> Iterator[None]:
    """Convert usage errors of typer into InvalidInput."""
    try:
        yield
    except _UsageError as error:
        if option := getattr(error, "option_name", None):
            possible = getattr(error, "possibilities", None)
            if possible is None and _elsewhere(option, error.ctx):
                raise no_such("option", option, (), error.ctx) from error
            if possible is not None:
                command = getattr(error.ctx, "command", None)
                shared = getattr(command, "options_of_commands", set)
                known = {*possible, *shared()}
                raise no_such("option", option, known, error.ctx) from error
        # The choices of a missing argument are on lines of their own.
        why = " ".join(str(error.format_message()).split()).removesuffix(".")
        why = why[:1].lower() + why[1:] + _origin(error)
        raise InvalidInput(why, hint=_hint(error)) from error


def _elsewhere(option: str, ctx: Any) -> str:
    """Return the command line that does what an option of another tool does; '' without one."""
    words = _OPTIONS_ELSEWHERE.get(getattr(ctx, "info_name", None) or "", {}).get(option, "")
    if not words:
        return ""
    is_other = words.startswith("sync")
    return f"{ctx.find_root().command_path if is_other else ctx.command_path} {words}"


def _hint(error: Any) -> str:
    """Return what a command takes, where an argument is too many or an option is missing."""
    param, ctx = getattr(error, "param", None), error.ctx
    if ctx is None:
        return _help(ctx)
    arguments = [
        each.make_metavar(ctx) for each in ctx.command.params if each.param_type_name == "argument"
    ]
    if arguments and str(error.format_message()).startswith("Got unexpected extra argument"):
        return " ".join((ctx.command_path, *arguments))
    if param is not None and str(error.format_message()).startswith("Missing option"):
        option = f"{min(param.opts, key=len)} {param.make_metavar(ctx)}"
        return " ".join((ctx.command_path, *arguments, option))
    return _help(ctx)


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
    if name in _LOGINS:
        why = "cachedb reads the logins of skopeo, podman and docker"
        return InvalidInput(why, hint=f"skopeo {name} REGISTRY")
    if name in _ELSEWHERE:
        hint = f"{ctx.command_path} {_ELSEWHERE[name]}"
        return InvalidInput(f"no such command: {name!r}", hint=hint)
    return no_such("command", name, commands, ctx)


def no_such(what: str, name: str, known: Collection[str], ctx: Any) -> InvalidInput:
    """Return the error for an unknown command or option, with similar ones as its hint."""
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=2, cutoff=0.7)
    hint = f"did you mean {' or '.join(near)}?" if near else _elsewhere(name, ctx) or _help(ctx)
    return InvalidInput(f"no such {what}: {name!r}", hint=hint)


def _help(ctx: Any) -> str:
    return f"{'cachedb' if ctx is None else ctx.command_path} --help"
