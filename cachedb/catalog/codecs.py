"""Codecs of columns: from the value that the driver returns to the type that cachedb uses.

A value outside of the range of its column means that the catalog is damaged, was tampered with,
or belongs to another program; it is never a fault of the caller.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from cachedb.catalog.enums import Kind, Reading, Role, State
from cachedb.errors import CatalogMismatch, InvalidDigest
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

_E = TypeVar("_E", bound="IntEnum")

_KINDS = {int(each): each for each in Kind}
_STATES = {int(each): each for each in State}
_ROLES = {int(each): each for each in Role}
_READINGS = {int(each): each for each in Reading}
_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def kind(value: int) -> Kind:
    """Decode `blob.kind`.

    Raises:
        CatalogMismatch: No kind has this number.
    """
    return _decoded(_KINDS, value, "kind")


def state(value: int) -> State:
    """Decode `blob.state`.

    Raises:
        CatalogMismatch: No state has this number.
    """
    return _decoded(_STATES, value, "state")


def role(value: int) -> Role:
    """Decode `link.role`.

    Raises:
        CatalogMismatch: No role has this number.
    """
    return _decoded(_ROLES, value, "role")


def reading(value: int) -> Reading:
    """Decode `blob.parsed`.

    Raises:
        CatalogMismatch: No reading has this number.
    """
    return _decoded(_READINGS, value, "reading")


def digest(value: str) -> Digest:
    """Decode a digest, whose algorithm may be unknown.

    Raises:
        CatalogMismatch: It does not follow the grammar of the image-spec.
    """
    try:
        return Digest.declared(value)
    except (InvalidDigest, TypeError, AttributeError) as error:
        raise damaged("digest", value) from error


def size(value: object) -> int:
    """Decode a size in bytes.

    Raises:
        CatalogMismatch: It is negative, or no integer.
    """
    if not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise damaged("size", value)
    return value


def time(value: object) -> datetime | None:
    """Decode microseconds since 1970 in UTC; None for a moment that Python cannot represent.

    Such a moment is less than a day before the year 1 or after the year 9999, where a document
    states it with an offset.

    Raises:
        CatalogMismatch: The value is further away than that.
    """
    if not isinstance(value, int):
        raise damaged("time", value)
    moment = timedelta(microseconds=value) if abs(value) < 10**18 else timedelta.max
    try:
        return _EPOCH + moment
    except OverflowError as error:
        inward = -_DAY if value > 0 else _DAY
        try:
            _EPOCH + (moment + inward)
        except OverflowError:
            raise damaged("time", value) from error
        return None


def damaged(what: str, value: object) -> CatalogMismatch:
    """Make the error about a value that its column cannot hold."""
    return CatalogMismatch(
        f"the catalog is damaged: it holds {value!r:.80} as a {what}",
        hint="cachedb doctor --rebuild",
    )


def _decoded(known: Mapping[int, _E], value: int, what: str) -> _E:
    found = known.get(value)
    if found is None:
        raise damaged(what, value)
    return found
