"""Tab completion in bash: names, digests, and the words and values of queries."""

import os
import subprocess
import sys

import pytest

from cachedb.cache import Cache
from tests import build
from tests.conftest import APP


def complete(tree: build.Tree, *words: str) -> list[str]:
    environment = os.environ | {
        "CACHEDB_CACHE": str(tree.path),
        "_CACHEDB_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["cachedb", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "import sys; sys.argv = ['cachedb']; from cachedb.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True
    )
    return done.stdout.split()


@pytest.fixture
def known(populated: build.Tree) -> build.Tree:
    Cache.open(populated.path).close()
    return populated


def test_names_are_completed(known: build.Tree) -> None:
    assert complete(known, "show", "exam") == ["example.com/app:1"]
    assert complete(known, "show", APP.digest[:15]) == [APP.digest]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["refs", "platf"], "platform:", id="field"),
        pytest.param(["refs", "is:unt"], "is:untagged", id="flag"),
        pytest.param(["lay"], "layers", id="noun"),
        pytest.param(["refs", "tag:"], "tag:1", id="tag"),
        pytest.param(["refs", "repo:library/t"], "repo:library/tool", id="repository"),
        pytest.param(["refs", "platform:linux/ar"], "platform:linux/arm64", id="platform"),
        pytest.param(["refs", "tag:1", "so"], "sort", id="clause"),
    ],
)
def test_queries_are_completed(known: build.Tree, words: list[str], expected: str) -> None:
    assert expected in complete(known, "query", *words)


def test_without_a_cache_nothing_is_offered_and_nothing_is_said(known: build.Tree) -> None:
    (known.path / ".cachedb" / "index.db").unlink()
    assert complete(known, "show", "exam") == []
