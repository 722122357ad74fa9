"""Files of a cache as other tools and other users leave them: links, modes, owners, digests."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cachedb.layout import Layout
from cachedb.operations.sync import reconcile
from tests import build
from tests.cli.conftest import Run, succeed
from tests.programs import require
from tests.registry.shelf import shelf

APP = build.image(build.layer({"bin/sh": "#!app"}))
INDEX = "application/vnd.oci.image.index.v1+json"
LINKED = "is a symbolic link, which is not followed"


@pytest.fixture
def cache(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "cache", {"app:1": APP})


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every layout that of another user, who lets us read it only."""
    monkeypatch.setattr(Layout, "is_writable", False)
    monkeypatch.setattr(Layout, "is_private_trusted", False)


def link_blobs(tree: build.Tree) -> None:
    """Replace every blob by a link to a file beside it, as a deduplicating tool does."""
    (tree.path / "blobs" / "real").mkdir()
    for digest in APP.digests:
        path = tree.blob_path(digest)
        shutil.move(path, tree.path / "blobs" / "real" / path.name)
        path.symlink_to(f"../real/{path.name}")


def link_directory(tree: build.Tree) -> None:
    """Replace the directory of the blobs by a link, as a shared store does."""
    shutil.move(tree.path / "blobs" / "sha256", tree.path.parent / "shared")
    (tree.path / "blobs" / "sha256").symlink_to("../../shared")


def test_a_blob_that_is_a_link_is_never_called_missing(run: Run, cache: build.Tree) -> None:
    link_blobs(cache)
    verified = run(cache.path, "verify")
    examined = run(cache.path, "doctor")

    assert verified.code == examined.code == 8
    assert LINKED in verified.out
    assert LINKED in examined.out
    assert "missing  " not in verified.out


@pytest.mark.parametrize("change", [link_blobs, link_directory])
def test_import_from_a_layout_with_links_names_the_link(
    run: Run, cache: build.Tree, tmp_path: Path, change
) -> None:
    change(cache)
    done = run(tmp_path / "other", "import", cache.path)
    assert done.code == 2
    assert LINKED in done.err
    assert "missing" not in done.err


def test_doctor_and_ls_name_a_directory_that_is_a_link(run: Run, cache: build.Tree) -> None:
    link_directory(cache)
    examined = run(cache.path, "doctor", "--format", "json")
    listed = run(cache.path, "ls")

    (found,) = [each for each in json.loads(examined.out) if each["level"] == "error"]
    assert (found["finding"], found["path"]) == ("blobs-unreachable", "blobs/sha256")
    assert listed.code == 4
    assert f"blobs/sha256' is not a usable OCI image layout: it {LINKED}" in listed.err


def test_a_directory_in_the_place_of_a_blob_is_named(run: Run, cache: build.Tree) -> None:
    path = cache.blob_path(APP.digest)
    path.unlink()
    path.mkdir()
    assert "is a directory" in run(cache.path, "verify").out


# -- other users ----------------------------------------------------------------------------------


def test_a_cache_that_a_group_writes_is_read_and_not_changed(run: Run, cache: build.Tree) -> None:
    succeed(run, cache.path, "ls")
    (cache.path / ".cachedb").chmod(0o770)

    assert "app:1" in succeed(run, cache.path, "ls")
    assert "app:1" in succeed(run, cache.path, "query", "refs")
    removed = run(cache.path, "rm", "app:1")
    assert removed.code == 4
    assert "writable by other users" in removed.err
    assert f"hint: chmod go-w {cache.path / '.cachedb'}" in removed.err


@pytest.mark.usefixtures("unwritable")
def test_a_personal_catalog_is_kept_of_a_cache_that_is_not_writable(
    run: Run, cache: build.Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    succeed(run, cache.path, "ls")
    (catalog,) = (tmp_path / "home" / "cachedb" / "catalogs").glob("*.db")
    assert catalog.stat().st_mode & 0o077 == 0
    assert not (cache.path / ".cachedb").exists()

    cache.name(APP, "app:2")
    assert "app:2" in succeed(run, cache.path, "ls")


@pytest.mark.usefixtures("unwritable")
def test_a_personal_catalog_that_is_up_to_date_is_not_made_again(
    run: Run, cache: build.Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 0)
    succeed(run, cache.path, "ls")

    monkeypatch.setattr(reconcile, "reconcile_within", None)
    assert "app:1" in succeed(run, cache.path, "ls")


@pytest.mark.usefixtures("unwritable")
def test_without_a_home_the_catalog_is_in_memory(
    run: Run, cache: build.Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "app:1" in succeed(run, cache.path, "ls")


@pytest.mark.usefixtures("unwritable")
def test_an_index_of_files_that_cannot_be_kept_is_refused(
    run: Run, cache: build.Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    done = run(cache.path, "index", "files", "--all")

    assert done.code == 9
    assert "cannot keep an index of files: the cache is read-only, or the disk full" in done.err
    assert "indexed" not in done.err


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can open; pytest closes its own to other users."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


HOMES = ("HOME", "XDG_CACHE_HOME", "CACHEDB_CONFIG_FILE")
READING = (
    "ls", "query refs", "query layers", "query --explain refs", "show app:1", "tree app:1",
    "find-root app:1", f"why {APP.digest}", "du", "report", "validate", "validate --deep",
    "verify", "inspect app:1", "history app:1", "files app:1", "cat app:1:/bin/sh",
    "diff app:1 app:1", "waste", "export -o - app:1", "gc --dry-run --grace 0",
    "prune --dry-run --keep-last 1", "rm --dry-run app:1", "clean --dry-run",
)  # fmt: skip
"""Commands that change nothing; `doctor`, `check`, `sbom` and `log` answer with other codes."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_a_cache_of_root_and_its_owner_changes_it(public: Path) -> None:
    require("setpriv")
    cache = build.layout(public / "cache", {"app:1": APP})
    for path in (cache.path, *cache.path.rglob("*")):
        os.chown(path, 65534, 65534)

    def run_by(user: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups",
             sys.executable, "-m", "cachedb", *arguments],
            env={**os.environ, **dict.fromkeys(HOMES, "/nonexistent")},
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip

    def by(user: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_by(user, *arguments, "--cache", str(cache.path))

    if run_by(65533, "--version").returncode:
        pytest.skip("another user cannot run this Python")
    assert by(0, "ls").returncode == 0
    for words in READING:
        done = by(65533, *words.split())
        assert (done.returncode, done.stderr.count("denied")) == (0, 0), (words, done.stderr)
        assert "warning" not in done.stderr, (words, done.stderr)
    assert by(65533, "doctor").returncode in {0, 8}
    told = by(65533, "log")
    assert (told.returncode, told.stdout) == (9, "")
    assert "cannot read the log" in told.stderr
    assert by(65534, "rm", "app:1").returncode == 0
    collected = by(65534, "gc", "--grace", "0")
    assert collected.returncode == 0, collected.stderr
    assert not cache.blobs()


# -- digests that other tools do not read ---------------------------------------------------------


def sha512_layout(path: Path) -> Path:
    tree = build.layout(path)
    content = build.to_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
    digest = hashlib.sha512(content).hexdigest()
    (path / "blobs" / "sha512").mkdir()
    (path / "blobs" / "sha512" / digest).write_bytes(content)
    tree.write_entries(
        [
            {
                "mediaType": INDEX,
                "digest": f"sha512:{digest}",
                "size": len(content),
                "annotations": {"org.opencontainers.image.ref.name": "long:1"},
            }
        ]
    )
    return path


def test_an_import_of_sha512_warns_once(run: Run, tmp_path: Path) -> None:
    source = sha512_layout(tmp_path / "source")
    first = run(tmp_path / "cache", "import", source)
    second = run(tmp_path / "cache", "import", source)

    assert first.code == second.code == 0
    assert "warning: the cache has sha512 digests now; linuxkit, crane, umoci" in first.err
    assert "sha512" not in second.err


def test_a_pull_of_sha512_warns_once(run: Run, tmp_path: Path) -> None:
    config, layer = (replace(blob, algorithm="sha512") for blob in build.image().parts)
    document = {
        "schemaVersion": 2,
        "mediaType": build.OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    }
    root = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    image = build.Thing(root=root, parts=(config, layer))
    with shelf({"1": image}) as server:
        name = f"{server.host}/long:1"
        first, second = (run(tmp_path / "cache", "pull", name) for _ in range(2))

    assert (first.code, second.code) == (0, 0), first.err
    assert "warning: the cache has sha512 digests now; linuxkit, crane, umoci" in first.err
    assert "sha512" not in second.err


def test_doctor_finds_digests_that_other_tools_do_not_read(run: Run, tmp_path: Path) -> None:
    found = json.loads(run(sha512_layout(tmp_path / "c"), "doctor", "--format", "json").out)
    assert "algorithm-uncommon" in {each["finding"] for each in found}
