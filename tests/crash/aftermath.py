"""Checks after a crash that use cachedb: it works without repair, and reports no fault."""

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import cachedb.cli.app
from cachedb.cache import Cache
from cachedb.catalog.connect import Catalog
from cachedb.catalog.index.derived_rows import facts
from cachedb.catalog.place import CatalogFile
from cachedb.operations.sync import index_backup, reconcile

_CLEANED = ("ingest", "leases", "tmp", "trash")


def examine(root: Path, arguments: list[str]) -> int:
    """Open the cache, do once more what was interrupted, and collect; say what is wrong.

    Returns 0, and prints a list in JSON as the last line.
    """
    found = _after_open(root)
    os.environ["CACHEDB_CACHE"] = str(root)
    for again in (arguments, ["gc", "--grace", "0"]):
        code = _command(again)
        if code != 0:
            found.append(f"I8: `cachedb {' '.join(again)}` ends with {code}")
    found += _after_gc(root)
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    return 0


def _command(arguments: list[str]) -> int:
    sys.argv = ["cachedb", *arguments]
    try:
        cachedb.cli.app.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _after_open(root: Path) -> list[str]:
    """Open brings everything in step without help; the catalog is what a new one would be."""
    with Cache.open(root) as opened:
        fresh = Catalog.in_memory()
        reconcile.bring_up_to_date(opened.layout, fresh)
        with opened.catalog.reading() as ours, fresh.reading() as theirs:
            difference = facts(ours) ^ facts(theirs)
        fresh.close()
        names = opened.layout.index()
    found = [f"I9: the catalog differs in {len(difference)} facts"] if difference else []
    if index_backup.find(CatalogFile(path=root / ".cachedb" / "index.db")) != names:
        found.append("I9: the copy of the names is not what index.json says")
    return found + _sqlite_faults(root / ".cachedb" / "index.db")


def _sqlite_faults(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        checked = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    found = [] if checked == ["ok"] else [f"I11: {checked[0]}"]
    return found + ([f"I11: {len(dangling)} rows without their parent"] if dangling else [])


def _after_gc(root: Path) -> list[str]:
    private = root / ".cachedb"
    left = [p for name in _CLEANED for p in (private / name).rglob("*") if p.is_file()]
    return [f"I8: {path.relative_to(root)} is left after a gc" for path in left]
