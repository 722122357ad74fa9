"""Settings of all commands, each with its key and origin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachedb.cli.options.cache_folder import cache_folder
from cachedb.cli.options.shared import shared_options
from cachedb.cli.settings import defaults
from cachedb.errors import InvalidInput
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.cli.settings.defaults import Setting

DEFAULT = "default"


class ListedSetting(NamedTuple):
    """Key of an option in the configuration file, its value, and where that comes from."""

    key: str
    value: Any
    origin: str


def every(commands: Mapping[str, Any], cache: Path | None) -> list[ListedSetting]:
    """Return all settings, and the shared options, sorted by key.

    Raises:
        InvalidInput: The configuration file is malformed or has an unknown key.
    """
    found = {}
    for name, command in commands.items():
        for setting in defaults.outer_settings(name, command.params).values():
            found[setting.key] = ListedSetting(
                setting.key, _without_secrets(setting), setting.origin
            )
    if "cache" in found:
        cache = Path(found["cache"].value)
    for each in _of_cache(cache_folder(cache)):
        found.setdefault(each.key.removeprefix("display."), each)
    for param in shared_options():
        option = defaults.option_name(param) or ""
        value = str(cache_folder(None)) if option == "cache" else param.default
        found.setdefault(option, ListedSetting(option, value, DEFAULT))
    return sorted(found.values())


def _without_secrets(setting: Setting) -> Any:
    """Return the value of a setting; the URL of a catalog without its password."""
    if setting.key.rpartition(".")[2] != "catalog":
        return setting.value
    from cachedb.catalog.server.address import without_secrets

    return without_secrets(setting.value)


def option_of(commands: Mapping[str, Any], key: str) -> Any:
    """Return the parameter that a key of the configuration file sets.

    Raises:
        InvalidInput: There is no such command or option.
    """
    command, dot, option = key.rpartition(".")
    if dot and command not in commands:
        raise InvalidInput(f"no such command: {command!r}", hint="cachedb --help")
    params = [
        param
        for name, each in commands.items()
        if not dot or name == command
        for param in each.params
    ]
    for param in params:
        if defaults.option_name(param) == option:
            return param
    from difflib import get_close_matches

    known = sorted(filter(None, map(defaults.option_name, params)))
    near = get_close_matches(option, known, n=1)
    hint = f"did you mean {near[0]}?" if near else None
    raise InvalidInput(f"no such option: {option!r}", hint=hint)


def typed(context: Any, param: Any, values: Sequence[str]) -> str | bool | list[str]:
    """Check the values of an option, and return their form in the configuration file.

    Raises:
        InvalidInput: A value is invalid, or there are several of an option with one.
    """
    if len(values) > 1 and not param.multiple:
        raise InvalidInput(f"{param.opts[0]} has one value", hint="cachedb config set KEY VALUE")
    given: Any = list(values) if param.multiple else values[0]
    value = param.type_cast_value(context, given)
    return bool(value) if param.is_flag else given


def _of_cache(folder: Path) -> list[ListedSetting]:
    from cachedb.errors import CacheError
    from cachedb.layout import Layout
    from cachedb.operations.read import cache_configuration

    try:
        with Layout.open(folder) as layout:
            found = cache_configuration.display(layout)
    except CacheError:
        return []
    origin = str(folder / cache_configuration.PATH)
    return [ListedSetting(f"display.{key}", value, origin) for key, value in found.items()]
