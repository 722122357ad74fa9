"""Domains of columns: the integers and words that each may hold, beyond its SQL type.

`schema` attaches a domain to every column of integers that is no key, and to columns of words and
digests. `queries/column_checks` makes one statement of them, so that a new column is checked too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.errors import InvalidDigest
from cachedb.oci.digest import Digest
from cachedb.records import Record

if TYPE_CHECKING:
    from enum import IntEnum

_LARGEST = 2**63 - 1
_DAY = 86_400_000_000


class Domain(Record):
    """Values from `low` to `high`, or `words`; with `is_digest`, texts that are digests."""

    low: int = -_LARGEST - 1
    high: int = _LARGEST
    words: tuple[str, ...] = ()
    is_digest: bool = False

    def holds(self, value: int | str) -> bool:
        """Return whether a value is in the domain."""
        if self.is_digest:
            return isinstance(value, str) and _is_digest(value)
        if self.words:
            return value in self.words
        return isinstance(value, int) and self.low <= value <= self.high

    @property
    def info(self) -> dict[str, Any]:
        """The domain as the `info` of a column of SQLAlchemy."""
        return {DOMAIN: self}


def _is_digest(text: str) -> bool:
    try:
        Digest.declared(text)
    except InvalidDigest:
        return False
    return True


DOMAIN = "domain"
"""The key in the `info` of a column."""


def of_codes(codes: type[IntEnum]) -> Domain:
    """Return the domain of the numbers of an enum without gaps."""
    numbers = [int(each) for each in codes]
    return Domain(low=min(numbers), high=max(numbers))


ANY = Domain()
SIZE = Domain(low=0)
COUNT = Domain(low=0)
FLAG = Domain(low=0, high=1)
TIME = Domain(low=-62_135_596_800_000_000 - _DAY, high=253_402_300_800_000_000 + _DAY)
"""Microseconds since 1970 from the year 1 to the year 9999, and a day for an offset."""
DIGEST = Domain(is_digest=True)
SOURCE = Domain(words=("pull", "build", "import", "tag"))
