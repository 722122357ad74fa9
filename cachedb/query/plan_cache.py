"""Cache of compiled queries in the cache directory of the user.

Compiling needs SQLAlchemy, which takes longer to import than most queries take to run. A compiled
query is a file named after its key: the version of cachedb and the state of its compiler, the
revision of the schema, the dialect, and the shape of the query. Values are neither in the key nor
in the file.

Only directories and files of the user that other users cannot write are used. A damaged or foreign
file is ignored and replaced. Without a usable directory every query is compiled.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cachedb.catalog.enums import SCHEMA_VERSION
from cachedb.limits import QUERY_PLANS
from cachedb.query.statement import CompiledQuery, CompiledStatement, FixedParameter, SlotParameter
from cachedb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.query.semantics.typed import CheckedQuery

_FOLDER: Final = "queries"
_LARGEST: Final = 128 * 1024
"""Maximum size of a file in bytes; a larger query is not cached."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def compile_rows(checked: CheckedQuery, dialect: str) -> CompiledQuery:
    """Return the statement of the rows of a query, from the cache or compiled and cached.

    From the cache it takes about 0.2 ms and does not import SQLAlchemy.
    """

    def compile_now() -> CompiledQuery:
        from cachedb.query.sql.compile import compile_query  # noqa: PLC0415  (SQLAlchemy)

        return compile_query(checked, dialect)

    return _cached(("rows", dialect, checked.shape), compile_now)


def compile_ids(checked: CheckedQuery, dialect: str) -> CompiledQuery:
    """Return the statement of the row ids of a query, from the cache or compiled and cached.

    Raises:
        QueryError: The query groups its rows.
    """

    def compile_now() -> CompiledQuery:
        from cachedb.query.sql import compile as compiler  # noqa: PLC0415  (SQLAlchemy)

        return compiler.compile_ids(checked, dialect)

    return _cached(("ids", dialect, checked.shape), compile_now)


def compile_fleet(checked: CheckedQuery) -> CompiledQuery:
    """Return the statement of the rows of a query of a fleet, from the cache or compiled.

    `fleet_statement.spread` repeats its parts for the caches.
    """

    def compile_now() -> CompiledQuery:
        from cachedb.query.sql import fleet  # noqa: PLC0415  (SQLAlchemy)

        return fleet.compile_fleet(checked)

    return _cached(("fleet", checked.shape), compile_now)


def _cached(parts: tuple[str, ...], compile_now: Callable[[], CompiledQuery]) -> CompiledQuery:
    key = _digest("\0".join((VERSION, str(SCHEMA_VERSION), _compiler_state(), *parts)))
    folder = _folder() if QUERY_PLANS.value else None
    if folder is None:
        return compile_now()
    try:
        with suppress(OSError, ValueError, TypeError, KeyError):
            return _read(folder, key)
        found = compile_now()
        with suppress(OSError):
            _write(folder, key, found)
        return found
    finally:
        os.close(folder)


def _compiler_state() -> str:
    """Return the state of the source files of the compiler, which change in a checkout."""
    package = Path(__file__).parent
    catalog = package.parent / "catalog"
    folders = (package, package / "sql", package / "semantics", catalog, catalog / "files")
    try:
        files = sorted(
            (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
            for folder in folders
            for entry in os.scandir(folder)
            if entry.name.endswith(".py")
        )
        return repr(files)
    except OSError:
        return ""  # inside of an archive


# -- files -----------------------------------------------------------------------------------


def _folder() -> int | None:
    """Open the directory of the cache, created with mode 0700; None if it cannot be used."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if os.path.isabs(given):
            parent = Path(given) / "cachedb"
        else:
            from platformdirs import user_cache_path  # noqa: PLC0415  (takes milliseconds)

            parent = user_cache_path("cachedb")
        path = parent / _FOLDER
        with suppress(FileExistsError):
            parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
        folder = os.open(path, _READ | os.O_DIRECTORY)
    except (OSError, RuntimeError):
        return None
    if not _is_own(os.fstat(folder)):
        os.close(folder)
        return None
    return folder


def _is_own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE


def _read(folder: int, key: str) -> CompiledQuery:
    """Read a file of the cache.

    Raises:
        OSError: There is no such file.
        ValueError: The file is foreign, of another key, damaged or too large; KeyError or
        TypeError if it holds other JSON.
    """
    with open(os.open(key, _READ, dir_fd=folder), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not _is_own(status):
            raise ValueError(key)
        checksum, _, body = file.read(_LARGEST + 1).decode().partition("\n")
    if checksum != _digest(key + body):
        raise ValueError(key)
    content = json.loads(body)
    return CompiledQuery(
        statement=_statement(content["statement"]),
        selectors=tuple(map(_statement, content["selectors"])),
    )


def _write(folder: int, key: str, compiled: CompiledQuery) -> None:
    """Write a file of the cache atomically, and remove the oldest when there are too many."""
    selectors = [_as_json(each) for each in compiled.selectors]
    content = {"statement": _as_json(compiled.statement), "selectors": selectors}
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    encoded = f"{_digest(key + body)}\n{body}".encode()
    if len(encoded) > _LARGEST:
        return
    temporary = f"{key}.{os.urandom(8).hex()}"
    try:
        with open(os.open(temporary, _NEW, 0o600, dir_fd=folder), "wb") as file:
            file.write(encoded)
        os.rename(temporary, key, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    _remove_oldest(folder)


def _remove_oldest(folder: int) -> None:
    names = os.listdir(folder)
    if len(names) <= QUERY_PLANS.value:
        return
    ages: list[tuple[int, str]] = []
    for name in names:
        with suppress(FileNotFoundError):  # another process removes as well
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            ages.append((status.st_mtime_ns, name))
    for _, name in sorted(ages)[: len(ages) - QUERY_PLANS.value]:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _as_json(statement: CompiledStatement) -> dict[str, Any]:
    parameters = [
        [each.slot, each.part] if isinstance(each, SlotParameter) else each.value
        for each in statement.parameters
    ]
    return {"text": statement.text, "parameters": parameters}


def _statement(content: Any) -> CompiledStatement:
    return CompiledStatement(
        text=content["text"], parameters=tuple(map(_parameter, content["parameters"]))
    )


def _parameter(content: Any) -> SlotParameter | FixedParameter:
    if isinstance(content, list):
        slot, part = content
        return SlotParameter(slot=slot, part=part)
    return FixedParameter(value=content)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
