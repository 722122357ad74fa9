"""Modules that can be read in one sitting, and commands that are all of one shape."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS, _module

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path for folder in ("cachedb", "cli", "migrations") for path in (ROOT / folder).rglob("*.py")
)
_LONGEST_MODULE = 480
_LONGEST_COMMAND = 150
_LONGEST_FUNCTION = 60

ids = [str(path.relative_to(ROOT)) for path in MODULES]
each_module = pytest.mark.parametrize("path", MODULES, ids=ids)


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


@each_module
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= _LONGEST_MODULE
    assert not text or "versions" in path.parts or ast.get_docstring(ast.parse(text))


@each_module
def test_a_function_is_short(path: Path) -> None:
    functions = [n for n in nodes(path) if isinstance(n, ast.FunctionDef)]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno > _LONGEST_FUNCTION]
    assert "versions" in path.parts or not long


@each_module
def test_what_is_public_says_what_it_does(path: Path) -> None:
    public = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    ]
    silent = [node.name for node in public if not ast.get_docstring(node)]
    assert "migrations" in path.parts or not silent


def test_every_command_is_a_module_and_every_module_that_says_so_a_command() -> None:
    pages = {
        path.stem
        for path in (ROOT / "cli").glob("*.py")
        if (ast.get_docstring(ast.parse(path.read_text())) or "").startswith("``cachedb ")
    }
    assert pages == {_module(name) for name in _COMMANDS}


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_is_a_page(name: str) -> None:
    text = (ROOT / "cli" / f"{_module(name)}.py").read_text()
    assert len(text.splitlines()) <= _LONGEST_COMMAND
    assert f"``cachedb {name}``" in (ast.get_docstring(ast.parse(text)) or "")
