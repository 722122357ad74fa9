"""What is built and installed: a clone without its two links would build a wheel without a CLI."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.programs import extract

ROOT = Path(__file__).resolve().parents[2]


def build(project: Path, kind: str, target: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (built,) = target.iterdir()
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return names(build(ROOT, "wheel", tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_the_commands_and_the_migrations(wheel: set[str]) -> None:
    assert {
        "cachedb/cli/app.py",
        "cachedb/migrations/env.py",
        "cachedb/migrations/script.py.mako",
        "cachedb/migrations/versions/0001_initial.py",
        "cachedb/py.typed",
    } <= wheel


def test_the_wheel_holds_every_module_of_the_tree(wheel: set[str]) -> None:
    linked = {"cachedb/cli": ROOT / "cli", "cachedb/migrations": ROOT / "migrations"}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "cachedb").rglob("*.py")}
    for name, folder in linked.items():
        modules |= {f"{name}/{path.relative_to(folder)}" for path in folder.rglob("*.py")}
    assert modules <= wheel


def test_the_program_alone_is_importable_beside_the_package(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    modules = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert modules == {"cachedb", "cachedb_program.py"}


def test_a_wheel_made_from_the_source_distribution_is_the_same(
    wheel: set[str], tmp_path: Path
) -> None:
    with tarfile.open(build(ROOT, "sdist", tmp_path / "sdist")) as archive:
        extract(archive, tmp_path / "source")
    (unpacked,) = (tmp_path / "source").iterdir()
    assert names(build(unpacked, "wheel", tmp_path / "again")) == wheel


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_two_builds_with_the_same_date_are_identical(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second = (build(ROOT, kind, tmp_path / name).read_bytes() for name in ("one", "two"))
    assert first == second
