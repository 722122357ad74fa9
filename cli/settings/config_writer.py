"""Changes to the configuration file, which keep its comments and order."""

from __future__ import annotations

import os
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

    if value is None:
        del owner[option]
    else:
        owner[option] = value
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(tomlkit.dumps(document), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise StorageFailed.of(error, f"write {str(path)!r}") from error
