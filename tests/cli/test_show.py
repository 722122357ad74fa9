"""``cachedb show``: arguments stay apart, in JSON and as text."""

import json
import shlex

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli.conftest import Run

NAME = "example.com/app:1"
ENTRYPOINT = ["sh", "-c", "echo a b"]
COMMAND = ["one two", "three", ""]


def arguments(run: Run, tree: build.Tree) -> tuple[list[str], list[str]]:
    done = run(tree.path, "show", NAME, "--format", "json")
    assert (done.code, done.err) == (0, "")
    (platform,) = json.loads(done.out)["platforms"]
    return platform["entrypoint"], platform["cmd"]


@pytest.mark.parametrize(
    ("entrypoint", "cmd"),
    [
        pytest.param(ENTRYPOINT, COMMAND, id="blanks-and-empty-words"),
        pytest.param([], [""], id="none-and-one-empty-word"),
        pytest.param(["a\tb", "'"], ['"', "ü"], id="quotes-and-tabs"),
    ],
)
def test_json_has_arguments_as_the_lists_of_the_config(
    tree: build.Tree, run: Run, entrypoint: list[str], cmd: list[str]
) -> None:
    tree.add(build.image(entrypoint=entrypoint, cmd=cmd), NAME)
    assert arguments(run, tree) == (entrypoint, cmd)


def test_text_output_has_arguments_quoted_for_a_shell(tree: build.Tree, run: Run) -> None:
    tree.add(build.image(entrypoint=ENTRYPOINT, cmd=COMMAND), NAME)
    lines = run(tree.path, "show", NAME).out.splitlines()
    found = dict(line.strip().split(": ", 1) for line in lines if ": " in line)
    assert shlex.split(found["entrypoint"]) == ENTRYPOINT
    assert shlex.split(found["cmd"]) == COMMAND


def test_a_config_removed_since_it_was_indexed_leaves_the_joined_text(tree: build.Tree) -> None:
    image = tree.add(build.image(entrypoint=ENTRYPOINT, cmd=COMMAND), NAME)
    with Cache.open(tree.path) as cache:
        tree.blob_path(json.loads(image.root.content)["config"]["digest"]).unlink()
        (platform,) = cache.inspect(NAME).to_json()["platforms"]
    assert (platform["entrypoint"], platform["cmd"]) == ("sh -c echo a b", "one two three ")
