"""Size and naming of modules, packages and classes, and the one shape of all commands.

Statements, arguments, complexity and docstrings of a function are ruff's rules (pyproject.toml);
what stands here is what no rule of ruff measures.
"""

import ast
import re
from collections import Counter

from cachedb.cli.app import _COMMANDS, _module
from tests.architecture.sources import ROOT, modules, name_of, public_classes, tree

_LONGEST_MODULE = 480
_LONGEST_COMMAND = 150
_LONGEST_FUNCTION = 60
_LARGEST_PACKAGE = 16

MODULES = modules("cachedb", "cli", "migrations")
COMMANDS = ROOT / "cli"


def test_modules_are_found() -> None:
    folders = {name_of(path).partition("/")[0] for path in MODULES}
    assert folders == {"cachedb", "cli", "migrations"}
    assert not [path for path in MODULES if name_of(path).startswith("cachedb/cli/")]


def test_a_module_has_at_most_480_lines() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > _LONGEST_MODULE} == {}


def test_a_function_has_at_most_60_lines() -> None:
    lines = {
        f"{name_of(path)}::{node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        if "versions" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    }
    assert {name: count for name, count in lines.items() if count > _LONGEST_FUNCTION} == {}


def test_a_package_has_at_most_16_modules() -> None:
    # The folder of commands holds one module a command: it grows with what cachedb can do.
    sizes = Counter(path.parent for path in MODULES if path.parent != COMMANDS)
    large = {name_of(folder) for folder, size in sizes.items() if size > _LARGEST_PACKAGE}
    assert large == set()


def test_no_two_public_classes_share_a_name() -> None:
    names = Counter(name for path in MODULES for name in public_classes(path))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_private_name_of_a_module_is_used_in_it() -> None:
    # Functions with a decorator are called by what decorates them.
    unused = [
        f"{name_of(path)}: {name}"
        for path in MODULES
        for node in tree(path).body
        if not getattr(node, "decorator_list", ())
        for name in defined(node)
        if name.startswith("_") and not name.startswith("__")
        if len(re.findall(rf"\b{name}\b", path.read_text())) == 1
    ]
    assert unused == []


def defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module gives to functions, classes and values."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def test_every_command_is_a_module_and_every_such_module_a_command() -> None:
    pages = {
        path.stem
        for path in COMMANDS.glob("*.py")
        if (ast.get_docstring(tree(path)) or "").startswith("``cachedb ")
    }
    assert pages == {_module(name) for name in _COMMANDS}


def test_a_command_names_itself_and_has_at_most_150_lines() -> None:
    for name in _COMMANDS:
        path = COMMANDS / f"{_module(name)}.py"
        assert len(path.read_text().splitlines()) <= _LONGEST_COMMAND, name
        assert f"``cachedb {name}``" in (ast.get_docstring(tree(path)) or ""), name


def test_no_regex_has_a_possessive_quantifier_behind_a_group() -> None:
    # Python 3.11.2, of Debian 12, matches them wrongly (gh-106052): a group is made atomic, (?>…).
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")
    found = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if possessive.search(node.value) and "[" in node.value
    }
    assert found == {"cachedb/registry/http/origin.py"}  # where it stands in a set of characters
