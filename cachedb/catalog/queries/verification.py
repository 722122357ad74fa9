"""Statements of verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, select, update

from cachedb.catalog.enums import Reading, State
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.blobs import has_state
from cachedb.catalog.queries.definition import among_ids, among_texts, defines, each_id
from cachedb.catalog.schema import blob
from cachedb.catalog.statements import verification

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, Update

_HAS_FILE = blob.c.state.in_(list(map(int, graph.ON_DISK)))


@defines(verification.FILES)
def files() -> Select[int, str, int]:
    """Select the blobs that have a file."""
    return select(blob.c.id, blob.c.digest, blob.c.size).where(_HAS_FILE).order_by(blob.c.id)


@defines(verification.FILES_OF)
def files_of() -> Select[int, str, int]:
    """Select the blobs with a file that some blobs contain."""
    return files().where(_is_contained())


@defines(verification.MISSING)
def missing() -> Select[str]:
    """Select the missing blobs that refs reach."""
    live = graph.reachable("live")
    # Asked for each missing blob, so that nothing is walked if there is none.
    return _missing().where(exists(select(1).where(live.c.id == blob.c.id).select_from(live)))


@defines(verification.MISSING_OF)
def missing_of() -> Select[str]:
    """Select the missing blobs that some blobs contain."""
    return _missing().where(_is_contained())


@defines(verification.CORRUPT)
def corrupt() -> Select[int, str]:
    """Select the corrupt blobs."""
    return select(blob.c.id, blob.c.digest).where(has_state(State.CORRUPT))


@defines(verification.INTACT)
def intact() -> Select[*tuple[Any, ...]]:
    """Select the verified among some blobs."""
    return (
        select(blob.c.digest, blob.c.touched)
        .where(
            among_texts(blob.c.digest, "digests"),
            blob.c.state == int(State.PRESENT),
            blob.c.verified.is_not(None),
            blob.c.touched.is_not(None),
        )
        .order_by(blob.c.digest)
    )


@defines(verification.ARRIVED)
def arrived() -> Update:
    """Record the time at which blobs were hashed."""
    return (
        update(blob)
        .where(among_texts(blob.c.digest, "digests"))
        .values(verified=bindparam("moment"))
    )


@defines(verification.STORED)
def stored() -> Select[int, int | None]:
    """Select the times of some rows."""
    return select(blob.c.id, blob.c.touched).where(among_ids(blob.c.id, "ids"))


@defines(verification.VERIFIED)
def verified() -> Update:
    """Record the time at which files were intact."""
    return update(blob).where(among_ids(blob.c.id, "ids")).values(verified=bindparam("moment"))


@defines(verification.HEALED)
def healed() -> Update:
    """Mark a corrupt blob as present."""
    # A document with the right bytes that cannot be read stays corrupt: `problem` has the reason,
    # and `parsed` records that it was read.
    return (
        update(blob)
        .where(
            blob.c.digest == bindparam("digest"),
            blob.c.state == int(State.CORRUPT),
            blob.c.parsed == int(Reading.NO),
        )
        .values(state=int(State.PRESENT), problem=None)
    )


@defines(verification.CORRUPTED)
def corrupted() -> Update:
    """Mark a blob as corrupt."""
    return (
        update(blob)
        .where(blob.c.digest == bindparam("digest"))
        .values(state=int(State.CORRUPT), problem=bindparam("problem"), verified=None)
    )


def _missing() -> Select[str]:
    return select(blob.c.digest).where(has_state(State.MISSING))


def _is_contained() -> ColumnElement[bool]:
    content = graph.descendants(each_id("targets"), "content")
    return blob.c.id.in_(select(content.c.id))
