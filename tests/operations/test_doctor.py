"""What doctor finds, that it only looks, and what a rebuild keeps."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.enums import State
from cachedb.errors import CatalogMismatch, NotALayout, Refused, SchemaTooNew
from cachedb.operations.check.findings import Code, Finding, Level
from tests import build
from tests.catalog.contents import contents
from tests.conftest import APP, BASE, TOOL
from tests.layout import child

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"
_DAY = 86_400 * 10**9


@pytest.fixture
def opened(populated: build.Tree) -> build.Tree:
    """The populated layout, with a catalog that is in step."""
    Cache.open(populated.path).close()
    return populated


def findings(tree: build.Tree) -> list[Finding]:
    return list(Cache.examine(tree.path))


def faults(tree: build.Tree) -> list[Finding]:
    return [finding for finding in findings(tree) if finding.level is not Level.NOTE]


def database(tree: build.Tree) -> Path:
    return tree.path / ".cachedb" / "index.db"


def change(tree: build.Tree, *statements: str) -> None:
    """Change the catalog behind our back."""
    connection = sqlite3.connect(database(tree))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_healthy_cache_has_no_fault(opened: build.Tree) -> None:
    assert faults(opened) == []


def test_a_layout_of_another_tool_has_no_fault_and_gets_no_catalog(populated: build.Tree) -> None:
    assert [finding.code for finding in findings(populated)] == [Code.CATALOG_MISSING]
    assert not (populated.path / ".cachedb").exists()


def write(tree: build.Tree, path: str, content: str = "x") -> None:
    target = tree.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


def make_pipe(tree: build.Tree) -> None:
    os.mkfifo(tree.path / "blobs" / "sha256" / ("a" * 64))


def damage(tree: build.Tree) -> None:
    content = bytearray(database(tree).read_bytes())
    content[4096 : 3 * 4096] = b"\xff" * (2 * 4096)
    database(tree).write_bytes(content)


def to_another(tree: build.Tree) -> None:
    database(tree).rename(tree.path.parent / "elsewhere.db")
    database(tree).symlink_to(tree.path.parent / "elsewhere.db")


def one_platform(tree: build.Tree) -> None:
    for digest in build.multi_platform("s390x").digests:
        assert digest not in tree.blobs()
    both = build.multi_platform("s390x", "arm")
    tree.add(both, "partial")
    tree.delete(both.document["manifests"][1]["digest"])


def wrong_size(thing: build.Thing) -> build.Thing:
    """Return an image whose manifest says that its first layer is a byte longer than it is."""
    document = thing.document
    document["layers"][0]["size"] += 1
    return replace(thing, root=build.Blob(build.to_json(document), build.OCI_MANIFEST))


MISDECLARING = wrong_size(TOOL)
MISCALLED = build.Thing(
    root=build.Blob(TOOL.root.content + b"\n", build.OCI_INDEX), parts=TOOL.parts
)


def misdeclare(tree: build.Tree) -> None:
    tree.add(MISDECLARING, "misdeclaring")


Prepare = Callable[[build.Tree], object]
CASES: list[tuple[str, Prepare, Code, Level, str]] = [
    ("no-marker", lambda t: (t.path / "oci-layout").unlink(),
     Code.MARKER_MISSING, Level.WARNING, "oci-layout"),
    ("marker-of-version-2", lambda t: write(t, "oci-layout", '{"imageLayoutVersion": "2.0.0"}'),
     Code.MARKER_INVALID, Level.ERROR, "oci-layout"),
    ("no-index", lambda t: (t.path / "index.json").unlink(),
     Code.NAMES_UNREADABLE, Level.ERROR, "index.json"),
    ("empty-index", lambda t: t.write_index(""),
     Code.NAMES_UNREADABLE, Level.ERROR, "index.json"),
    ("an-unreadable-entry", lambda t: t.write_entries([*t.entries(), {"digest": "md5:x"}]),
     Code.NAME_UNREADABLE, Level.ERROR, "index.json"),
    ("a-missing-layer", lambda t: t.delete(BASE.digest),
     Code.BLOB_MISSING, Level.ERROR, f"blobs/sha256/{BASE.digest[7:]}"),
    ("a-missing-manifest", lambda t: t.delete(TOOL.digest),
     Code.BLOB_MISSING, Level.ERROR, f"blobs/sha256/{TOOL.digest[7:]}"),
    ("a-corrupt-manifest", lambda t: t.flip(TOOL.digest),
     Code.BLOB_CORRUPT, Level.ERROR, f"blobs/sha256/{TOOL.digest[7:]}"),
    ("a-short-layer", lambda t: t.truncate(BASE.digest),
     Code.BLOB_CORRUPT, Level.ERROR, f"blobs/sha256/{BASE.digest[7:]}"),
    ("a-size-that-a-manifest-gets-wrong", misdeclare,
     Code.SIZE_MISDECLARED, Level.ERROR, f"blobs/sha256/{MISDECLARING.digest[7:]}"),
    ("a-size-that-index-json-gets-wrong", lambda t: t.name(TOOL, "wrong", size=7),
     Code.SIZE_MISDECLARED, Level.ERROR, "index.json"),
    ("a-manifest-that-is-called-an-index", lambda t: t.add(MISCALLED, "miscalled"),
     Code.DOCUMENT_INVALID, Level.WARNING, f"blobs/sha256/{MISCALLED.digest[7:]}"),
    ("a-layer-changed-in-place", lambda t: t.flip(BASE.digest),
     Code.BLOB_CHANGED, Level.WARNING, f"blobs/sha256/{BASE.digest[7:]}"),
    ("one-platform-only", one_platform, Code.IMAGE_PARTIAL, Level.NOTE, "index.json"),
    ("no-catalog", lambda t: database(t).unlink(),
     Code.CATALOG_MISSING, Level.NOTE, ".cachedb/index.db"),
    ("a-change-by-another-tool", lambda t: t.unname(APP_1),
     Code.CATALOG_BEHIND, Level.NOTE, ".cachedb/index.db"),
    ("no-database", lambda t: database(t).write_text("no database, " * 1000),
     Code.CATALOG_UNUSABLE, Level.ERROR, ".cachedb/index.db"),
    ("a-link-as-catalog", to_another, Code.CATALOG_UNUSABLE, Level.ERROR, ".cachedb/index.db"),
    ("a-newer-catalog", lambda t: change(t, "PRAGMA user_version = 999"),
     Code.CATALOG_UNUSABLE, Level.ERROR, ".cachedb/index.db"),
    ("a-trigger-in-the-catalog",
     lambda t: change(t, "CREATE TRIGGER x AFTER INSERT ON ref BEGIN SELECT 1; END"),
     Code.CATALOG_UNUSABLE, Level.ERROR, ".cachedb/index.db"),
    ("a-damaged-catalog", damage, Code.CATALOG_DAMAGED, Level.ERROR, ".cachedb/index.db"),
    ("a-row-without-its-parent", lambda t: change(t, "UPDATE ref SET target_id = 999999"),
     Code.CATALOG_DAMAGED, Level.ERROR, ".cachedb/index.db"),
    ("rows-that-do-not-fit-the-files", lambda t: change(t, "DELETE FROM edge"),
     Code.CATALOG_WRONG, Level.ERROR, ".cachedb/index.db"),
    ("a-folder-for-everybody", lambda t: t.path.chmod(0o777), Code.EXPOSED, Level.ERROR, "."),
    ("an-index-for-everybody", lambda t: (t.path / "index.json").chmod(0o666),
     Code.EXPOSED, Level.ERROR, "index.json"),
    ("a-catalog-for-a-group", lambda t: database(t).chmod(0o660),
     Code.EXPOSED, Level.ERROR, ".cachedb/index.db"),
    ("a-blob-for-everybody", lambda t: t.blob_path(BASE.digest).chmod(0o666),
     Code.EXPOSED, Level.ERROR, f"blobs/sha256/{BASE.digest[7:]}"),
    ("half-a-blob", lambda t: write(t, f".cachedb/ingest/sha256-{'a' * 64}.part"),
     Code.STAGE_STALE, Level.NOTE, f".cachedb/ingest/sha256-{'a' * 64}.part"),
    ("half-a-file", lambda t: write(t, ".cachedb/tmp/index.json.0123456789abcdef"),
     Code.LEFTOVER, Level.NOTE, ".cachedb/tmp/index.json.0123456789abcdef"),
    ("half-a-collection", lambda t: write(t, ".cachedb/trash/1-x/sha256-a"),
     Code.SWEEP_UNFINISHED, Level.NOTE, ".cachedb/trash/1-x"),
    ("a-collection", lambda t: write(t, ".cachedb/trash/1-x.done/sha256-a"),
     Code.TRASH, Level.NOTE, ".cachedb/trash/1-x.done"),
    ("a-dead-lease", lambda t: write(t, ".cachedb/leases/0123456789abcdef"),
     Code.LEASE_DEAD, Level.NOTE, ".cachedb/leases/0123456789abcdef"),
    ("of-skopeo", lambda t: write(t, "oci-put-blob123"),
     Code.LEFTOVER, Level.WARNING, "oci-put-blob123"),
    ("of-crane", lambda t: write(t, f"blobs/sha256/{'a' * 64}123"),
     Code.LEFTOVER, Level.WARNING, f"blobs/sha256/{'a' * 64}123"),
    ("of-regctl", lambda t: write(t, "blobs/sha256/123.tmp"),
     Code.LEFTOVER, Level.WARNING, "blobs/sha256/123.tmp"),
    ("names-of-regctl", lambda t: write(t, "index.json.123.tmp"),
     Code.LEFTOVER, Level.WARNING, "index.json.123.tmp"),
    ("of-oras", lambda t: write(t, f"ingest/{'a' * 64}_123"),
     Code.LEFTOVER, Level.WARNING, f"ingest/{'a' * 64}_123"),
    ("of-umoci", lambda t: write(t, ".umoci-abc/blob-1"),
     Code.LEFTOVER, Level.WARNING, ".umoci-abc"),
    ("of-linuxkit", lambda t: write(t, f"ingest/{'a' * 64}/data"),
     Code.LEFTOVER, Level.WARNING, f"ingest/{'a' * 64}"),
    ("of-no-tool", lambda t: write(t, "blobs/sha256/README"),
     Code.STRAY, Level.WARNING, "blobs/sha256/README"),
    ("a-pipe-for-a-blob", make_pipe, Code.STRAY, Level.WARNING, f"blobs/sha256/{'a' * 64}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "code", "level", "path"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_fault_is_found_and_nothing_is_changed(
    opened: build.Tree,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Prepare,
    code: Code,
    level: Level,
    path: str,
) -> None:
    prepare(opened)
    before = everything(opened.path)
    later = time.time_ns() + _DAY
    monkeypatch.setattr("cachedb.operations.check.doctor.time.time_ns", lambda: later)

    found = findings(opened)

    assert (code, level, path) in [(f.code, f.level, f.path) for f in found]
    besides = {Code.CATALOG_UNUSABLE, Code.CATALOG_WRONG, Code.BLOB_CHANGED}
    assert {f.code for f in found if f.level is not Level.NOTE} <= {code, *besides}
    assert everything(opened.path) == before


def everything(root: Path) -> dict[str, object]:
    """Return every file with what stat says and its bytes, ours included."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_ino, stat.st_mode, stat.st_mtime_ns, stat.st_ctime_ns, content)
    return found


def test_the_images_that_a_missing_layer_takes_are_named(opened: build.Tree) -> None:
    opened.delete(BASE.digest)
    found = [finding for finding in findings(opened) if finding.code is Code.BLOB_MISSING]
    assert [finding.names for finding in found] == [(APP_1, TOOL_2)]


def test_a_corrupt_layer_that_verify_has_found_is_still_known(opened: build.Tree) -> None:
    opened.flip(BASE.digest)
    with Cache.open(opened.path) as cache:
        cache.verify()
    found = [finding for finding in findings(opened) if finding.code is Code.BLOB_CORRUPT]
    assert [finding.names for finding in found] == [(APP_1, TOOL_2)]


@pytest.mark.parametrize("lock", ["locking_names", "publishing", "sweeping"])
def test_who_holds_a_lock_is_named(opened: build.Tree, lock: str) -> None:
    setup = (
        "from pathlib import Path; from cachedb.layout import Layout; "
        f"held = Layout.open(Path({str(opened.path)!r})).{lock}(); held.__enter__()"
    )
    with child.holding(setup) as holder:
        found = [f for f in findings(opened) if f.code is Code.LOCK_HELD]
        assert [f"process {holder.pid} (python" in f.detail for f in found] == [True]
        assert faults(opened) == []
    assert [f for f in findings(opened) if f.code is Code.LOCK_HELD] == []


def test_what_a_running_operation_writes_is_no_fault(opened: build.Tree) -> None:
    setup = (
        "from pathlib import Path; from cachedb.layout import Layout;"
        "from cachedb.oci import Digest;"
        f"layout = Layout.open(Path({str(opened.path)!r}));"
        "stage = layout.staging().__enter__(); lease = layout.leasing(); lease.__enter__();"
        f"writing = stage.writing(Digest('sha256:{'a' * 64}'), 10); writing.__enter__()"
    )
    with child.holding(setup):
        codes = {finding.code for finding in findings(opened)}
        assert codes == {Code.STAGE_ACTIVE, Code.LEASE_HELD}


def test_a_file_that_another_tool_has_open_is_in_use(
    opened: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time_ns() + _DAY
    monkeypatch.setattr("cachedb.operations.check.doctor.time.time_ns", lambda: later)
    with child.holding(f"skopeo = open({str(opened.path / 'oci-put-blob1')!r}, 'w')"):
        assert [f.code for f in findings(opened)] == [Code.LEFTOVER_IN_USE]
    assert [f.code for f in findings(opened)] == [Code.LEFTOVER]


def test_a_folder_that_umoci_has_locked_is_in_use(opened: build.Tree) -> None:
    folder = opened.path / ".umoci-1"
    folder.mkdir()
    lock = f"import fcntl, os; d = os.open({str(folder)!r}, os.O_RDONLY); fcntl.flock(d, 2)"
    with child.holding(lock):
        assert [f.code for f in findings(opened)] == [Code.LEFTOVER_IN_USE]


def test_little_space_is_a_fault(opened: build.Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstatvfs(0)
    full = os.statvfs_result((*real[:4], 0, *real[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _descriptor: full)
    assert [f.code for f in faults(opened)] == [Code.SPACE_LOW]


# -- rebuild ------------------------------------------------------------------------------------


def refs(tree: build.Tree) -> dict[str, tuple[object, ...]]:
    connection = sqlite3.connect(database(tree))
    rows = connection.execute("SELECT name, source, origin, added, pulled, used FROM ref")
    found = {row[0]: row[1:] for row in rows}
    connection.close()
    return found


def verified(tree: build.Tree) -> set[str]:
    connection = sqlite3.connect(database(tree))
    rows = connection.execute("SELECT digest FROM blob WHERE verified IS NOT NULL")
    found = {row[0] for row in rows}
    connection.close()
    return found


HINTS = "UPDATE ref SET source = 'pull', origin = name, added = 11, pulled = 22, used = 33"


def test_a_rebuild_says_the_same_and_keeps_every_hint(opened: build.Tree) -> None:
    with Cache.open(opened.path) as cache:
        cache.verify()
        before = contents(cache.catalog)
    change(opened, HINTS)
    hints, hashed = refs(opened), verified(opened)

    Cache.rebuild(opened.path)

    assert refs(opened) == hints
    assert verified(opened) == hashed == opened.blobs()
    with Cache.open(opened.path) as cache:
        assert contents(cache.catalog) == before
    assert faults(opened) == []


def test_a_rebuild_forgets_what_is_not_true_any_more(opened: build.Tree) -> None:
    with Cache.open(opened.path) as cache:
        cache.verify()
    change(opened, HINTS)
    opened.add(build.image(build.layer({"other": ""})), APP_1)
    opened.flip(BASE.digest)

    Cache.rebuild(opened.path)

    hints = refs(opened)
    assert hints[TOOL_2] == ("pull", TOOL_2, 11, 22, 33)
    assert hints[APP_1][:2] == (None, None)
    assert hints[APP_1][2] != 11
    assert BASE.digest not in verified(opened)
    assert TOOL.digest in verified(opened)


def test_a_rebuild_knows_what_is_corrupt(opened: build.Tree) -> None:
    opened.flip(BASE.digest)
    with Cache.open(opened.path) as cache:
        cache.verify()
    Cache.rebuild(opened.path)
    with Cache.open(opened.path) as cache:
        assert contents(cache.catalog).states(State.CORRUPT) == {BASE.digest}


@pytest.mark.parametrize(
    "prepare",
    [
        damage,
        to_another,
        lambda t: database(t).write_text("no database, " * 1000),
        lambda t: database(t).unlink(),
        lambda t: (database(t).unlink(), database(t).mkdir()),
        lambda t: change(t, "CREATE VIEW v AS SELECT 1"),
        lambda t: change(t, "DELETE FROM edge", "DELETE FROM link"),
        lambda t: write(t, ".cachedb/index.db-journal", "of another database" * 1000),
        lambda t: write(t, ".cachedb/index.db.new", "of a rebuild that was killed"),
    ],
    ids=["damaged", "a-link", "no-database", "gone", "a-folder", "with-a-view", "wrong",
         "a-journal-of-another", "killed-before"],
)  # fmt: skip
def test_a_rebuild_makes_a_good_catalog_of_any(opened: build.Tree, prepare: Prepare) -> None:
    with Cache.open(opened.path) as cache:
        before = contents(cache.catalog)
    prepare(opened)

    Cache.rebuild(opened.path)

    assert faults(opened) == []
    with Cache.open(opened.path) as cache:
        assert contents(cache.catalog) == before


def test_the_catalog_before_is_kept(opened: build.Tree) -> None:
    before = database(opened).read_bytes()
    Cache.rebuild(opened.path)
    assert database(opened).with_name("index.db.bak").read_bytes() == before


def test_a_catalog_of_a_newer_version_is_not_given_up(opened: build.Tree) -> None:
    change(opened, "PRAGMA user_version = 999")
    before = database(opened).read_bytes()
    with pytest.raises(SchemaTooNew):
        Cache.rebuild(opened.path)
    assert database(opened).read_bytes() == before


def test_without_readable_names_the_catalog_stays(opened: build.Tree) -> None:
    before = database(opened).read_bytes()
    opened.write_index("")
    with pytest.raises(NotALayout):
        Cache.rebuild(opened.path)
    assert database(opened).read_bytes() == before
    assert [p.name for p in (opened.path / ".cachedb").glob("*.new*")] == []


def test_who_has_the_old_catalog_open_finds_out(opened: build.Tree) -> None:
    with Cache.open(opened.path) as cache:
        Cache.rebuild(opened.path)
        with pytest.raises(CatalogMismatch, match="replaced"):
            cache.list()


# -- names --------------------------------------------------------------------------------------


TORN = '{"schemaVersion": 2, "manif'


def by_another_tool(tree: build.Tree) -> None:
    """Another tool adds a name, and a command of ours sees it."""
    tree.add(TOOL, "example.com/new:3")
    Cache.open(tree.path).close()


def by_ourselves(tree: build.Tree) -> None:
    with Cache.open(tree.path) as cache:
        cache.remove(cache.plan_removal([APP_1]))


def by_a_rebuild(tree: build.Tree) -> None:
    Cache.rebuild(tree.path)


def with_unknown_files(tree: build.Tree) -> None:
    document = tree.document()
    document["annotations"] = {"of": "another tool"}
    document["manifests"].append({"digest": "md5:x"})
    tree.write_index(json.dumps(document))
    Cache.open(tree.path).close()


@pytest.mark.parametrize(
    "change", [lambda _tree: None, by_another_tool, by_ourselves, by_a_rebuild,
               with_unknown_files],
    ids=["untouched", "by-another-tool", "by-ourselves", "by-a-rebuild", "with-unknown-fields"],
)  # fmt: skip
def test_the_names_that_were_last_seen_come_back(
    opened: build.Tree, change: Callable[[build.Tree], None]
) -> None:
    change(opened)
    before = opened.document()
    opened.write_index(TORN)
    (found,) = [f for f in findings(opened) if f.code is Code.NAMES_UNREADABLE]
    many = len(before["manifests"])
    assert found.hint == f"cachedb doctor --restore-names brings back {many} names"

    assert Cache.restore_names(opened.path) == many

    assert opened.document() == before
    assert (opened.path / ".cachedb" / "index.json.broken").read_text() == TORN
    assert [f.code for f in faults(opened)] in ([], [Code.NAME_UNREADABLE])


def test_torn_names_are_reported_with_a_place_to_look(opened: build.Tree) -> None:
    opened.write_index(TORN)
    with pytest.raises(NotALayout) as caught:
        Cache.open(opened.path)
    assert caught.value.hint == "cachedb doctor"


def test_names_that_can_be_read_are_not_replaced(opened: build.Tree) -> None:
    opened.unname(APP_1)
    with pytest.raises(Refused, match="nothing to restore"):
        Cache.restore_names(opened.path)
    assert len(opened.entries()) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: database(t).unlink(),
        lambda t: database(t).write_text("no database, " * 1000),
        lambda t: change(t, "DELETE FROM state WHERE key = 'names'"),
        lambda t: change(t, "UPDATE state SET value = '[]' WHERE key = 'names'"),
    ],
    ids=["no-catalog", "no-database", "no-copy", "a-list"],
)
def test_without_a_good_copy_no_name_is_restored(opened: build.Tree, spoil: Prepare) -> None:
    spoil(opened)
    opened.write_index("")
    with pytest.raises(Refused, match="no copy"):
        Cache.restore_names(opened.path)
    assert (opened.path / "index.json").read_text() == ""


def test_the_command_line_says_it_in_json_and_by_its_exit_code(opened: build.Tree) -> None:
    from tests.interop.tools import cachedb  # noqa: PLC0415

    assert cachedb(opened.path, "doctor").code == 0
    opened.delete(BASE.digest)
    done = cachedb(opened.path, "doctor", "--format", "json")
    assert done.code == 8
    (found,) = [each for each in json.loads(done.out) if each["level"] != "note"]
    assert found == {
        "level": "error",
        "finding": "blob-missing",
        "path": f"blobs/sha256/{BASE.digest[7:]}",
        "detail": "is missing",
        "images": [APP_1, TOOL_2],
        "hint": "cachedb verify --repair",
    }
    rebuilt = cachedb(opened.path, "doctor", "--rebuild")
    assert rebuilt.err.startswith("rebuilt the catalog; ")
    assert APP.digest not in rebuilt.err


def test_a_name_that_was_added_by_tag_is_no_fault(populated: build.Tree) -> None:
    with Cache.open(populated.path) as cache:
        cache.tag("example.com/app:1", "example.com/other:2")
        assert [row.name for row in cache.query("refs source:tag")] == ["example.com/other:2"]

    assert Code.CATALOG_DAMAGED not in {each.code for each in findings(populated)}
