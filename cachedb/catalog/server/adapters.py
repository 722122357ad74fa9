"""Types of a catalog in a server, and those of Python for them: the same as SQLite's driver has.

psycopg registers the adapters of all types when the package is imported, which takes as long as
a short command. A catalog uses numbers, texts, bytes and lists.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.types import TypeInfo, TypesRegistry, array, none, numeric, string
from psycopg.types import bool as booleans

from cachedb.catalog.statement import BoundList

TYPES: Final = (
    ("bool", 16, 1000),
    ("bytea", 17, 1001),
    ('"char"', 18, 1002),
    ("name", 19, 1003),
    ("int8", 20, 1016),
    ("int2", 21, 1005),
    ("int4", 23, 1007),
    ("text", 25, 1009),
    ("oid", 26, 1028),
    ("float4", 700, 1021),
    ("float8", 701, 1022),
    ("bpchar", 1042, 1014),
    ("varchar", 1043, 1015),
    ("numeric", 1700, 1231),
)
"""Name, OID and OID of the array of each type; a value of another one is read as text."""


@cache
def of_catalog() -> AdaptersMap:
    """Return the adapters with which every connection to a catalog is made."""
    types = TypesRegistry()
    for name, oid, array_oid in TYPES:
        types.add(TypeInfo(name, oid, array_oid))
    found = AdaptersMap(types=types)
    for module in (array, none, string, booleans, numeric):
        module.register_default_adapters(found)
    adapt_to_catalog(found)
    array.register_all_arrays(found)
    return found


def adapt_to_catalog(adapters: AdaptersMap) -> None:
    """Take lists as arrays; return truth values and sums as the numbers that SQLite has."""
    adapters.register_dumper(BoundList, _ListDumper)
    adapters.register_loader("bool", _Truth)
    adapters.register_loader("numeric", _Number)


class _ListDumper(Dumper):
    """A list, of the type of array that the statement casts it to."""

    def dump(self, obj: BoundList) -> bytes:
        return obj.array.encode()


class _Truth(Loader):
    """BOOLEAN as the numbers that SQLite has for it."""

    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class _Number(Loader):
    """NUMERIC, the type of sums, as a plain number."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)
