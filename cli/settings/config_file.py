"""Configuration file of the user: defaults of options, in TOML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_VARIABLE = "CACHEDB_CONFIG_FILE"
_MOST_BYTES = 1_000_000


def config_path() -> Path:
    """Return the path of the file: of its variable, else in the user's configuration directory."""
    if given := os.environ.get(_VARIABLE):
        return Path(given)
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification of XDG: a relative path is ignored.
    base = folder if os.path.isabs(folder) else os.path.expanduser("~/.config")
    return Path(base) / "cachedb" / "config.toml"


def settings(
    command: str, options: Collection[str], *, is_lenient: bool = False
) -> Mapping[str, tuple[str, Any]]:
    """Return key and value in the file for the options of a command, by name of option.

    Raises:
        InvalidInput: The file is not TOML, or has an unknown key in the table of the command;
            not if lenient.
    """
    path = config_path()
    try:
        document = read(path)
        own = _table(path, document, command, options)
    except InvalidInput:
        if is_lenient:
            return {}
        raise
    found = {}
    for prefix, table in (("", document), (f"{command}.", own)):
        for name, value in table.items():
            option = name.replace("_", "-")
            if option in options and not isinstance(value, dict):
                found[option] = (prefix + option, as_typed(value))
    return found


def read(path: Path) -> dict[str, Any]:
    """Read the file; a file that does not exist is empty.

    Raises:
        InvalidInput: The file cannot be read, is too large, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    if not content:
        return {}
    import tomllib

    try:
        if len(content) > _MOST_BYTES:
            raise InvalidInput(f"{path} is larger than {_MOST_BYTES} bytes")
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: {error}") from error


def _table(
    path: Path, document: Mapping[str, Any], command: str, options: Collection[str]
) -> Mapping[str, Any]:
    """Return the table of a command, all of whose keys are options of it.

    `cache` is a command and an option of every command: as a value, it is that of the option.
    """
    own = document.get(command, {})
    if not isinstance(own, dict) and command in options:
        return {}
    if not isinstance(own, dict):
        raise InvalidInput(f"{path}: {command!r} is not a table", hint=f"[{command}]")
    for name in own:
        if name.replace("_", "-") not in options:
            from difflib import get_close_matches

            near = get_close_matches(name, options, n=1)
            hint = f"did you mean {near[0]}?" if near else f"cachedb {command} --help"
            raise InvalidInput(f"{path}: {command} has no option {name!r}", hint=hint)
    return own


def as_typed(value: Any) -> Any:
    """Return a value in the form of the command line: numbers and dates as text."""
    if isinstance(value, list):
        return [str(each) for each in value]
    return value if isinstance(value, bool) else str(value)
