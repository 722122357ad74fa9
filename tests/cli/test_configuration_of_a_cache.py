"""The configuration file of a cache that another user owns, or can write, has no effect."""

import os
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run, succeed

FOREIGN = 65534
TEXT = '[display]\nformat = "csv"\n[queries]\nmine = "refs tag:1"\n'
POLICY = "version = 1\nkeep-last = 1\n"


@pytest.fixture
def cache(tree: build.Tree) -> Path:
    """A cache with its own configuration and policy, of which both are trusted."""
    tree.add(build.image(), "example.com/app:1")
    private = tree.path / ".cachedb"
    private.mkdir(mode=0o700)
    (private / "cachedb.toml").write_text(TEXT)
    (private / "policy.toml").write_text(POLICY)
    return tree.path


def be_foreign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a file to another user; without the right to do so, be another user."""
    if os.geteuid() == 0:
        os.chown(path, FOREIGN, FOREIGN)
    else:
        other = os.geteuid() + 1
        monkeypatch.setattr("cachedb.layout.private_directory.os.geteuid", lambda: other)


def be_writable(mode: int, path: Path) -> None:
    path.chmod(path.stat().st_mode | mode)


def refuse(run: Run, cache: Path) -> None:
    """Run what reads the file: nothing of it has an effect, and it stays as it is."""
    listed = run(cache, "ls")
    assert (listed.code, listed.out.splitlines()[0].split()[0]) == (0, "NAME")
    assert "warning: .cachedb/cachedb.toml belongs to another user, or other" in listed.err
    assert run(cache, "query", "@mine").code == 2
    assert run(cache, "du", "--where", "refs @mine").code == 2
    assert "mine" not in run(cache, "query", "--check").out
    assert ".cachedb/cachedb.toml" not in succeed(run, cache, "config", "list")
    for words in (["--save", "more", "refs"], ["--forget", "mine"]):
        saved = run(cache, "query", *words)
        assert (saved.code, "refusing to change .cachedb/cachedb.toml" in saved.err) == (2, True)
    assert (cache / ".cachedb" / "cachedb.toml").read_text() == TEXT


def test_a_configuration_of_this_user_is_read(run: Run, cache: Path) -> None:
    assert succeed(run, cache, "ls").startswith("name,digest")
    assert "example.com/app:1" in succeed(run, cache, "query", "@mine")
    assert ".cachedb/cachedb.toml" in succeed(run, cache, "config", "list")


def test_a_configuration_of_another_user_is_ignored(
    run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_foreign(cache / ".cachedb" / "cachedb.toml", monkeypatch)
    refuse(run, cache)


@pytest.mark.parametrize("mode", [0o020, 0o002], ids=["group", "others"])
def test_a_configuration_that_others_may_write_is_ignored(
    run: Run, cache: Path, mode: int
) -> None:
    be_writable(mode, cache / ".cachedb" / "cachedb.toml")
    refuse(run, cache)


@pytest.mark.parametrize("mode", [0o020, 0o002], ids=["group", "others"])
def test_a_configuration_in_a_directory_that_others_may_write_is_ignored(
    run: Run, cache: Path, mode: int
) -> None:
    be_writable(mode, cache / ".cachedb")

    assert succeed(run, cache, "ls").startswith("NAME")
    assert run(cache, "query", "@mine").code == 2


def test_a_policy_of_another_user_is_refused(
    run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (cache / "index.json").read_bytes()
    be_foreign(cache / ".cachedb" / "policy.toml", monkeypatch)
    for words in (["policy", "apply", "--yes"], ["policy", "show"]):
        done = run(cache, *words)
        assert done.code != 0, done.out
        assert "policy.toml" in done.err
    assert (cache / "index.json").read_bytes() == before
