"""--where chooses by a query, wherever something is chosen."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.cli.conftest import Run
from tests.conftest import APP, TOOL


def names_in(tree: build.Tree) -> list[str]:
    return [entry["annotations"][build.REF_NAME] for entry in tree.entries()]


def test_export_takes_what_a_query_selects(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    out = tmp_path / "out.tar"
    done = run(populated.path, "export", "--where", "repo:library/*", "-o", out)
    assert done.code == 0
    with tarfile.open(out) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        assert b"docker.io/library/tool:2" in index.read()


@pytest.mark.parametrize("words", [["repo:library/*"], ["--where", "repo:library/*"]], ids=str)
def test_ls_takes_a_query_either_way(run: Run, populated: build.Tree, words: list[str]) -> None:
    assert run(populated.path, "ls", *words, "--quiet").out.split() == [TOOL.digest]


def test_du_validate_and_verify_are_about_what_a_query_selects(
    run: Run, populated: build.Tree
) -> None:
    populated.delete(TOOL.layers[1].digest)
    for command in ("du", "validate", "verify"):
        assert run(populated.path, command, "--where", "arch:arm64").code == 0
    for command in ("validate", "verify"):
        assert run(populated.path, command, "--where", "repo:library/*").code == 8
    found = json.loads(run(populated.path, "du", "--where", "app", "--format", "json").out)
    assert [image["digest"] for image in found["images"]] == [APP.digest]
    assert found["totals"]["total"] == sum(blob.size for blob in APP.blobs)


def test_a_query_takes_parameters_and_saved_queries_everywhere(
    run: Run, populated: build.Tree
) -> None:
    assert run(populated.path, "query", "--save", "tools", "repo:library/*").code == 0
    done = run(
        populated.path, "rm", "--dry-run", "--where", "@tools tag:$which", "--param", "which=2"
    )
    assert done.out.startswith("docker.io/library/tool:2")


@pytest.mark.parametrize("name", ["text", "self", "noun", "query"])
def test_a_parameter_may_have_any_name(run: Run, populated: build.Tree, name: str) -> None:
    done = run(
        populated.path, "query", f"refs tag:${name} show name", "--param", f"{name}=1", "--quiet"
    )
    assert (done.code, done.out) == (0, "example.com/app:1\n")


@pytest.mark.parametrize(
    "command", ["ls", "du", "validate", "verify", "export -o x.tar", "push", "rm", "gc"]
)
def test_an_error_in_a_query_has_its_place_in_json(
    run: Run, populated: build.Tree, command: str
) -> None:
    done = run(populated.path, *command.split(), "--where", "taag eq x", "--error-format", "json")
    found = json.loads(done.err)
    assert (done.code, done.out) == (2, "")
    # Of blobs, which gc selects, the query would still not be valid.
    hint = "`tag` in place of `taag`" if command == "gc" else "did you mean `tag eq x`?"
    assert (found["start"], found["end"], found["hint"]) == (0, 4, hint)


@pytest.mark.parametrize(
    "command", ["ls", "query", "du --where", "rm --where", "gc --where", "gc --drop"]
)
def test_an_empty_query_is_refused(run: Run, populated: build.Tree, command: str) -> None:
    done = run(populated.path, *command.split(), "")
    assert done.code == 2
    assert done.err.startswith("error: the query is empty\n")


@pytest.mark.parametrize("query", ["refs sort -size limit 1", "blobs kind:layer", "@list"])
def test_what_is_no_set_of_images_removes_nothing(
    run: Run, populated: build.Tree, query: str
) -> None:
    run(populated.path, "query", "--save", "list", "refs limit 1")
    before = names_in(populated)
    for command in (["rm", "--yes", "--where"], ["gc", "--grace", "0", "--drop"]):
        assert run(populated.path, *command, query).code == 2
    assert names_in(populated) == before


def test_a_query_that_selects_no_image_says_so(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "export", "--where", "tag:none", "-o", "-")
    assert done.code == 3
    assert "no image matches 'refs tag:none'" in done.err


def test_neither_a_name_nor_a_query_is_refused(run: Run, populated: build.Tree) -> None:
    for command in (["export", "-o", "-"], ["push"], ["rm"]):
        assert run(populated.path, *command).code == 2


# -- rm asks ---------------------------------------------------------------------------------


def test_rm_of_a_query_without_a_terminal_wants_a_yes(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "rm", "--where", "repo:library/*")
    assert done.code == 2
    assert "refusing to remove 1 name without confirmation: stdin is not a terminal" in done.err
    assert run(populated.path, "rm", "--yes", "--where", "repo:library/*").code == 0
    assert names_in(populated) == ["example.com/app:1"]


@pytest.mark.parametrize(("answer", "left"), [("n", 2), ("y", 1)])
def test_rm_of_a_query_shows_it_and_asks_on_a_terminal(
    populated: build.Tree, answer: str, left: int
) -> None:
    ours, theirs = pty.openpty()
    program = Path(sys.executable).with_name("cachedb")
    with subprocess.Popen(
        [program, "rm", "--where", "repo:library/*"],
        env=os.environ | {"CACHEDB_CACHE": str(populated.path)},
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        os.write(ours, f"{answer}\n".encode())
        _, asked = child.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert child.returncode == (0 if answer == "y" else 10)
    assert f"docker.io/library/tool:2  {TOOL.digest}\nremove 1 name?" in asked.decode()
    assert len(names_in(populated)) == left


def test_a_removal_says_what_others_keep(run: Run, populated: build.Tree) -> None:
    populated.name(APP, "example.com/alias:1")
    done = run(populated.path, "rm", "--dry-run", "example.com/app:1")
    assert "would remove 1 name; gc can free 0 B" in done.err
    assert f"{len(APP.digests)} blobs (" in done.err
    assert done.err.strip().endswith("referenced by example.com/alias:1, docker.io/library/tool:2")


MOST_VARIABLES = 40
MANY = 60


@pytest.fixture
def few_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite bind fewer variables in a statement than there are images."""
    connect = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, MOST_VARIABLES)
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)


@pytest.mark.usefixtures("few_variables")
def test_a_query_selects_any_number_of_images_in_every_command(run: Run, tmp_path: Path) -> None:
    images = {
        f"example.com/app{number}:1": build.image(build.layer({"n": str(number)}))
        for number in range(MANY)
    }
    tree = build.layout(tmp_path / "cache", {**images, "example.com/last:1": build.image()})
    where = ("--where", "name:example.com/app*")
    for words, code in (
        (("ls", "name:example.com/app*"), 0),
        (("du", *where), 0),
        (("validate", *where), 0),
        (("verify", *where), 0),
        (("export", *where, "-o", tmp_path / "a.tar"), 0),
        (("query", "refs", "name:example.com/app*", "show", "name,size,exclusive"), 0),
        (("query", "refs", f"name:{','.join(images)}"), 0),
        (("gc", "--dry-run", "--drop", "name:example.com/app*"), 0),
        (("prune", "--dry-run", "--drop", "name:example.com/app*"), 0),
        (("rm", "--dry-run", *where), 0),
        (("rm", "--dry-run", *images), 0),
        (("rm", "--yes", *where), 0),
    ):
        done = run(tree.path, *words)
        assert done.code == code, (words, done.err)
    assert [each["annotations"][build.REF_NAME] for each in tree.entries()] == [
        "example.com/last:1"
    ]
    assert run(tree.path, "gc", "--grace", "0").code == 0
    assert tree.blobs() == build.image().digests
