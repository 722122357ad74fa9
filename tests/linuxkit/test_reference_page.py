"""docs/reference/linuxkit.md names every symbol and flag of linuxkit, and what exists here."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import cachedb.linuxkit
from cachedb.cli.app import app
from cachedb.cli.settings import defaults
from cachedb.linuxkit.content_store import Writer
from tests import facts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "linuxkit.md"
CODE = re.compile(r"`([^`]+)`")


def rows(heading: str) -> list[tuple[str, str]]:
    """Return the first two columns of the tables below a heading."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [(row[0].removeprefix("| "), row[1]) for row in cells]


def symbols() -> list[str]:
    return [name for _, here in rows("Symbols") for name in CODE.findall(here)]


def commands() -> list[str]:
    return [line for _, here in rows("Commands") for line in CODE.findall(here)]


def resolve(name: str) -> Any:
    """Find what a dotted name stands for, in `cachedb.linuxkit` if it does not say where."""
    parts = name.split(".")
    if parts[0] != "cachedb":
        found: Any = cachedb.linuxkit
    else:
        depth = next(n for n in range(len(parts), 0, -1) if _imports(".".join(parts[:n])))
        found = importlib.import_module(".".join(parts[:depth]))
        parts = parts[depth:]
    for part in parts:
        found = getattr(found, part)
    return found


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("name", symbols())
def test_what_the_page_names_is_there_and_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(resolve(name))


def test_every_public_name_is_on_the_page() -> None:
    named = set(symbols())
    for name in cachedb.linuxkit.__all__:
        found = getattr(cachedb.linuxkit, name)
        assert any(each == name or each.startswith(f"{name}.") for each in named), name
        if inspect.isclass(found):
            public = {each for each in vars(found) if not each.startswith("_")}
            assert {f"{name}.{each}" for each in public} - OURS <= named


OURS = {"Provider.close", "ResolvableDescriptor.descriptor"}


def test_every_method_is_called_by_a_test_beside_this_one() -> None:
    called = {each.attr for each in written("linuxkit") if isinstance(each, ast.Attribute)}
    for name in cachedb.linuxkit.__all__:
        found = getattr(cachedb.linuxkit, name)
        if inspect.isclass(found):
            assert {each for each in vars(found) if not each.startswith("_")} <= called, name
    assert {each for each in vars(Writer) if not each.startswith("_")} <= called


def test_every_flag_of_the_page_is_typed_by_a_test() -> None:
    texts = [
        each.value
        for each in written("cli", "interop", "operations", "query")
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    typed = {word for text in texts for word in text.split()}
    flags = {flag for line in commands() for flag in line.split()[2:]}
    assert flags - typed == set()


def written(*folders: str) -> Iterator[ast.AST]:
    """Yield every node of the tests in some folders."""
    for folder in folders:
        for path in (PAGE.parents[2] / "tests" / folder).glob("test_*.py"):
            yield from ast.walk(ast.parse(path.read_text()))


def test_every_symbol_of_linuxkit_is_on_the_page() -> None:
    named = {name for theirs, _ in rows("Symbols") for name in CODE.findall(theirs)}
    assert facts.names("linuxkit_names", "symbol") - named == set()


def every_command() -> dict[str, list[Any]]:
    """Return the options and arguments of every command."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("cachedb", [], resilient_parsing=True)
    return {name: root.get_command(context, name).params for name in root.list_commands(context)}


def options() -> dict[str, set[str]]:
    return {
        name: {option for parameter in parameters for option in parameter.opts}
        for name, parameters in every_command().items()
    }


def test_every_command_takes_the_cache_from_an_option_or_the_environment() -> None:
    """linuxkit documents a variable that most of its commands do not look at."""
    assert {name for name, given in options().items() if "--cache" not in given} == set()
    assert defaults.variables("ls", "cache") == (
        "CACHEDB_LS_CACHE", "CACHEDB_CACHE", "LINUXKIT_CACHE"
    )  # fmt: skip


@pytest.mark.parametrize("line", commands())
def test_what_the_page_says_can_be_typed_can_be_typed(line: str) -> None:
    program, command, *flags = line.split()
    assert program == "cachedb"
    assert set(flags) <= options()[command]


def test_every_command_and_flag_of_linuxkit_is_on_the_page() -> None:
    theirs = {first for first, _ in rows("Commands")}
    named = " ".join(theirs)
    flags = facts.names("linuxkit_names", "flag")
    assert {flag for flag in flags if flag not in named} == set()
    listed = "ls pull push export import rm clean".split()
    assert {f"`cache {command}`" for command in listed} <= theirs
