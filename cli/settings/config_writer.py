"""Changes to the configuration file, which keep its comments and order."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cachedb.cli.settings.config_file import config_path, read
from cachedb.errors import NotFound, StorageFailed

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path
    from typing import Any

Value: TypeAlias = "str | bool | list[str]"


def write(key: str, value: Value) -> None:
    """Set a key, such as `format` or `pull.platform`; the file is replaced atomically.

    Raises:
        InvalidInput: The file is not TOML.
        StorageFailed: The file system refused.
    """
    import tomlkit

    path, document = _document()
    table, _, option = key.rpartition(".")
    if table and table not in document:
        document[table] = tomlkit.table()
    _replace(path, document, document[table] if table else document, option, value)


def remove(key: str) -> None:
    """Remove a key.

    Raises:
        NotFound: The file does not have it.
        InvalidInput: The file is not TOML.
        StorageFailed: The file system refused.
    """
    path, document = _document()
    table, _, option = key.rpartition(".")
    owner = document.get(table, {}) if table else document
    if option not in owner:
        raise NotFound(f"{path} does not set {key!r}", hint="cachedb config list")
    _replace(path, document, owner, option, None)


def _document() -> tuple[Path, Any]:
    import tomlkit

    path = config_path()
    read(path)  # raises
    return path, tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")


def _replace(
    path: Path,
    document: Any,
    owner: MutableMapping[str, Any],
    option: str,
    value: Value | None,
) -> None:
    import tomlkit

    from cachedb.archive import output_file

    if value is None:
        del owner[option]
    else:
        owner[option] = value
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed.of(error, f"make {str(path.parent)!r}") from error
    output_file.write(str(path), [tomlkit.dumps(document).encode()])
