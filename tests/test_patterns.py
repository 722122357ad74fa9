"""Regular expressions that are compiled at their first use."""

import ast
import gc
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import cachedb
from cachedb.patterns import _LazyPattern, lazy


def test_a_lazy_pattern_matches_what_the_compiled_one_matches() -> None:
    text = lazy(r"(?P<word>[a-z]+)", re.IGNORECASE)
    found = text.fullmatch("Ab")

    assert found is not None
    assert found["word"] == "Ab"
    assert text.sub("-", "a1B") == "-1-"
    assert lazy(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_a_lazy_pattern_is_compiled_at_its_first_use() -> None:
    invalid = lazy("(")

    with pytest.raises(re.error):
        invalid.match("")


def test_every_pattern_of_cachedb_compiles() -> None:
    for module in pkgutil.walk_packages(cachedb.__path__, "cachedb."):
        if not module.name.startswith(("cachedb.migrations", "cachedb.__main__")):
            import_module(module.name)

    patterns = [each for each in gc.get_objects() if type(each) is _LazyPattern]

    assert len(patterns) > 100
    for each in patterns:
        each.fullmatch  # noqa: B018  (compiles)


def test_no_module_compiles_a_pattern_when_it_is_imported() -> None:
    root = Path(cachedb.__file__).parent
    files = [path for path in root.rglob("*.py") if "migrations" not in path.parts]
    files += (root / "cli").rglob("*.py")  # a symbolic link, which rglob does not follow

    assert [f"{path}:{line}" for path in files for line in _compiled_at_import(path)] == []


def _compiled_at_import(path: Path) -> list[int]:
    module = ast.parse(path.read_bytes())
    pending: list[ast.AST] = [module]
    found = []
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
            found.append(node.lineno)
        pending += ast.iter_child_nodes(node)
    return found
