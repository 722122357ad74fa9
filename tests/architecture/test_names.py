"""Dotted names in texts: a program in a string, or a page, names a module that exists.

Imports are checked by mypy and by running; nothing else reads the names in strings.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, modules, name_of

PACKAGE = ROOT / "cachedb"
NAME = re.compile(r"\bcachedb((?:\.[a-z]\w*)+)")
OTHER = {"cachedb.pin", "cachedb.toml", "cachedb.db", "cachedb.app", "cachedb.pyz", "cachedb.fish"}
"""An annotation, files, a host: names of other things that look like a module's."""


def named(text: str) -> Iterator[tuple[str, Path, str]]:
    """Yield each dotted name with the folder and the name that have to exist."""
    for found in NAME.finditer(text):
        first, *rest = found[1].removeprefix(".").split(".")
        if f"cachedb.{first}" in OTHER:
            continue
        yield found[0], PACKAGE, first
        if rest and (PACKAGE / first).is_dir():
            yield found[0], PACKAGE / first, rest[0]


def exists(folder: Path, name: str) -> bool:
    is_module = (folder / name).is_dir() or (folder / f"{name}.py").is_file()
    exported = re.search(rf"\b{name}\b", (folder / "__init__.py").read_text())
    return is_module or exported is not None


def test_modules_that_a_text_names_exist() -> None:
    folders = ("cachedb", "cli", "migrations", "scripts", "benchmarks", "tests")
    texts = [*modules(*folders), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{name_of(path)}: {name}"
        for path in texts
        if path != Path(__file__)
        for name, folder, last in named(path.read_text())
        if not exists(folder, last)
    ]
    assert missing == []
    assert not exists(PACKAGE, "filesystem")
