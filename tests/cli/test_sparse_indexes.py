"""Indexes of which some manifests, or all, are not here: no command minds.

Mirrors, and pulls of one platform, leave such indexes behind; image-spec allows them.
"""

import json
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run

SOME, NONE, INNER = "example.com/some:1", "example.com/none:1", "example.com/inner:1"
AMD64 = build.image(build.layer({"arch": "amd64"}))
ARM64 = build.image(build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
RISCV = build.image(build.layer({"arch": "riscv64"}), arch="riscv64")
PARTIAL = build.index(AMD64, ARM64, build.attestation(ARM64))
EMPTY = build.index(RISCV)
NESTED = build.index(AMD64, build.index(build.image(arch="s390x")))
ORPHAN = build.layer({"orphan": ""})

COMMANDS = [
    "ls", "ls --format json", f"show {SOME}", f"show {NONE}", f"tree {SOME}", f"tree {NONE}",
    f"sbom {SOME}", f"find-root {SOME}", f"find-root {AMD64.digest}", f"why {AMD64.digest}", "du",
    f"du {SOME} {NONE}", f"validate {SOME}", f"validate --platform linux/amd64 {SOME}",
    f"verify {SOME}", f"verify {INNER}", f"export -o OUT {SOME}",
    f"export -o OUT --platform linux/amd64 {SOME}",
    f"export -o OUT --platform linux/amd64 {INNER}",
    "query refs", "query blobs", "query links", "gc --dry-run --explain", "gc --grace 0",
    "doctor --rebuild", f"rm --dry-run {SOME}", f"rm {SOME}", f"rm {NONE} {INNER}",
    "clean --dry-run",
]  # fmt: skip
# What they say is missing, is: an index without any of its platforms is of no use.
FINDINGS = {f"sbom {SOME}": 3, "doctor --rebuild": 8}


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    """Three indexes: of one some is here, of one nothing, of one an inner index is not."""
    tree = build.Tree.make(tmp_path / "cache")
    tree.put(*AMD64.blobs, PARTIAL.root, EMPTY.root, NESTED.root, ORPHAN)
    for name, thing in {SOME: PARTIAL, NONE: EMPTY, INNER: NESTED}.items():
        tree.name(thing, name)
    return tree


@pytest.mark.parametrize("line", COMMANDS)
def test_no_command_is_broken_by_a_sparse_index(tree: build.Tree, run: Run, line: str) -> None:
    arguments = line.replace("OUT", str(tree.path.parent / "out.tar")).split()
    done = run(tree.path, *arguments)
    assert done.code == FINDINGS.get(line, 0), done.err


def test_a_collection_keeps_what_is_here_of_it_and_takes_the_rest(
    tree: build.Tree, run: Run
) -> None:
    assert run(tree.path, "gc", "--grace", "0").code == 0
    assert tree.blobs() == AMD64.digests | {PARTIAL.digest, EMPTY.digest, NESTED.digest}


def test_the_listing_says_which_are_partial(tree: build.Tree, run: Run) -> None:
    rows = json.loads(run(tree.path, "ls", "--format", "json").out)
    assert {row["name"]: row["state"] for row in rows} == {
        SOME: "partial",
        NONE: "broken",
        INNER: "partial",
    }


def test_an_export_holds_what_is_here_and_comes_in_again(tree: build.Tree, run: Run) -> None:
    out, other = tree.path.parent / "out.tar", tree.path.parent / "other"
    assert run(tree.path, "export", "-o", out, "--platform", "linux/amd64", SOME).code == 0
    assert run(other, "import", out).code == 0
    assert AMD64.digests <= build.Tree(other).blobs()
