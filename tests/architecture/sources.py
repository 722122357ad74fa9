"""Python modules of the project by folder, for tests that read source instead of running it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules(*folders: str) -> list[Path]:
    """List modules below folders of the project, sorted; a linked folder counts once, as itself.

    ``rglob`` follows no link below its start, so ``cachedb/cli`` is listed by ``cli`` alone.
    """
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return sorted(path for path in found if path.resolve() == path)


@cache
def tree(path: Path) -> ast.Module:
    """Parse a module once for all tests of a process."""
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    """Return the path as a person writes it, from the project's root."""
    return str(path.relative_to(ROOT))


def public_classes(path: Path) -> Iterator[str]:
    """Yield the names of classes that a module defines and does not underscore."""
    for node in tree(path).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
