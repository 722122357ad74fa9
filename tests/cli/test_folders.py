"""Which cache a command is about: the option, else the environment, else the user's folder."""

from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS
from tests import build
from tests.cli.command_lines import LINES, Place
from tests.cli.conftest import Run
from tests.conftest import APP, TOOL


@pytest.fixture
def other(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "other", {"example.com/other:1": TOOL})


def test_the_option_wins_over_the_environment(
    run: Run, populated: build.Tree, other: build.Tree
) -> None:
    done = run(populated.path, "ls", "--cache", other.path, "--quiet")
    assert (done.code, done.out) == (0, f"{TOOL.digest}\n")
    done = run(populated.path, "rm", "--cache", other.path, "example.com/other:1")
    assert (other.entries(), len(populated.entries())) == ([], 2)


def test_without_either_it_is_the_folder_of_the_user(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "cachedb" / "layout"
    folder.parent.mkdir(parents=True)
    build.layout(folder, {"example.com/app:1": APP})
    done = run("", "ls", "--quiet")  # a variable that is empty says nothing
    assert (done.code, done.out) == (0, f"{APP.digest}\n")


def test_the_cache_may_be_named_before_the_command(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    names = run(populated.path, "ls", "--quiet").out
    assert names
    before = run(tmp_path / "absent", "--cache", populated.path, "ls", "--quiet")
    assert before.out == names


def test_the_cache_after_the_command_wins(run: Run, populated: build.Tree, tmp_path: Path) -> None:
    names = run(populated.path, "ls", "--quiet").out
    both = run(
        tmp_path, "--cache", tmp_path / "absent", "ls", "--quiet", "--cache", populated.path
    )
    assert both.out == names


def test_a_layout_one_level_below_or_above_is_a_hint(run: Run, tmp_path: Path) -> None:
    inner = build.layout(tmp_path / "my images" / "layout", {"app:1": build.image()}).path
    for folder in (inner.parent, inner / "blobs", inner / "blobs" / "sha256"):
        done = run(folder, "ls")

        assert (done.code, done.out) == (4, "")
        assert "it has no index.json" in done.err
        assert done.err.splitlines()[1:] == [f"hint: --cache '{inner}'"]
    assert "or with an empty one to pull into" in run(tmp_path, "ls").err

    other = build.layout(tmp_path / "my images" / "other", {}).path
    assert run(inner.parent, "ls").err.endswith(f"--cache '{inner}', or --cache '{other}'\n")


def test_an_archive_in_the_place_of_a_cache_is_hinted_to_be_imported(
    run: Run, tmp_path: Path
) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(build.archive({"app:1": build.image()}))
    done = run(archive, "ls")

    assert done.code == 4
    assert done.err.endswith(f"hint: cachedb import {archive}\n")


WITHOUT_A_CACHE = {"cache", "config", "fleet", "inspect", "sample", "tags"}
"""Commands that need no cache: `inspect` asks the registry then.

Actions of `fleet` that need one are tested with fleets.
"""
CREATING = {"copy", "import", "pull", "sync"}


@pytest.mark.parametrize("command", [each for each in _COMMANDS if each not in WITHOUT_A_CACHE])
def test_every_command_hints_what_to_do_where_there_is_no_cache(
    run: Run, place: Place, command: str
) -> None:
    """A folder that is missing, empty, or holds something else; and a file."""
    folders = {name: place.folder / f"given-{name}" for name in ("missing", "empty", "other")}
    for name in ("empty", "other"):
        folders[name].mkdir()
    (folders["other"] / "notes.txt").write_text("not a layout")
    folders["file"] = folders["other"] / "notes.txt"
    hinted = {"missing": "cachedb pull NAME", "empty": "cachedb pull NAME",
              "other": "--cache DIR with", "file": "cachedb import "}  # fmt: skip
    for name, folder in folders.items():
        done = run(folder, *place.words(LINES[command].typed))
        if command in CREATING and name in {"missing", "empty"}:
            assert done.code == 0, done.err
        elif command == "doctor" and name != "missing":
            assert done.code != 0
        else:
            assert done.code in {2, 3, 4}, (name, done)
            assert f"hint: {hinted[name]}" in done.err, (name, done.err)
