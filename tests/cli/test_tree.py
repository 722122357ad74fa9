"""``tree``: images as deep as the limit allows are drawn, deeper ones are refused in one line."""

import json
import shlex
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from cachedb.limits import GRAPH_DEPTH
from tests import build
from tests.cli.conftest import Run, succeed

NAME = "example.com/deep:1"
DEPTH = 400


def nested(depth: int) -> build.Thing:
    """Make an image below so many indexes, each in the next."""
    return reduce(lambda inner, _: build.index(inner), range(depth), build.image())


def put_signatures(tree: build.Tree, about: build.Thing, count: int) -> None:
    """Put an image and a chain of signatures, each of which refers to the one before."""
    tree.add(about, NAME)
    for _ in range(count):
        about = build.signature(about)
        tree.put(*about.blobs)


def test_tree_draws_an_image_below_400_indexes(run: Run, tree: build.Tree) -> None:
    tree.add(nested(DEPTH), NAME)

    lines = succeed(run, tree.path, "tree", NAME).splitlines()

    assert len(lines) == DEPTH + 3
    assert lines[DEPTH].lstrip().startswith("`-- manifest")


def test_tree_draws_400_referrers_in_a_chain(run: Run, tree: build.Tree) -> None:
    put_signatures(tree, build.image(), DEPTH)

    lines = succeed(run, tree.path, "tree", NAME).splitlines()

    assert len(lines) == 3 * (DEPTH + 1)


def test_tree_writes_json_of_an_image_below_400_indexes(run: Run, tree: build.Tree) -> None:
    tree.add(nested(DEPTH), NAME)

    text = succeed(run, tree.path, "tree", "--format", "jsonl", NAME)

    assert text.count('"kind": "index"') == DEPTH
    assert text.count("{") == text.count("}") == DEPTH + 3


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("ls", "linux/amd64"),
        ("ls name:example.com/deep:1", "linux/amd64"),
        (f"find-root {NAME}", nested(DEPTH).digest),
        (f"show {NAME}", build.image().digest),
        (f"why {build.image().config.digest}", f"config {build.image().config.digest}"),
        ("du", NAME),
        (f"validate {NAME}", build.image().digest),
        ("validate --deep", build.image().digest),
        (f"verify {NAME}", f"verified {DEPTH + 3} blobs"),
        ("doctor", "no findings"),
        ("gc --dry-run --grace 0", "would delete 0 blobs"),
        (f"rm --dry-run {NAME}", NAME),
        ("query blobs", build.image().config.digest),
        (f"files {NAME}", "/etc/hostname"),
        (f"diff {NAME} {NAME} --format json", '"files": 0'),
        ("waste", NAME),
        ("report", NAME),
    ],
)
def test_a_command_reaches_an_image_below_400_indexes(
    run: Run, tree: build.Tree, command: str, shown: str
) -> None:
    tree.add(nested(DEPTH), NAME)

    done = run(tree.path, *shlex.split(command))

    assert done.code == 0, done.err
    assert shown in done.out + done.err


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_tree_writes_the_json_that_the_json_module_writes(
    run: Run, populated: build.Tree, form: str
) -> None:
    text = succeed(run, populated.path, "tree", "--format", form, "example.com/app:1")

    value = json.loads(text)
    assert text == json.dumps(value, indent=2 if form == "json" else None) + "\n"
    assert [child["role"] for child in value["children"]] == ["manifest", "manifest"]


def test_tree_refuses_an_image_deeper_than_the_limit(run: Run, tree: build.Tree) -> None:
    tree.add(nested(GRAPH_DEPTH.value + 1), NAME)

    done = run(tree.path, "tree", NAME)

    assert done.code != 0
    assert "Traceback" not in done.err
    assert f"the nesting of '{NAME}' exceeds the graph depth limit of 512" in done.err


def test_the_build_of_windows_is_printed_wherever_a_platform_is(run: Run, tmp_path: Path) -> None:
    builds = ("10.0.17763.1", "10.0.20348.2")
    images = []
    for version in builds:
        platform = build.platform_of("amd64", "windows", os_version=version)
        layer = build.layer({"n": version})
        image = build.manifest(build.config_blob([layer], platform), [layer])
        images.append(replace(image, platform=platform))
    path = build.layout(tmp_path / "cache", {"example.com/win:1": build.index(*images)}).path
    for words in (
        "ls",
        "show win:1",
        "inspect win:1",
        "validate",
        "query refs show platform",
        "report",
    ):
        for form in ((), ("--format", "json")):
            done = succeed(run, path, *words.split(), *form)
            assert all(f"windows({version})/amd64" in done for version in builds), (words, done)
    done = succeed(run, path, "tree", "win:1")
    assert all(f"windows({version})/amd64" in done for version in builds)
