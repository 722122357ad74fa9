"""The tree in the docstring of cachedb.errors is the tree of its classes."""

import inspect
from collections.abc import Iterator

from cachedb import errors


def drawn() -> list[str]:
    assert errors.__doc__ is not None
    block = inspect.cleandoc(errors.__doc__).split("\n\n")[1]
    return [line.removeprefix("    ").rstrip() for line in block.splitlines()]


def walk(kind: type[Exception], depth: int = 0) -> Iterator[str]:
    yield "    " * depth + kind.__name__
    for child in kind.__subclasses__():
        yield from walk(child, depth + 1)


def families() -> list[type[errors.CacheError]]:
    return errors.CacheError.__subclasses__()


def test_the_drawn_tree_is_the_real_tree() -> None:
    assert drawn() == list(walk(errors.CacheError))


def test_every_exit_code_is_used_for_one_family() -> None:
    codes = [family.__dict__["exit_code"] for family in families()]
    assert len(codes) == len(set(codes))
    assert errors.CacheError.exit_code not in codes


def test_no_member_of_a_family_has_a_code_of_its_own() -> None:
    for family in families():
        for name in walk(family):
            kind = getattr(errors, name.strip())
            assert kind.exit_code == family.exit_code
            assert kind is family or "exit_code" not in kind.__dict__
