"""Calls of the standard library in cachedb, held against what Python has on macOS.

The oracle is typeshed, which mypy brings: it states on which platform a name exists.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = frozenset(
    {
        "errno", "fcntl", "mmap", "os", "pwd", "resource", "select", "shutil", "signal", "socket",
        "stat", "tempfile", "termios", "time",
    }
)  # fmt: skip
REPLACED = {"fcntl.F_SETSIG", "os.posix_fallocate"}
"""Names that macOS lacks. `cachedb.system_calls` asks for each before it uses it."""
OF_ANOTHER_MEANING = {"fcntl.F_OFD_GETLK", "fcntl.F_OFD_SETLK", "fcntl.F_SETLEASE"}
"""Names that macOS has for other requests. `cachedb.system_calls` uses them on Linux alone."""
FILES_OF_LINUX = {
    "cachedb/catalog/user_state/lease_owner.py",
    "cachedb/layout/health.py",
    "cachedb/lock_waits.py",
}
"""Modules that read /proc and go on without it."""


def modules() -> list[Path]:
    return [*ROOT.glob("cachedb_program.py"), *(ROOT / "cachedb").rglob("*.py"),
            *(ROOT / "cli").rglob("*.py")]  # fmt: skip


def used(path: Path) -> Iterator[str]:
    """Yield the names of system modules that a module uses, as `os.stat`."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in SYSTEM:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in SYSTEM:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def calls() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in modules():
        for name in used(path):
            found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    imported = {name for name in found if _is_of_module(name)}
    return {name: found[name] for name in imported}


def _is_of_module(name: str) -> bool:
    """Return whether a name is one of the module, and not of a variable that is called so."""
    module, _, attribute = name.partition(".")
    return hasattr(__import__(module), attribute)


def lacking(names: set[str], platform: str, folder: Path) -> set[str]:
    """Return the names that Python does not have on a platform."""
    lines = [f"import {module}" for module in sorted({name.split(".")[0] for name in names})]
    lines += sorted(names)
    (folder / "names.py").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--platform", platform, "--config-file", "",
         "--cache-dir", str(folder / "cache"), "names.py"],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert re.search("^(Success|Found)", done.stdout, re.MULTILINE), done.stdout + done.stderr
    numbers = [
        int(number) for number in re.findall(r"^names\.py:(\d+): error", done.stdout, re.MULTILINE)
    ]
    return {lines[number - 1] for number in numbers}


def test_every_call_that_macos_lacks_is_replaced(
    calls: dict[str, set[str]], tmp_path: Path
) -> None:
    assert len(calls) > 100
    assert lacking(set(calls), "darwin", tmp_path) == REPLACED


def test_typeshed_knows_every_call_on_linux(calls: dict[str, set[str]], tmp_path: Path) -> None:
    assert lacking(set(calls), "linux", tmp_path) == set()


def test_replaced_calls_are_in_one_module(calls: dict[str, set[str]]) -> None:
    places = {place for name in REPLACED | OF_ANOTHER_MEANING for place in calls[name]}

    assert places == {"cachedb/system_calls.py"}


def test_the_modules_that_read_proc_are_known() -> None:
    def reads(path: Path) -> bool:
        return any(
            isinstance(node, ast.Constant) and str(node.value).startswith("/proc/")
            for node in ast.walk(ast.parse(path.read_text()))
        )

    assert {str(path.relative_to(ROOT)) for path in modules() if reads(path)} == FILES_OF_LINUX


def test_no_name_of_a_file_differs_from_another_by_case_alone() -> None:
    # The file systems of macOS do not tell `Name` from `name`.
    for folder in ("cachedb", "cli", "migrations", "docs", "tests", "share", "findings"):
        found = [str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*")]
        assert len({name.casefold() for name in found}) == len(found)
