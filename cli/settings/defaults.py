"""Defaults of options from environment variables and configuration files.

Every option has a variable for all commands, ``CACHEDB_OPTION``, and one for each command,
``CACHEDB_COMMAND_OPTION``, which wins; only ``log --format`` has none of its own. The
configuration file has the same: a key at its top, and one in a table with the name of the command.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from cachedb.cli.settings import config_file
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Variables of other programs that are read after those of cachedb.
_FOREIGN: Final = {"cache": ("LINUXKIT_CACHE",), "mirror": ("LINUXKIT_MIRROR",)}
# Variables whose name is ambiguous, and that belong to a shared option.
_GENERAL: Final = frozenset({"CACHEDB_LOG_FORMAT"})
# Values that may contain blanks: one a line.
_IN_LINES: Final = frozenset({"drop", "format", "keep", "param"})


class Setting(NamedTuple):
    """Default of an option, the variable or file that it comes from, and its key in the file."""

    value: Any
    origin: str
    key: str


def option_name(param: Any) -> str | None:
    """Return the long name of an option without dashes; None for an argument and for --help."""
    if param.param_type_name != "option" or param.name == "help":
        return None
    return next((opt[2:] for opt in param.opts if opt.startswith("--")), None)


def variables(command: str, option: str) -> tuple[str, ...]:
    """Return the variables of an option of a command; the first that is set counts.

    `log --format` has none of its own: CACHEDB_LOG_FORMAT is that of --log-format.
    """
    general = (_variable(option), *_FOREIGN.get(option, ()))
    own = _variable(f"{command}_{option}")
    return general if own in _GENERAL else (own, *general)


def _variable(words: str) -> str:
    return f"CACHEDB_{words}".upper().replace("-", "_")


def outer_settings(
    command: str, params: Iterable[Any], *, is_lenient: bool = False
) -> Mapping[str, Setting]:
    """Return the settings of a command from environment and file, by name of parameter.

    Raises:
        InvalidInput: The file is not TOML, or has an unknown key in the table of the command;
            not if lenient.
    """
    options = {name: param for param in params if (name := option_name(param)) is not None}
    configured = config_file.settings(command, options, is_lenient=is_lenient)
    found = {}
    for name, param in options.items():
        setting = _from_environment(command, name, is_list=param.multiple)
        if setting is None and name in configured:
            key, value = configured[name]
            if param.multiple and not isinstance(value, list):
                value = [value]
            setting = Setting(value, str(config_file.config_path()), key)
        if setting is not None:
            found[param.name] = setting
    return found


def _from_environment(command: str, option: str, *, is_list: bool) -> Setting | None:
    for variable in variables(command, option):
        if text := os.environ.get(variable):
            is_own = variable == _variable(f"{command}_{option}")
            key = f"{command}.{option}" if is_own else option
            return Setting(_values(option, text) if is_list else text, variable, key)
    return None


def _values(option: str, text: str) -> Sequence[str]:
    if option in _IN_LINES:
        return [line for line in text.splitlines() if line.strip()]
    return text.replace(",", " ").split() if option == "mirror" else text.split()
