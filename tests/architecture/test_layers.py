"""Imports point down: the contracts of import-linter hold."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_contract_holds() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


def test_no_contract_has_exceptions() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = settings["contracts"]
    assert [each["name"] for each in contracts if "ignore_imports" in each] == []
    kinds = {"SQLAlchemy", "Database drivers", "HTTP", "Terminals"}
    names = " ".join(each["name"] for each in contracts)
    assert {kind for kind in kinds if kind in names} == kinds


@pytest.mark.parametrize(("values", "code"), [("[]", 2), ("[1]", 0)])
def test_an_empty_parameter_set_is_an_error(tmp_path: Path, values: str, code: int) -> None:
    module = tmp_path / "test_module.py"
    module.write_text(
        "import pytest\n\n"
        f"@pytest.mark.parametrize('value', {values})\n"
        "def test_value(value):\n    assert value\n"
    )
    config = str(ROOT / "pyproject.toml")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", config]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(module)],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert ("Empty parameter set" in done.stdout) is bool(code)
