"""Command line of one command: shared options, and defaults from environment and files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand

from cachedb.cli.errors.usage import no_such
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.cli.settings.defaults import Setting

SHARED: Final = "Options of every command, before or after its name"
_LONG_OPTION: Final = lazy(r"(--[a-z][a-z-]*)(=.*)?", re.DOTALL)
# Words before the command that are options of the command; a test compares them with
# `shared_options`, which this module does not import because `--help` does not use it.
_FLAGS: Final = frozenset({"--quiet", "--verbose", "--no-progress"})
_SHORT_FLAGS: Final = frozenset("qv")
_WITH_VALUE: Final = frozenset(
    {"--cache", "--catalog", "--format", "--tz", "--error-format", "--log-format"}
)


def behind_the_command(words: list[str]) -> list[str]:
    """Move shared options from before the command to behind it: `-q ls` becomes `ls -q`.

    Options that stand behind the command are parsed later and win. Without a command, shared
    options are dropped, so that `--help` or the error about the missing command remains.
    """
    position = 0
    while position < len(words):
        word = words[position]
        if word in _WITH_VALUE:
            position += 2
        elif _is_shared(word):
            position += 1
        else:
            break
    shared, rest = words[:position], words[position:]
    if not rest or rest[0].startswith("-"):
        return rest
    return [rest[0], *shared, *rest[1:]]


def _is_shared(word: str) -> bool:
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return word in _FLAGS or (bool(equals) and name in _WITH_VALUE)
    return len(word) > 1 and word.startswith("-") and _SHORT_FLAGS.issuperset(word[1:])


class Command(TyperCommand):
    """Command that also has the shared options which its function does not declare.

    The value of an option is that of the command line, else of its environment variable, else of
    the configuration file, else of the configuration of the cache, else its default.
    """

    settings: Mapping[str, Setting] = {}

    def share(self) -> None:
        """Add the shared options that the function of the command does not declare."""
        from cachedb.cli.options.shared import shared_options

        own = {option for param in self.params for option in param.opts}
        self.params.extend(each for each in shared_options() if own.isdisjoint(each.opts))

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Return the parsed command line, with defaults from environment and files."""
        from cachedb.cli.settings import defaults

        is_lenient = bool(extra.get("resilient_parsing")) or "--help" in args
        self.settings = defaults.outer_settings(
            self.name or "", self.params, is_lenient=is_lenient
        )
        extra["default_map"] = {name: each.value for name, each in self.settings.items()}
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with the defaults of output of its cache, and the log of -v."""
        from cachedb.cli.feedback.choices import start_logging
        from cachedb.cli.settings import display

        display.apply(ctx)
        start_logging(ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options of the command, and those of every command."""
        from cachedb.cli.options.shared import OF_EVERY_COMMAND

        sections: dict[str, list[Any]] = {"Arguments": [], "Options": [], SHARED: []}
        for param in self.get_params(ctx):
            is_shared = param.name == "help" or param.name in OF_EVERY_COMMAND
            is_option = param.param_type_name == "option"
            title = "Arguments" if not is_option else SHARED if is_shared else "Options"
            sections[title].append(param)
        write_options(ctx, formatter, sections)


class QueryCommand(Command):
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
        args = [long for word in args for long in self._long_options(word)]
        for word in () if ctx.resilient_parsing else args:
            long = _LONG_OPTION.fullmatch(word)
            if long is not None and long[1] not in known:
                raise no_such("option", long[1], known, ctx)
        return super().parse_args(ctx, args)

    def _long_options(self, word: str) -> list[str]:
        """Return the long form of short options, `-q` or `-vv`; any other word as it is."""
        if word.startswith("-v") and set(word[1:]) == {"v"}:
            return ["--verbose"] * (len(word) - 1)
        for param in self.params:
            if word in param.opts:
                return [next((each for each in param.opts if each.startswith("--")), word)]
        return [word]


def write_options(ctx: Any, formatter: Any, sections: Mapping[str, Sequence[Any]]) -> None:
    """Write the help of parameters in sections; hidden ones and empty sections are left out."""
    for title, params in sections.items():
        records = [param.get_help_record(ctx) for param in params if not param.hidden]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
