"""Types of all public modules, as type checkers of users of the Python API see them."""

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


def pyright(*arguments: str) -> dict[str, Any]:
    require("node")
    # --verifytypes ignores --pythonpath: it asks the first python of PATH for its packages.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson",
         *arguments],
        cwd=ROOT, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def symbols() -> list[dict[str, Any]]:
    report = pyright("--verifytypes", "cachedb", "--ignoreexternal")["typeCompleteness"]
    found: list[dict[str, Any]] = report["symbols"]
    return found


def test_every_public_symbol_has_a_type(symbols: list[dict[str, Any]]) -> None:
    public = [each for each in symbols if each["isExported"]]
    lacking = [
        f"{each['name']}: {[found['message'] for found in each['diagnostics']]}"
        for each in public
        if not each["isTypeKnown"] or each.get("isTypeAmbiguous")
    ]
    assert len(public) > 5000
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
