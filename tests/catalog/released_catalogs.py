"""Stored catalogs: one of every released revision of the schema.

``python -m tests.catalog.released_catalogs > tests/catalog/released/REVISION.sql`` writes one with
the current schema. The file of a released revision does not change.
"""

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from cachedb.cache import Cache
from tests import build
from tests.conftest import APP, TOOL

FOLDER = Path(__file__).parent / "released"
_HINTS = "UPDATE ref SET source = 'pull', origin = name, added = 11, pulled = 22, used = 33"


def stored() -> dict[str, Path]:
    """Return the stored catalogs by revision."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.sql"))}


def restore(stored: Path, target: Path) -> None:
    """Make the database that was stored."""
    with closing(sqlite3.connect(target)) as database:
        database.executescript(stored.read_text())
    target.chmod(0o600)


def dump(path: Path) -> str:
    """Return the statements that make a database again."""
    with closing(sqlite3.connect(path)) as database:
        marks = [
            f"PRAGMA {name} = {database.execute(f'PRAGMA {name}').fetchone()[0]};"
            for name in ("application_id", "user_version")
        ]
        return "\n".join([*marks, *database.iterdump()]) + "\n"


def _catalog_of_today() -> str:
    with tempfile.TemporaryDirectory() as folder:
        tree = build.layout(Path(folder, "cache"), {"example.com/app:1": APP, "tool": TOOL})
        Cache.open(tree.path).close()
        path = tree.path / ".cachedb" / "index.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute(_HINTS)
            database.commit()
        return dump(path)


if __name__ == "__main__":
    sys.stdout.write(_catalog_of_today())
