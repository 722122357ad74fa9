"""Docstrings of what is public: every field of a value has a meaning that a reader can look up.

A field is described below its annotation, or the docstring of its class names it. One whose type
has the name of the field is described by that type, and the only field of a class by the class.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.architecture.sources import modules, name_of, tree

ROWS = "cachedb/catalog/statements/"
SCHEMA = "cachedb/catalog/schema/"


def public_classes_of(*folders: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for path in modules(*folders):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield name_of(path), node


def fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the public fields of a value, or columns of a table, with their definitions."""
    for each in node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name)) if not is_of_class(each):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name("Column"))):
                pass
            case _:
                continue
        if not name.startswith("_"):
            yield name, each


def is_of_class(node: ast.AnnAssign) -> bool:
    return ast.unparse(node.annotation).startswith("ClassVar")


def described(node: ast.ClassDef) -> set[str]:
    """Return the names that the docstring of a class, or one below a field, describes."""
    text = ast.get_docstring(node) or ""
    names = {name for name, _ in fields(node) if is_named(name, text)}
    for before, here in pairwise(node.body):
        match before, here:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(ast.Constant(str())):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(ast.Constant(str())):
                names.add(name)
    return names


def is_named(name: str, text: str) -> bool:
    """Return whether a text names a field: as it is, or in words."""
    words = name.removeprefix("is_").removeprefix("has_").removesuffix("s").replace("_", " ")
    return re.search(rf"`{name}\b|\b{words}(?:s|es)?\b", text, re.IGNORECASE) is not None


def is_named_by_its_type(name: str, node: ast.stmt) -> bool:
    if not isinstance(node, ast.AnnAssign):
        return False
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", ast.unparse(node.annotation)).lower()
    return name == kind


def columns() -> set[str]:
    return {name for _, node in public_classes_of(SCHEMA) for name, _ in fields(node)}


def undescribed(*folders: str) -> Iterator[tuple[str, str, str]]:
    """Yield module, class and name of each field that nothing describes."""
    for path, node in public_classes_of(*folders):
        known = described(node)
        if len(list(fields(node))) == 1 and ast.get_docstring(node):
            continue
        for name, field in fields(node):
            if name not in known and not is_named_by_its_type(name, field):
                yield path, node.name, name


def test_every_column_of_the_schema_is_described() -> None:
    assert len(columns()) > 50
    assert list(undescribed(SCHEMA)) == []


def test_every_field_of_a_public_class_is_described() -> None:
    # A row of a statement has columns of the schema, which describes them, and others.
    of_schema = columns()
    found = [
        f"{path}: {kind}.{name}"
        for path, kind, name in undescribed("cachedb")
        if not (path.startswith(ROWS) and name in of_schema)
    ]
    assert found == [], "\n".join(found)
