"""The pages of docs/reference, made from the code: ``make golden`` writes, a test compares."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import typer

from cachedb import errors, limits
from cachedb.cli.app import app
from cachedb.limits import Limit
from cachedb.query import vocabulary

_MADE = "<!-- Made by `make golden` from the code; changes belong there. -->\n"


def commands() -> str:
    """Return the page of the command line: what --help says, command by command."""
    root = typer.main.get_command(app)
    context = root.make_context("cachedb", [], resilient_parsing=True)
    parts = [
        "# Commands",
        _MADE,
        _ABOUT_COMMANDS,
        _block(root.get_help(context)),
    ]
    for name, command in _commands_of(root, context):
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        parts += [f"## cachedb {name}\n", _block(command.get_help(own))]
    return "\n".join(parts)


def exit_codes() -> str:
    """Return the page of errors: one exit code a family."""
    rows = [("0", "", "It is done, and nothing was found that should not be.", "")]
    for family in errors.CacheError.__subclasses__():
        members = ", ".join(f"`{kind.__name__}`" for kind in _below(family))
        rows.append((str(family.exit_code), f"`{family.__name__}`", _first_line(family), members))
    rows += [
        ("130", "", "Interrupted by Ctrl-C; what has arrived is kept.", ""),
        ("141", "", "Whoever read the output has closed the pipe.", ""),
    ]
    return "\n".join(
        [
            "# Exit codes and errors",
            _MADE,
            _ABOUT_ERRORS,
            _table(("code", "family", "meaning", "members"), rows),
        ]
    )


def limit_table() -> str:
    """Return the page of limits: how much of anything from outside is read."""
    found = [value for value in vars(limits).values() if isinstance(value, Limit)]
    rows = [(f"`{each.variable}`", f"{each.name}", f"{each.value:,}") for each in found]
    return "\n".join(
        [
            "# Limits",
            _MADE,
            _ABOUT_LIMITS,
            _table(("variable", "of what", "value"), rows),
        ]
    )


def query_language() -> str:
    """Return the page of the query language: its whole vocabulary."""
    parts = ["# The vocabulary of queries", _MADE, _ABOUT_QUERIES]
    nouns = [(f"`{n.name}`", n.sort.noun, n.doc) for n in vocabulary.NOUNS.values()]
    parts += ["## Nouns\n", _table(("noun", "selects from", "meaning"), nouns)]
    for sort in vocabulary.Sort:
        parts += _of_sort(sort)
    functions = [
        (
            f"`{f.name}(…)`",
            f.takes.noun if f.takes else "anything",
            f.gives.noun if f.gives else "the same",
            f.doc,
        )
        for f in vocabulary.FUNCTIONS.values()
    ]
    parts += ["## Functions\n", _table(("function", "of", "gives", "meaning"), functions)]
    operators = [
        (kind.value, ", ".join(f"`{op}`" for op in found))
        for kind, found in vocabulary.OPERATORS.items()
    ]
    symbols = ", ".join(f"`{symbol}` {word}" for symbol, word in vocabulary.SYMBOLS.items())
    parts += [
        "## Operators\n",
        f"Each symbol has a word, which needs no quotes in a shell: {symbols}.\n",
        _table(("type", "operators"), operators),
    ]
    aggregates = [(f"`{name}`", doc) for name, doc in vocabulary.AGGREGATES.items()]
    parts += ["## Aggregates, behind `group`\n", _table(("name", "meaning"), aggregates)]
    return "\n".join(parts)


_ABOUT_COMMANDS = """\
Data goes to stdout, everything else to stderr. Digests are whole when stdout is not a terminal.
Every command ends with one of the [exit codes](exit-codes.md).
"""
_ABOUT_ERRORS = """\
An error is one line on stderr, `cachedb: ` and a sentence, and perhaps a second one, `hint: ` and
something to type. A bad query is shown with a caret under it. A command or an option
that does not exist is told in the same way.
"""
_ABOUT_LIMITS = """\
Nothing from outside is read without a limit. Each can be set, up or down, by an environment
variable; an error about a limit names it.
"""
_ABOUT_QUERIES = """\
A query is `[noun] [terms] [clauses]`. Terms side by side all have to hold; `or`, `not` and
parentheses do what they say. Clauses are `sort`, `limit`, `offset`, `show` and `group`.
What is written `field:value` may be written `field eq value`; several values stand behind commas,
ranges have `..` in them. [Ask questions](../how-to/ask-questions.md) shows it by examples.
"""


def _of_sort(sort: vocabulary.Sort) -> Iterator[str]:
    yield f"## {sort.noun.capitalize()}\n"
    shown = ", ".join(f"`{name}`" for name in vocabulary.SHOWN[sort])
    yield f"Shown unless you say otherwise: {shown}.\n"
    yield _table(
        ("field", "type", "meaning"),
        [(f"`{f.name}`", f.type.value, _field(f)) for f in vocabulary.FIELDS[sort].values()],
    )
    flags = [(f"`is:{flag.name}`", flag.doc) for flag in vocabulary.FLAGS[sort].values()]
    if flags:
        yield _table(("flag", "meaning"), flags)
    relations = [(f"`{r.name}`", r.to.noun, r.doc) for r in vocabulary.RELATIONS[sort].values()]
    yield _table(("relation", "to", "meaning"), relations)


def _field(field: vocabulary.Field) -> str:
    words = f" ({', '.join(f'`{word}`' for word in field.words)})" if field.words else ""
    return f"{field.doc}{words}"


def _commands_of(root: Any, context: Any) -> Iterable[tuple[str, Any]]:
    for name in root.list_commands(context):
        yield name, root.get_command(context, name)


def _block(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(["```text", *lines, "```", ""])


def _below(kind: type[errors.CacheError]) -> Iterator[type[errors.CacheError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n")[0]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cells(row))} |" for row in lines) + "\n"


def _cells(row: tuple[str, ...]) -> list[str]:
    return [cell.replace("|", "\\|") for cell in row]


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "exit-codes.md": exit_codes,
    "limits.md": limit_table,
    "query-language.md": query_language,
}
