"""Root command, lazy loading of commands, and the mapping of errors to messages and exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from cachedb.cli.command import SHARED, Command, behind_the_command, write_options
from cachedb.cli.errors.report import preselect_format, report
from cachedb.cli.errors.usage import converting_usage_errors, no_such_command
from cachedb.cli.render.output import print_stderr
from cachedb.errors import CacheError, InvalidInput
from cachedb.version import VERSION

# Summaries of the commands, so that --help and completion import no command. A test compares
# them with the docstrings.
_COMMANDS: Final = {
    "pull": "Pull images for all platforms or for some.",
    "sync": "Mirror the images that a file lists into the cache.",
    "push": "Push images with referrers and cosign tags; present blobs are not uploaded.",
    "copy": "Copy an image from one registry to another, through the cache, which keeps it.",
    "tags": "List the tags of a repository, in the order of its registry.",
    "inspect": "Show the platforms of an image in the cache, or else at its registry.",
    "import": "Import images from OCI archives and layouts, and from archives of docker save.",
    "export": "Export images as an OCI archive, for docker load, or one as a file tree.",
    "ls": "List the images in the cache, or those that match a query.",
    "show": "Show platforms, configuration and labels of an image.",
    "history": "Show the steps in which an image was built, and their layers.",
    "tree": "Print the tree of an image: index, manifests, configs, layers, referrers.",
    "files": "List the files of an image, as a container sees them.",
    "cat": "Print one file of an image, after the digest of its layer was checked.",
    "diff": "Compare two images: configuration, packages and files.",
    "index": "Index the files of images, so that queries find them.",
    "waste": "Show bytes that later layers overwrite or delete, and files stored more than once.",
    "sbom": "Print the SBOMs of an image, or list its packages.",
    "find-root": "Resolve a name or digest to its root descriptor.",
    "why": "Show which images reference a blob, and by which path.",
    "du": "Show disk usage: total, shared and exclusive.",
    "report": "Report on the cache: space, platforms, ages, sharing, findings, growth.",
    "validate": "Check that every declared blob of every platform is present.",
    "check": "Check the content of the cache against rules: queries with an expectation.",
    "verify": "Hash the blobs of images, or all blobs; list those that are corrupt or missing.",
    "doctor": "Diagnose files, catalog, locks, permissions, temporary files and free space.",
    "gc": "Delete unreferenced blobs.",
    "prune": "Remove names by age, number and size, then collect.",
    "policy": "Show, change or apply the retention policy of the cache.",
    "pin": "Protect names from rm, gc, prune and clean.",
    "unpin": "Remove the pins of names, so that they can be removed.",
    "log": "List the operations on the cache, newest first.",
    "tag": "Add a name to an image.",
    "untag": "Remove names and keep their images.",
    "rm": "Remove names from the cache; blobs stay until `cachedb gc`.",
    "clean": "Remove all names, and all blobs that no running operation holds.",
    "query": "Query refs, blobs, links, packages or files.",
    "fleet": "Publish the catalog of the cache to a database, and list the caches there.",
    "config": "Print or change the defaults of options.",
    "sample": "Write two sample archives, app.tar and tool.tar, to try commands on.",
    "cache": "Print the directory of the cache, which need not exist.",
}
# Names of commands of other tools; --help does not list them.
_ALIASES: Final = {"df": "du", "images": "ls", "load": "import", "rmi": "rm", "save": "export"}
_COMPLETE: Final = "_CACHEDB_COMPLETE"
# Commands that keep what they have done, which the same command finds again. `export` writes
# nothing that can be resumed, and other commands are finished or undone by the next one.
_KEPT: Final = {
    **dict.fromkeys(("pull", "copy", "sync"), "downloaded blobs"),
    "index": "layers that were indexed",
    "push": "uploaded blobs",
}
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Interrupted(Exception):
    """KeyboardInterrupt, under a name that typer does not catch, with a text about resuming."""


class _PipeClosed(Exception):
    """BrokenPipeError, under a name that typer does not catch."""


class _Commands(TyperGroup):
    """Import only the command that is run, and pass its exceptions on to `main`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (as click calls it)
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        _Summaries.of(ctx).format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        summaries = _Summaries.of(ctx)
        if incomplete.startswith("-"):
            from cachedb.cli.options.shared import shared_options

            summaries.params = [*summaries.params, *shared_options()]
        listed = type(ctx)(summaries, info_name=ctx.info_name, resilient_parsing=True)
        return summaries.shell_complete(listed, incomplete)

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **extra: Any
    ) -> Any:
        if not args:  # typer raises an error whose message is the help
            return super().make_context(info_name, args, *more, **extra)
        words = behind_the_command(args)
        if not words:
            raise InvalidInput("missing command", hint="cachedb --help")
        with converting_usage_errors():
            return super().make_context(info_name, words, *more, **extra)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the root, those of every command, and the commands."""
        from cachedb.cli.options.shared import shared_options

        write_options(ctx, formatter, {"Options": self.get_params(ctx), SHARED: shared_options()})
        self.format_commands(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        args = [_ALIASES.get(args[0], args[0]), *args[1:]]
        if not ctx.resilient_parsing and args[0] not in _COMMANDS:
            raise no_such_command(args[0], _COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def options_of_commands(self) -> set[str]:
        """Return the options that may stand before a command although they are its own."""
        from cachedb.cli.options.shared import shared_options

        return {option for param in shared_options() for option in param.opts}

    def invoke(self, ctx: Any) -> Any:
        try:
            with converting_usage_errors():
                result = super().invoke(ctx)
            sys.stdout.flush()  # raises on a closed pipe or a full disk
        except KeyboardInterrupt as error:
            raise _Interrupted(_what_stays(ctx.invoked_subcommand)) from error
        except BrokenPipeError as error:
            raise _PipeClosed from error
        return result


class _Summaries(TyperGroup):
    """List the commands for --help and completion, without importing them."""

    @classmethod
    def of(cls, ctx: Any) -> _Summaries:
        """Return the list with the options of the group of `ctx`."""
        commands = [TyperCommand(name, help=text) for name, text in _COMMANDS.items()]
        return cls(name=ctx.command.name, commands=commands, params=ctx.command.params)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(self.commands)


app: Final = typer.Typer(
    name="cachedb",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001  (typer hands it over by position)
    if wanted:
        sys.stdout.write(f"cachedb {VERSION}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Query, fill and clean an OCI image cache.

    The cache is a plain OCI image layout, which skopeo, umoci, crane, oras, regctl and linuxkit
    read and write as well.
    """


def _load(name: str) -> Any:
    from cachedb.cli.examples import epilog

    module = import_module(f"cachedb.cli.{_module(name)}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    kind = getattr(module, "KIND", Command)
    settings = getattr(module, "SETTINGS", None)
    end = epilog(name)
    alone.command(name, cls=kind, context_settings=settings, epilog=end)(module.command)
    command: Any = typer.main.get_command(alone)
    command.share()
    return command


def _module(name: str) -> str:
    return name.replace("-", "_") + ("_" if iskeyword(name) else "")


def main() -> None:
    """Run the command line; report an error in one line, with the exit code of its family."""
    preselect_format(sys.argv[1:])
    try:
        _run()
    except CacheError as error:
        report(error)
        sys.exit(error.exit_code)
    except (_Interrupted, KeyboardInterrupt) as error:
        print_stderr(f"cachedb: interrupted{error}")
        # sys.exit would wait for the threads of transfers, which may wait for a registry.
        sys.stderr.flush()
        os._exit(_INTERRUPTED)
    except _PipeClosed:
        _discard_output()
        sys.exit(_BROKEN_PIPE)
    except OSError as error:
        from cachedb.errors import StorageFailed

        failed = StorageFailed.of(error, "continue")
        report(failed)
        _discard_output()
        sys.exit(failed.exit_code)


def _run() -> None:
    if _COMPLETE not in os.environ:
        app(prog_name="cachedb")
        return
    from cachedb.cli.options.completion import as_bash_breaks_words

    with as_bash_breaks_words():
        app(prog_name="cachedb")


def _what_stays(command: str) -> str:
    """Return what an interrupted command leaves to the next run, as the end of a sentence."""
    kept = _KEPT.get(command)
    return "" if kept is None else f"; {kept} are kept, run the command again to resume"


def _discard_output() -> None:
    """Redirect stdout to /dev/null, or Python reports the unwritten data again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
