"""Errors of psycopg as errors of cachedb: one line each, without secrets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import errors

from cachedb.errors import CacheBusy, CacheError, CatalogMismatch, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.catalog.server.address import ServerAddress

_WAITED = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_NOT_OURS = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedObject)
_RIGHTS = "GRANT CREATE ON DATABASE, or let its owner open the cache once"


@contextmanager
def explaining(address: ServerAddress) -> Iterator[None]:
    """Raise errors of the driver as errors of cachedb."""
    try:
        yield
    except errors.Error as error:
        raise _explained(error, address) from error


def _explained(error: errors.Error, address: ServerAddress) -> CacheError:
    where = f"the catalog at {address.shown}"
    text = _one_line(error)
    if isinstance(error, _WAITED):
        return CacheBusy("another process is writing the catalog")
    if isinstance(error, errors.InsufficientPrivilege):
        return StorageFailed(f"cannot use {where}: {text}", hint=_RIGHTS)
    if isinstance(error, (*_NOT_OURS, errors.IntegrityError)):
        hint = "cachedb doctor --rebuild"
        return CatalogMismatch(f"{where} is damaged: {text}", hint=hint)
    return StorageFailed(f"cannot use {where}: {text}")


def _one_line(error: errors.Error) -> str:
    """Return the first message of the server, or the last attempt of a connection."""
    if error.diag.message_primary:
        return error.diag.message_primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # libpq repeats the message for each address of a host; nothing in it is a password.
    kept = [line for line in lines if not line.startswith(("Is the server", "Multiple"))]
    return kept[0].removeprefix("connection failed: ") if kept else "the connection was lost"
