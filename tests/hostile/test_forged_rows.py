"""A catalog that claims many blobs: memory does not grow with what it claims."""

import json
import sqlite3
import subprocess
import sys

import pytest

from cachedb import limits
from cachedb.cache import Cache
from cachedb.catalog.enums import State
from cachedb.layout import fingerprint
from tests import build
from tests.cli.conftest import Run

ROWS = 300_000
MOST_MEBIBYTES = 120
_FORGE = """
INSERT INTO blob (digest, size, kind, state, media_type, parsed)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
SELECT 'sha256:' || printf('%064x', i), 1, 4, :state, '', 0 FROM n
"""
_MEASURE = """
import sys
from cachedb.cli.app import main
sys.argv = ["cachedb", "verify", "--cache", sys.argv[1]]
try:
    main()
finally:
    print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""
# Not ru_maxrss, in which Linux counts the process that started this one too.


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("state", "said"),
    [(State.PRESENT, "no errors"), (State.MISSING, f"{ROWS} errors")],
    ids=["present", "missing"],
)
def test_verify_of_many_forged_rows_takes_little_memory(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch, state: State, said: str
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)
    with Cache.open(populated.path) as cache:
        cache.list()
    connection = sqlite3.connect(populated.path / ".cachedb" / "index.db")
    with connection:
        connection.execute(_FORGE, {"rows": ROWS, "state": int(state)})
    connection.close()
    command = [sys.executable, "-c", _MEASURE, str(populated.path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said in done.stderr
    assert int(done.stdout.splitlines()[-1]) // 1024 <= MOST_MEBIBYTES


def test_verify_counts_missing_blobs_beyond_the_limit(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = {entry["digest"] for entry in populated.entries()}
    assert len(roots) > 1
    for digest in roots:
        populated.delete(digest)
    monkeypatch.setattr(
        limits,
        "VERIFY_FINDINGS",
        limits.Limit(name="verify findings", variable="CACHEDB_LIMIT_VERIFY_FINDINGS", value=1),
    )
    done = run(populated.path, "verify", "--format", "json")
    assert done.code == 8
    assert len(json.loads(done.out)) == 1
    assert f"{len(roots) - 1} more missing blob" in done.err
    assert f"corrupt or missing: {len(roots)} blobs" in done.err
