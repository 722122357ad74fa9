"""The command `rm`: an absent name is no error without --strict."""

import json
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"


def test_a_name_that_is_not_there_is_told_and_the_others_go(
    run: Run, populated: build.Tree
) -> None:
    done = run(populated.path, "rm", "tol:2", "tool:2", "nope")
    assert (done.code, done.out) == (0, f"{TOOL_2}  {TOOL.digest}\n")
    assert done.err.splitlines()[:-1] == [
        f"no such reference: 'tol:2' (did you mean {TOOL_2}?)",
        "no such reference: 'nope'",
    ]
    assert done.err.splitlines()[-1].startswith("removed 1 name; ")


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--published-only"], ["--quiet"]])
def test_removing_what_is_gone_does_nothing(
    run: Run, populated: build.Tree, options: list[str]
) -> None:
    before = populated.document()
    done = run(populated.path, "rm", *options, "nope", "sha256:" + "a" * 64)
    assert (done.code, done.out) == (0, "")
    assert ("no such reference" in done.err) == ("--quiet" not in options)
    assert populated.document() == before


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--published-only"]])
def test_a_strict_removal_removes_all_or_nothing(
    run: Run, populated: build.Tree, options: list[str]
) -> None:
    before = populated.document()
    done = run(populated.path, "rm", "--strict", *options, APP_1, "nope")
    assert (done.code, done.out) == (3, "")
    assert "no such reference: 'nope'" in done.err
    assert populated.document() == before


def test_a_strict_removal_of_what_is_there_is_like_any(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "rm", "--strict", "--quiet", APP_1)
    assert (done.code, done.out) == (0, f"{APP.digest}\n")
    assert len(populated.entries()) == 1


def test_a_removal_names_the_tags_with_the_digest_of_what_it_removes(
    run: Run, tmp_path: Path
) -> None:
    image = build.image(env=["TAGGED=1"])
    signature = build.signature(image)
    tag = image.digest.replace(":", "-")
    tree = build.layout(tmp_path / "tagged", {"example.com/a:1": image})
    tree.put(*signature.blobs)
    tree.add(build.index(signature), f"example.com/a:{tag}")
    result = run(tree.path, "rm", "example.com/a:1")
    assert result.code == 0
    kept = f"example.com/a:{tag}"
    assert f"{kept}  {build.index(signature).digest}  (cachedb rm {kept})" in result.err
    assert "removed 1 name; gc can free 0 B" in result.err

    listed = json.loads(succeed(run, tree.path, "gc", "--grace", "0", "--format", "json"))
    assert {each["reason"] for each in listed["items"]} == {"subject"}
    done = json.loads(succeed(run, tree.path, "rm", kept, "--format", "json"))
    assert done["summary"]["removed"] == 1
    succeed(run, tree.path, "gc", "--grace", "0")
    assert tree.blobs() == set()
