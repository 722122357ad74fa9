"""A catalog that claims many blobs: memory does not grow with what it claims."""

import sqlite3
import subprocess
import sys

import pytest

from cachedb.cache import Cache
from cachedb.layout import fingerprint
from tests import build

ROWS = 300_000
MOST_MEBIBYTES = 120
_FORGE = """
INSERT INTO blob (digest, size, kind, state, media_type, parsed)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
SELECT 'sha256:' || printf('%064x', i), 1, 4, 1, '', 0 FROM n
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
def test_verify_of_many_forged_rows_takes_little_memory(
    populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)
    with Cache.open(populated.path) as cache:
        cache.list()
    connection = sqlite3.connect(populated.path / ".cachedb" / "index.db")
    with connection:
        connection.execute(_FORGE, {"rows": ROWS})
    connection.close()
    command = [sys.executable, "-c", _MEASURE, str(populated.path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "no errors" in done.stderr
    assert int(done.stdout.splitlines()[-1]) // 1024 <= MOST_MEBIBYTES
