"""Usage errors: unknown commands and options, and typer's errors, as `InvalidInput`."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand

from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LONG_OPTION: Final = re.compile(r"(--[a-z][a-z-]*)(=.*)?", re.DOTALL)
# typer has no public name for the base class of its usage errors.
_UsageError: Final[Any] = typer.BadParameter.__base__
# Commands of other tools, and the command that does the same here.
_ELSEWHERE: Final = {
    "blobs": "query",
    "cp": "copy",
    "delete": "rm",
    "df": "du",
    "fsck": "verify",
    "images": "ls",
    "list": "ls",
    "load": "import",
    "prune": "gc",
    "remove": "rm",
    "repair": "verify",
    "rmi": "rm",
    "save": "export",
    "search": "query",
}


class QueryCommand(TyperCommand):
    """Command whose arguments are the words of a query.

    Words that begin with `--` are options, and so are short ones that stand alone, such as `-q`;
    `-size` is a word of the query `sort -size`.
    """

    def make_parser(self, ctx: Any) -> Any:
        """Return a parser without short options, which it would find inside of `-size`."""
        parser = super().make_parser(ctx)
        parser._short_opt.clear()  # noqa: SLF001  (there is no public way)
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: D102  (as click calls it)
        known = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        known |= set(ctx.help_option_names)
        args = [self._long_option(word) for word in args]
        for word in () if ctx.resilient_parsing else args:
            long = _LONG_OPTION.fullmatch(word)
            if long is not None and long[1] not in known:
                raise _no_such("option", long[1], known, ctx)
        return super().parse_args(ctx, args)

    def _long_option(self, word: str) -> str:
        """Return the long form of a short option; any other word as it is."""
        for param in self.params:
            if word in param.opts:
                return next((each for each in param.opts if each.startswith("--")), word)
        return word


@contextmanager
def converting_usage_errors() -> Iterator[None]:
    """Convert usage errors of typer into InvalidInput."""
    try:
        yield
    except _UsageError as error:
        if option := getattr(error, "option_name", None):
            possible = getattr(error, "possibilities", None)
            if possible is not None:
                raise _no_such("option", option, possible, error.ctx) from error
        why = str(error.format_message()).strip().removesuffix(".")
        raise InvalidInput(why[:1].lower() + why[1:], hint=_help(error.ctx)) from error


def no_such_command(name: str, commands: Collection[str], ctx: Any) -> InvalidInput:
    """Return the error for an unknown command, with a similar one as its hint."""
    if name in _ELSEWHERE:
        hint = f"{ctx.command_path} {_ELSEWHERE[name]}"
        return InvalidInput(f"no such command: {name!r}", hint=hint)
    return _no_such("command", name, commands, ctx)


def _no_such(what: str, name: str, known: Collection[str], ctx: Any) -> InvalidInput:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=2, cutoff=0.7)
    hint = f"did you mean {' or '.join(near)}?" if near else _help(ctx)
    return InvalidInput(f"no such {what}: {name!r}", hint=hint)


def _help(ctx: Any) -> str:
    return f"{'cachedb' if ctx is None else ctx.command_path} --help"
