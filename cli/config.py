"""``cachedb config``: settings of environment and configuration file."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.feedback.choices import QuietConfigOption
from cachedb.cli.options.cache import CacheOption
from cachedb.cli.options.common import FormatOption
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.cli.settings.listing import ListedSetting

_COLUMNS = (Column("key"), Column("value", output.text_of), Column("origin"))


class Action(StrEnum):
    """Action on the configuration."""

    LIST = "list"
    GET = "get"
    SET = "set"
    UNSET = "unset"
    PATH = "path"


def command(
    context: typer.Context,
    action: Annotated[
        Action, typer.Argument(metavar="ACTION", help="list, get, set, unset or path.")
    ],
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="Option, as `format`, or `pull.platform` for pull."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VALUE]...", help="Value; several for an option with several."),
    ] = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietConfigOption = False,
) -> None:
    """Print or change the defaults of options.

    `list` prints each setting with its origin: an environment variable, the configuration file,
    the configuration of the cache, or the default. `set` and `unset` change the configuration
    file, whose path is that of `path`.
    """
    from cachedb.cli.settings import config_file, config_writer, listing

    if (key is None) is (action in {Action.GET, Action.SET, Action.UNSET}):
        needs = "needs a KEY" if key is None else "takes no KEY"
        raise InvalidInput(f"config {action} {needs}", hint="cachedb config --help")
    if bool(values) is not (action is Action.SET):
        raise InvalidInput("config set needs KEY and VALUE", hint="cachedb config set format json")
    commands = _commands(context)
    if action is Action.PATH:
        _print_value(("path", str(config_file.config_path()), ""), form, quiet=quiet)
    elif action is Action.LIST:
        settings = listing.every(commands, cache)
        if not quiet:
            tables.render(_COLUMNS, settings, form)
    elif action is Action.GET:
        _print_value(_found(key or "", listing.every(commands, cache)), form, quiet=quiet)
    elif action is Action.SET:
        option = listing.option_of(commands, key or "")
        config_writer.write(key or "", listing.typed(context, option, values or ()))
    else:
        config_writer.remove(key or "")


def _commands(context: typer.Context) -> dict[str, Any]:
    root: Any = context.find_root().command
    return {name: root.get_command(context, name) for name in root.list_commands(context)}


def _found(key: str, settings: Sequence[ListedSetting]) -> ListedSetting:
    for setting in settings:
        if setting.key == key:
            return setting
    raise NotFound(f"{key!r} is not set", hint="cachedb config list")


def _print_value(setting: Any, form: str, *, quiet: bool) -> None:
    if quiet or form is Format.TABLE:
        _, value, _ = setting
        output.print_stdout(output.show(output.text_of(value)))
    else:
        tables.render(_COLUMNS, [setting], form)
