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
_NEED = """
INSERT INTO edge (parent_id, child_id)
SELECT (SELECT max(target_id) FROM ref), id FROM blob WHERE size = 1
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
        connection.execute(_NEED)  # a blob that no image needs may be missing
    connection.close()
    command = [sys.executable, "-c", _MEASURE, str(populated.path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said in done.stderr
    assert int(done.stdout.splitlines()[-1]) // 1024 <= MOST_MEBIBYTES


def test_verify_reports_the_number_of_missing_blobs_beyond_the_limit(
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
    printed = json.loads(done.out)
    assert len(printed["items"]) == 1
    assert printed["summary"]["errors"] == len(roots)
    assert f"{len(roots) - 1} more missing blob" in done.err
    assert f"corrupt or missing: {len(roots)} blobs" in done.err


def test_declared_sizes_add_up_beyond_64_bits(run: Run, tree: build.Tree) -> None:
    huge = 2**63 - 1
    layers = [build.Blob(b"%d" % number, build.OCI_LAYER) for number in range(5)]
    config = build.config_blob([], build.platform_of("amd64"))
    document = {
        "schemaVersion": 2,
        "mediaType": build.OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor(size=huge) for layer in layers],
    }
    root = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    tree.put(root, config)
    tree.name(build.Thing(root=root, parts=()), "example.com/huge:1")
    query = "blobs group state show state,count,sum.size,avg.size sort -sum.size"
    rows = json.loads(run(tree.path, "query", "--format", "json", query).out)
    assert [(row["state"], row["count"], row["sum.size"]) for row in rows] == [
        ("missing", 5, 5 * huge),
        ("present", 2, root.size + config.size),
    ]
    (total,) = json.loads(run(tree.path, "query", "--format", "json", "links show sum.size").out)
    assert total["sum.size"] == 5 * huge + config.size
    for command in ("ls", "show huge:1", "tree huge:1", "du", "report", "validate", "verify"):
        done = run(tree.path, *command.split())
        assert done.code in {0, 8}, command
        assert "catalog" not in done.err
    assert run(tree.path, "gc", "--dry-run").code == 0
    done = run(tree.path, "prune", "--dry-run", "--all", "--max-size", "1B")
    assert (done.code, "frees" in done.err) == (0, True)


@pytest.mark.parametrize(
    "command",
    [
        "du", "du --group-by registry", "du --tree", "report", "gc --dry-run", "gc",
        "prune --dry-run --all --max-size 1kB", "query refs show name,size,exclusive",
        "query refs group repo show repo,total,exclusive", "query blobs show total",
        "ls", "rm --dry-run app", "verify", "doctor",
    ],
)  # fmt: skip
def test_forged_sizes_that_add_up_beyond_64_bits_damage_the_catalog_at_most(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(fingerprint, "_RACY_NS", 0)
    with Cache.open(populated.path) as cache:
        cache.list()
    before = populated.blobs()
    connection = sqlite3.connect(populated.path / ".cachedb" / "index.db")
    with connection:
        connection.execute("UPDATE blob SET size = ?", [2**63 - 1])
    connection.close()
    done = run(populated.path, *command.split())
    assert done.code in {0, 4, 8}, done.err
    assert "Traceback" not in done.err
    if done.code == 4:
        assert "the catalog is damaged" in done.err
    kept = build.layer({"orphan": ""}).digest
    assert populated.blobs() >= before - {kept}
    assert run(populated.path, "doctor", "--rebuild").code == 0
    assert run(populated.path, "du").code == 0
