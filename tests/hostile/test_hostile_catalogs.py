"""Catalogs that were tampered with: the files decide, whatever the database says.

A command on such a cache comes to what it comes to with a good catalog, or ends with one line; no
blob goes because of what a row says, and nothing outside of the cache is touched.
"""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build, recorded
from tests.cli.conftest import Run
from tests.conftest import APP, TOOL
from tests.hostile import kit

NAMES = {"example.com/app:1", "docker.io/library/tool:2"}
ORPHAN = build.layer({"orphan": "1"})
_CODES = {0, 4, 9}


@recorded.parameters()
def cases() -> list[str]:
    return sorted(kit.load("hostile_sqlite").CASES)


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every hostile variant of the catalog of one layout, a folder each."""
    folder = tmp_path_factory.mktemp("catalogs")
    tree = fill(build.Tree.make(folder / "cache"))
    Cache.open(tree.path).close()
    database = tree.path / ".cachedb" / "index.db"
    kit.load("hostile_sqlite").mutate(str(database), str(folder / "variants"), "blob", "digest")
    return folder / "variants"


def fill(tree: build.Tree) -> build.Tree:
    tree.add(APP, "example.com/app:1")
    tree.add(TOOL, "docker.io/library/tool:2")
    tree.put(ORPHAN)
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return fill(build.Tree.make(tmp_path / "cache"))


def plant(variant: Path, tree: build.Tree) -> Path:
    """Make a variant the catalog of a layout; returns the folder that it may lead to."""
    private = tree.path / ".cachedb"
    shutil.move(variant, private)
    private.chmod(0o700)
    if (private / "index.db").exists() and (private / "meta.json").exists():
        about = json.loads((private / "meta.json").read_bytes())["name"]
        if about != "world-writable" and not (private / "index.db").is_symlink():
            (private / "index.db").chmod(0o600)
    return private / "outside"


def sentinels(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@cache
def needed() -> set[str]:
    return APP.digests | TOOL.digests


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the kit leaves its files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.recorded
@pytest.mark.parametrize("name", cases())
def test_what_a_hostile_catalog_says_costs_nothing(
    name: str, run: Run, catalogs: Path, tree: build.Tree
) -> None:
    outside = plant(catalogs / name, tree)
    before = sentinels(outside)
    for arguments in (["ls"], ["gc", "--grace", "0"], ["verify"], ["validate"]):
        done = run(tree.path, *arguments)
        assert done.code in _CODES, done.err
        assert done.code == 0 or done.err.startswith("cachedb: ")
        assert "\x1b" not in done.out + done.err
        assert needed() <= tree.blobs()
        assert sentinels(outside) == before

    assert run(tree.path, "doctor", "--rebuild").code in {0, 8}  # others may write to a folder
    listed = run(tree.path, "ls", "--format", "json")
    assert {row["name"] for row in json.loads(listed.out)} == NAMES
    assert run(tree.path, "gc", "--grace", "0").code == 0
    assert tree.blobs() == needed()
    assert sentinels(outside) == before
