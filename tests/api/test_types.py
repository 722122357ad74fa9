"""Types of the Python API, as type checkers of its users see them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import require

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("typed_program.py")
FACE = (
    "cachedb.arguments", "cachedb.cache", "cachedb.errors", "cachedb.feedback",
    "cachedb.linuxkit", "cachedb.oci", "cachedb.operations.archives", "cachedb.operations.check",
    "cachedb.operations.files", "cachedb.operations.gc", "cachedb.operations.mirror",
    "cachedb.operations.prune.plan", "cachedb.operations.read.run_query",
    "cachedb.operations.read.listing", "cachedb.operations.read.resolve",
    "cachedb.operations.read.usage", "cachedb.operations.transfer.push",
    "cachedb.operations.transfer.copy", "cachedb.query.syntax", "cachedb.registry",
)  # fmt: skip
"""Modules of the interface, of the names that `cachedb` exports, and of plans and reports."""


def pyright(*arguments: str) -> dict[str, Any]:
    require("node")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson",
         *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def symbols() -> list[dict[str, Any]]:
    report = pyright("--verifytypes", "cachedb", "--ignoreexternal")["typeCompleteness"]
    found: list[dict[str, Any]] = report["symbols"]
    return found


def test_every_symbol_of_the_api_has_a_type(symbols: list[dict[str, Any]]) -> None:
    face = [each for each in symbols if each["name"].startswith(FACE)]
    lacking = [
        f"{each['name']}: {[found['message'] for found in each['diagnostics']]}"
        for each in face
        if not each["isTypeKnown"] or each.get("isTypeAmbiguous")
    ]
    assert len(face) > 100
    assert lacking == []


def test_a_program_that_uses_the_api_has_the_types_it_states() -> None:
    report = pyright(str(PROGRAM))
    assert [each["message"] for each in report["generalDiagnostics"]] == []


def test_a_wrong_argument_is_an_error_of_the_type_checker(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from cachedb import Cache\n"
        "with Cache.open('layout') as cache:\n"
        "    cache.pull(12)\n"
        "    cache.export('a')\n"
        "    cache.list().no_such\n"
    )
    lines = {each["range"]["start"]["line"] for each in pyright(str(wrong))["generalDiagnostics"]}
    assert lines == {2, 3, 4}
