"""Configuration file of a cache: saved queries, and defaults of output.

The file ``.cachedb/cachedb.toml`` comes with the layout, which may be another user's. It is read
if it belongs to this user or to root and no other user can write it, and it has no effect on
registries, credentials, or removals.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from cachedb.errors import InvalidInput, Refused
from cachedb.limits import CONFIG_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.layout import Layout

CONFIGURATION: Final = "cachedb.toml"
PATH: Final = f".cachedb/{CONFIGURATION}"
DISPLAY: Final = frozenset({"format", "tz", "sort", "columns"})
_IGNORED: Final = f"{PATH} belongs to another user, or other users can write it"


def read(layout: Layout) -> dict[str, Any]:
    """Read the file; one that does not exist or is not trusted is empty.

    Raises:
        InvalidInput: The file is not TOML.
    """
    return parse(_content(layout)) if layout.is_own_trusted(CONFIGURATION) else {}


def content_to_change(layout: Layout) -> str:
    """Return the text of the file, for a caller that replaces it.

    Raises:
        Refused: The file is not trusted.
        InvalidInput: The file is not UTF-8.
    """
    if not layout.is_own_trusted(CONFIGURATION):
        raise Refused(f"refusing to change {_IGNORED}", hint=f"chmod go-w {PATH}")
    return _content(layout)


def problem(layout: Layout) -> str | None:
    """Return why the file is ignored; None if it is read, or if this user cannot see one."""
    if layout.is_own_trusted(CONFIGURATION) or not layout.is_own_seen(CONFIGURATION):
        return None
    return f"{_IGNORED}; it is ignored"


def display(layout: Layout) -> Mapping[str, str]:
    """Return the defaults of output in the table ``[display]``.

    Raises:
        InvalidInput: The file is not TOML, or the table has another key or value.
    """
    found = read(layout).get("display", {})
    if not isinstance(found, dict):
        raise InvalidInput(f"{PATH}: display has to be a table")
    for key, value in found.items():
        if key not in DISPLAY or not isinstance(value, str):
            known = ", ".join(sorted(DISPLAY))
            raise InvalidInput(f"{PATH}: invalid {key!r} in [display]", hint=f"text for {known}")
    return found


def parse(content: str) -> dict[str, Any]:
    """Parse the text of the file.

    Raises:
        InvalidInput: It is not TOML.
    """
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{PATH}: {error}") from error


def _content(layout: Layout) -> str:
    content = layout.read_own(CONFIGURATION, CONFIG_BYTES) or b""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{PATH}: {error}") from error
