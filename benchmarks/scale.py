"""Catalogs of 10^5 to 10^6 blobs in PostgreSQL: bytes, statements and vacuum, as Markdown.

    python -m benchmarks.scale [--images 14000 140000] [--repeat 2]

The rows are those of a layout of 1000 images, which cachedb has published, and copies of them in
the server with other ids, digests and names: an image is 7.2 blobs. No blob file is needed. Each
query runs in this process, whose connection is open: seconds of processor time, of this process
and of the server with its parallel workers, minimum. At the end the exponents with which bytes
and times grow from one size to the next, and what they come to at 10^7 and 10^8 blobs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.hosts import Clock
from benchmarks.layouts import Made
from cachedb import Cache
from cachedb.catalog import compiled
from cachedb.fleet import Fleet
from tests.postgresql import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable

_PART = 1000
"""Images of the layout whose rows are copied."""
_SCHEMA = "all"
_QUERIES = {
    "a name": "refs name:docker.io/bench/app-00000:v1",
    "all garbage": "blobs is:garbage show count",
    "sizes of all images, the largest 10": "refs top 10 by -size",
    "the largest 10 layers": "layers sort -size limit 10",
    "groups of all blobs": "blobs group kind",
}
_LEAST = 0.001
"""Shortest time from which an exponent is computed: the clock of the server ticks at 10 ms."""
_OF_BLOBS = frozenset({"blob_id", "parent_id", "child_id", "target_id", "document_id"})
_UNIQUE = {
    "digest": "'sha256:' || encode(sha256((digest || part)::BYTEA), 'hex')",
    "name": "replace(name, '/app-', '/app-' || part || '-')",
    "repo": "replace(repo, '/app-', '/app-' || part || '-')",
    "entry": "replace(entry, '/app-', '/app-' || part || '-')",
}
_COPIED = ("blob", "config", "edge", "env", "label", "link", "annotation", "link_annotation",
           "ref", "ref_annotation")  # fmt: skip


class Scale:
    """A catalog in a database of its own, which grows by copies of its first rows."""

    def __init__(self, server: Server, layout: Path) -> None:
        self._server = server
        self._clock = Clock(server)
        self._database = server.make_database()
        with Cache.open(layout) as cache:
            cache.join_fleet(server.url(_SCHEMA, self._database))
        self._driver = psycopg.connect(
            host=str(server.folder), user="postgres", dbname=self._database, autocommit=True,
            options=f"-c search_path={_SCHEMA}",
        )  # fmt: skip
        self._parts = 1
        self._shift = {
            table: self._number(f"SELECT MAX(id) FROM {table}")
            for table in ("blob", "link", "ref")
        }
        self._positions = self._number("SELECT MAX(position) + 1 FROM ref")

    def grow(self, images: int) -> float:
        """Copy rows until there are so many images; return the seconds of the server."""
        parts = max(images // _PART, self._parts)
        texts = [self._copy(table, self._parts, parts - 1) for table in _COPIED]
        before = self._clock.seconds()
        if parts > self._parts:
            self._sql(";".join(texts))
        self._sql("ANALYZE")
        self._parts = parts
        return self._clock.seconds() - before

    def rows(self) -> tuple[int, int]:
        """Count the blobs, and all rows."""
        counts = {table: self._number(f"SELECT COUNT(*) FROM {table}") for table in _COPIED}
        return counts["blob"], sum(counts.values())

    def bytes(self) -> tuple[int, int]:
        """Return the bytes of the tables, and of their indexes."""
        ((tables, indexes),) = self._sql(
            "SELECT SUM(pg_table_size(oid)), SUM(pg_indexes_size(oid)) FROM pg_class"
            f" WHERE relnamespace = '{_SCHEMA}'::REGNAMESPACE AND relkind = 'r'"
        )
        return int(tables), int(indexes)

    def seconds(self, query: str, repeat: int) -> float:
        """Return the least processor time of a query."""
        with Fleet.open(self._server.url("", self._database)) as fleet:
            fleet.query(query)  # compiled, and its plan kept
            return min(self._timed(lambda: fleet.query(query)) for _ in range(repeat))

    def vacuum(self) -> float:
        """Change every tenth blob and ref, and return the processor time of VACUUM."""
        for table, column in (("blob", "verified"), ("ref", "used")):
            self._sql(f"UPDATE {table} SET {column} = 1 WHERE id % 10 = 0")
        return self._timed(lambda: self._sql("VACUUM"))

    def _timed(self, do: Callable[[], object]) -> float:
        before, own = self._clock.seconds(), time.process_time()
        do()
        return self._clock.seconds() - before + time.process_time() - own

    def _copy(self, table: str, first: int, last: int) -> str:
        found = self._sql(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '\"{_SCHEMA}\".{table}'::REGCLASS ORDER BY attnum"
        )
        columns = [str(name) for (name,) in found]
        values = ", ".join(self._value(table, column) for column in columns)
        where = f"WHERE {self._first_rows(table, columns)}"
        quoted = ", ".join(f'"{column}"' for column in columns)
        parts = f"generate_series({first}, {last}) AS part"
        return f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table}, {parts} {where}"

    def _value(self, table: str, column: str) -> str:
        if column == "id":
            return f"id + {self._shift[table]} * part"
        for other in ("link", "ref"):
            if column == f"{other}_id":
                return f"{column} + {self._shift[other]} * part"
        if column in _OF_BLOBS:
            return f"{column} + {self._shift['blob']} * part"
        if (table, column) == ("ref", "position"):
            return f"position + {self._positions} * part"
        if table in {"blob", "ref"} and column in _UNIQUE:
            return _UNIQUE[column]
        return f'"{column}"'

    def _first_rows(self, table: str, columns: list[str]) -> str:
        key = next(column for column in columns if column == "id" or column.endswith("_id"))
        owner = table if key == "id" else key.removesuffix("_id")
        return f"{key} <= {self._shift.get(owner, self._shift['blob'])}"

    def _sql(self, text: str) -> list[tuple[Any, ...]]:
        cursor = self._driver.execute(text)
        return cursor.fetchall() if cursor.description else []

    def _number(self, text: str) -> int:
        ((found,),) = self._sql(text)
        return int(found)


def main() -> None:
    """Grow a catalog, and print what each size costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[14_000, 140_000])
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    os.environ["CACHEDB_LIMIT_QUERY_SECONDS"] = "3600"
    assert {name for _, name, _ in compiled.tables("postgresql")} >= set(_COPIED)
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        scale = Scale(server, Made(Path(folder)).of(_PART))
        for images in sorted(options.images):
            found.append(_measured(scale, images, options.repeat))
            print(f"{images} images: {found[-1]}\n", flush=True)
    _print(found)


def _measured(scale: Scale, images: int, repeat: int) -> dict[str, float]:
    _, before = scale.rows()
    inserted = scale.grow(images)
    blobs, rows = scale.rows()
    tables, indexes = scale.bytes()
    return {
        "blobs": blobs,
        "rows": rows,
        "MB of tables": tables / 1e6,
        "MB of indexes": indexes / 1e6,
        "insertion of all rows, as the copies took": inserted * rows / max(rows - before, 1),
        **{name: scale.seconds(query, repeat) for name, query in _QUERIES.items()},
        "VACUUM after a change of a tenth of all blobs and names": scale.vacuum(),
    }


def _print(found: list[dict[str, float]]) -> None:
    sizes = [each["blobs"] for each in found]
    heads = [f"{size:.3g} blobs" for size in sizes]
    print(f"| | {' | '.join(heads)} | exponent | 10^7 blobs | 10^8 blobs |")
    print("|---|" + "---:|" * (len(found) + 3))
    for key in found[0]:
        values = [each[key] for each in found]
        cells = " | ".join(f"{value:.3g}" for value in values)
        if len(found) == 1 or key == "blobs":
            print(f"| {key} | {cells} | | | |")
            continue
        last, before = max(values[-1], _LEAST), max(values[-2], _LEAST)
        grows = log(last / before) / log(sizes[-1] / sizes[-2])
        further = [last * (size / sizes[-1]) ** grows for size in (1e7, 1e8)]
        print(f"| {key} | {cells} | {grows:.2f} | {further[0]:.3g} | {further[1]:.3g} |")


if __name__ == "__main__":
    main()
