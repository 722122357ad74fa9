"""The command tree, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from cachedb import __version__
from cachedb.cli.errors.report import ErrorFormatOption, expect_choice, report
from cachedb.cli.errors.usage import no_such_command, told
from cachedb.cli.render.output import tell
from cachedb.errors import CacheError

# First lines of the docstrings of the commands, so that neither --help nor the completion of a
# command imports all of them; tests/architecture compares.
_COMMANDS: Final = {
    "pull": "Pull images, for all of their platforms or for some.",
    "push": "Push images, with all that refers to them; only what the registry lacks is sent.",
    "copy": "Copy an image from one registry to another, through the cache, where it stays.",
    "tags": "List the tags of a repository, as its registry has them.",
    "inspect": "Show what a registry says about an image, without pulling it.",
    "import": "Import images from OCI archives and layouts, and from archives of docker save.",
    "export": "Export images as an OCI archive, for docker load, or one as a tree of files.",
    "ls": "List the images in the cache, or those that a query selects.",
    "show": "Show an image: its platforms, how each is run, its labels.",
    "tree": "Draw an image: index, manifests, configs, layers, referrers.",
    "sbom": "Print the SBOMs of an image, or list its packages.",
    "find-root": "Say which image a name stands for, or which contain a blob.",
    "why": "Say which names keep a blob, and on which way.",
    "du": "Say what images take: in all, shared, and alone.",
    "validate": "Check platform by platform that what is declared is here.",
    "verify": "Read and hash blobs, and say which are corrupt or missing.",
    "doctor": "Look for what is wrong: files, catalog, locks, permissions, leftovers, space.",
    "gc": "Remove every blob that no name leads to.",
    "rm": "Remove names from the cache; blobs stay until `cachedb gc`.",
    "clean": "Empty the cache: every name goes, and every blob that no running operation holds.",
    "query": "Ask for refs, blobs, links or packages in the query language.",
}
_COMPLETE: Final = "_CACHEDB_COMPLETE"
_INTERRUPTED = 130
_BROKEN_PIPE = 141
_COLLECT_AFTER = 50_000


class _Interrupted(Exception):
    """KeyboardInterrupt, by a name for which typer has no end of its own."""


class _PipeClosed(Exception):
    """BrokenPipeError, by such a name."""


class _Commands(TyperGroup):
    """Imports the command that is run and no other, and lets what ends it through to `main`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (as click calls it)
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        _Summaries.of(ctx).format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        summaries = _Summaries.of(ctx)
        listed = type(ctx)(summaries, info_name=ctx.info_name, resilient_parsing=True)
        return summaries.shell_complete(listed, incomplete)

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **extra: Any
    ) -> Any:
        if not args:  # which typer takes for an error whose message is the help
            return super().make_context(info_name, args, *more, **extra)
        with told():
            return super().make_context(info_name, args, *more, **extra)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if not ctx.resilient_parsing and args[0] not in _COMMANDS:
            raise no_such_command(args[0], _COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            with told():
                result = super().invoke(ctx)
            sys.stdout.flush()  # here, where a pipe that was closed or a full disk can be told
        except KeyboardInterrupt as error:
            raise _Interrupted from error
        except BrokenPipeError as error:
            raise _PipeClosed from error
        return result


class _Summaries(TyperGroup):
    """The commands as --help and completion list them: names and summaries, without modules."""

    @classmethod
    def of(cls, ctx: Any) -> _Summaries:
        """Return the commands with the options of the group of `ctx`."""
        commands = [TyperCommand(name, help=text) for name, text in _COMMANDS.items()]
        return cls(name=ctx.command.name, commands=commands, params=ctx.command.params)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(self.commands)


app = typer.Typer(
    name="cachedb",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001  (typer hands it over by position)
    if wanted:
        sys.stdout.write(f"cachedb {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which version this is.", is_eager=True, callback=_version
        ),
    ] = False,
    _error_format: ErrorFormatOption = None,
) -> None:
    """Query, fill and clean an OCI image cache.

    The cache is a plain OCI image layout, which skopeo, umoci, crane, oras, regctl and linuxkit
    read and write as well.
    """


def _load(name: str) -> Any:
    module = import_module(f"cachedb.cli.{_module(name)}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    kind = getattr(module, "KIND", TyperCommand)
    settings = getattr(module, "SETTINGS", None)
    alone.command(name, cls=kind, context_settings=settings)(module.command)
    return typer.main.get_command(alone)


def _module(name: str) -> str:
    return name.replace("-", "_") + ("_" if iskeyword(name) else "")


def main() -> None:
    """Run the command line; an error ends it with one line and the exit code of its family."""
    expect_choice(sys.argv[1:])
    # What a command makes lives as long as the command does. Looking through all of it again and
    # again for what does not is a tenth of adopting a layout.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        _run()
    except CacheError as error:
        report(error)
        sys.exit(error.exit_code)
    except (_Interrupted, KeyboardInterrupt):
        tell("cachedb: interrupted; what has arrived is kept, run it again to go on")
        # Not sys.exit, which waits for transfers, and a registry that hangs would hang us.
        sys.stderr.flush()
        os._exit(_INTERRUPTED)
    except _PipeClosed:
        _let_go_of_output()  # whoever read it has seen enough
        sys.exit(_BROKEN_PIPE)
    except OSError as error:
        from cachedb.errors import StorageFailed

        failed = StorageFailed.of(error, "go on")
        report(failed)
        _let_go_of_output()
        sys.exit(failed.exit_code)


def _run() -> None:
    if _COMPLETE not in os.environ:
        app(prog_name="cachedb")
        return
    from cachedb.cli.options.completion import as_bash_breaks_words

    with as_bash_breaks_words():
        app(prog_name="cachedb")


def _let_go_of_output() -> None:
    """Send what could not be written nowhere: Python would complain of it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
