"""Generated pages of docs/reference: ``make golden`` writes them, a test compares them."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from cachedb import errors, limits
from cachedb.cli.app import app
from cachedb.cli.settings import defaults
from cachedb.limits import Limit
from cachedb.query import vocabulary, words
from scripts import json_schemas, message_reference, python_reference, schema_reference

ROOT = Path(__file__).resolve().parents[1]
_MADE = "<!-- Generated from the code by `make golden`; do not edit. -->\n"

_OF_DIRECTORIES = {
    "LINUXKIT_CACHE": "Default of `--cache`; read if `CACHEDB_CACHE` is not set.",
    "CACHEDB_CONFIG_FILE": "The [configuration file](configuration.md), in place of "
    "`cachedb/config.toml` in `XDG_CONFIG_HOME`.",
    "XDG_CACHE_HOME": "Its `cachedb/layout` is the default cache, its `cachedb/queries` has "
    "compiled queries; `$HOME/.cache` if not set.",
}
_OF_REGISTRIES = {
    "LINUXKIT_MIRROR": "Mirrors to try first, as `[REGISTRY=]URL`, separated by spaces or commas; "
    "read if `CACHEDB_MIRROR` is not set. `--mirror` for the same registry replaces them.",
    "DOCKER_AUTH_CONFIG": "Credentials: the content of a `config.json`. Read before all files.",
    "DOCKER_CONFIG": "Directory of docker's `config.json`; `$HOME/.docker` if not set.",
    "REGISTRY_AUTH_FILE": "Credential file of podman, in place of those in the next two.",
    "XDG_RUNTIME_DIR": "Its `containers/auth.json` is read for credentials.",
    "XDG_CONFIG_HOME": "Its `containers/auth.json` is read for credentials, its "
    "`cachedb/config.toml` for defaults; `$HOME/.config` if not set.",
    "HOME": "Directory with `.docker` and `.config`.",
    "REQUESTS_CA_BUNDLE": "Certificate authorities to trust, in place of the system's.",
    "CURL_CA_BUNDLE": "The same; read if `REQUESTS_CA_BUNDLE` is not set.",
    "HTTPS_PROXY": "URL of the proxy to registries that are reached over https; `https_proxy` if "
    "not set.",
    "HTTP_PROXY": "The same for plain http; `http_proxy` if not set.",
    "ALL_PROXY": "URL of the proxy where the two above are not set; `all_proxy` if not set.",
    "NO_PROXY": "Hosts to reach directly, by [the rules of Go]"
    "(registries.md#proxies); `no_proxy` if not set.",
    "REQUEST_METHOD": "If set (by a web server), `HTTP_PROXY` is ignored: a client may have sent "
    "it.",
}
_OF_LIBRARIES = {
    "SSL_CERT_FILE, SSL_CERT_DIR": "The system's certificate authorities, for OpenSSL.",
    "COLUMNS": "Width of help and progress bars, in place of the terminal's.",
}
_OF_COMPLETION = {
    "_CACHEDB_COMPLETE": "Set by the completion script of a shell: what to print.",
    "COMP_WORDS": "Set by the completion script of bash: the command line.",
    "COMP_CWORD": "Set by the completion script of bash: which word the cursor is in.",
}


def commands() -> str:
    """Return the page of the command line: the --help text of every command."""
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


def help_of(name: str) -> str:
    """Return what ``cachedb NAME --help`` prints."""
    root = typer.main.get_command(app)
    context = root.make_context("cachedb", [], resilient_parsing=True)
    command = dict(_commands_of(root, context))[name]
    own = command.make_context(name, [], parent=context, resilient_parsing=True)
    text: str = command.get_help(own)
    return text.rstrip()


def exit_codes() -> str:
    """Return the page of errors: one exit code per family of errors."""
    rows = [("0", "", "Success; a check has no findings.", "")]
    for family in errors.CacheError.__subclasses__():
        members = ", ".join(f"`{kind.__name__}`" for kind in _below(family))
        rows.append((str(family.exit_code), f"`{family.__name__}`", _first_line(family), members))
    rows += [
        ("130", "", "Interrupted by Ctrl-C; downloaded data is kept for the next run.", ""),
        ("141", "", "The reader of the output closed the pipe.", ""),
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
    """Return the page of limits on data from outside."""
    found = [value for value in vars(limits).values() if isinstance(value, Limit)]
    rows = [(f"`{each.variable}`", f"{each.name}", f"{each.value:,}") for each in found]
    return "\n".join(
        [
            "# Limits",
            _MADE,
            _ABOUT_LIMITS,
            _table(("variable", "limit of", "default"), rows),
        ]
    )


def environment() -> str:
    """Return the page of environment variables, but for those of limits."""
    options = [(f"`{name}`", text) for name, text in sorted(variables_of_options().items())]
    head = ("variable", "meaning")
    return "\n".join(
        [
            "# Environment variables",
            _MADE,
            _ABOUT_ENVIRONMENT,
            "## Options\n",
            _table(("variable", "default of"), options),
            "## Directories\n",
            _table(head, _quoted(_OF_DIRECTORIES)),
            "## Registries\n",
            _table(head, _quoted(_OF_REGISTRIES)),
            "## Shell completion\n",
            _table(head, _quoted(_OF_COMPLETION)),
            "## Read by libraries\n",
            _table(head, _quoted(_OF_LIBRARIES)),
        ]
    )


def variables() -> frozenset[str]:
    """Return the other environment variables of that page that cachedb itself reads."""
    return frozenset((*_OF_DIRECTORIES, *_OF_REGISTRIES, *_OF_COMPLETION))


def options() -> dict[str, frozenset[str]]:
    """Return the options of every command."""
    root = typer.main.get_command(app)
    context = root.make_context("cachedb", [], resilient_parsing=True)
    return {
        name: frozenset(option for parameter in command.params for option in parameter.opts)
        for name, command in _commands_of(root, context)
    }


def variables_of_options() -> dict[str, str]:
    """Return the environment variables of options for all commands, and a line about each."""
    root = typer.main.get_command(app)
    context = root.make_context("cachedb", [], resilient_parsing=True)
    takers: dict[str, dict[str, list[str]]] = {}
    for name, command in _commands_of(root, context):
        for option in filter(defaults.option_name, command.params):
            long = defaults.option_name(option) or ""
            takers.setdefault(long, {}).setdefault(option.help, []).append(name)
    every = len(root.list_commands(context))
    return {
        defaults.variables("", long)[1]: f"`--{long}`: {_about_variable(texts, every)}"
        for long, texts in takers.items()
    }


def _about_variable(texts: dict[str, list[str]], every: int) -> str:
    """Join the help texts of an option, with their commands; the most common one is the last."""
    *rare, common = sorted(texts.items(), key=lambda each: len(each[1]))
    parts = [f"{text} ({', '.join(takers)})" for text, takers in rare]
    text, takers = common
    if len(takers) + sum(len(each) for _, each in rare) == every:
        where = " (other commands)" if rare else ""
    else:
        where = f" ({', '.join(takers)})"
    return " ".join([*parts, f"{text}{where}"])


def query_language() -> str:
    """Return the page of the query language: its complete vocabulary."""
    parts = ["# Query vocabulary", _MADE, _ABOUT_QUERIES]
    nouns = [(f"`{n.name}`", n.sort.noun, n.doc) for n in vocabulary.NOUNS.values()]
    parts += ["## Nouns\n", _table(("noun", "selects from", "meaning"), nouns)]
    for sort in words.Sort:
        parts += _of_sort(sort)
    functions = [
        (
            f"`{f.name}(…)`",
            f.takes.noun if f.takes else "any noun",
            f.gives.noun if f.gives else "the same noun",
            f.doc,
        )
        for f in vocabulary.FUNCTIONS.values()
    ]
    parts += ["## Functions\n", _table(("function", "argument", "result", "meaning"), functions)]
    operators = [
        (kind.value, ", ".join(f"`{op}`" for op in found))
        for kind, found in words.OPERATORS.items()
    ]
    symbols = ", ".join(f"`{symbol}` {word}" for symbol, word in words.SYMBOLS.items())
    parts += [
        "## Operators\n",
        f"Each symbol has a word, which needs no quoting in a shell: {symbols}.\n",
        _table(("type", "operators"), operators),
    ]
    aggregates = [(f"`{name}`", doc) for name, doc in vocabulary.AGGREGATES.items()]
    parts += ["## Aggregates, after `group`\n", _table(("name", "meaning"), aggregates)]
    return "\n".join(parts)


_ABOUT_COMMANDS = """\
Data is written to stdout, messages and progress to stderr. Digests are printed in full when
stdout is not a terminal. Every command ends with one of the [exit codes](exit-codes.md). The
defaults of options come from [environment variables](environment.md) and the
[configuration file](configuration.md).
"""
_ABOUT_ERRORS = """\
An error is one line on stderr, `cachedb: MESSAGE`, and possibly a second one, `hint: COMMAND`.
An error in a query is shown with a caret below its position. `--error-format json` writes one
JSON object instead, also for a command or an option that does not exist. In Python, every family
is a class of `cachedb.errors`, whose attributes are the facts of the message.
[Messages](messages.md) explains every message by its words.
"""
_ABOUT_LIMITS = """\
Everything read from outside has a limit. An environment variable sets it, up or down; the message
of an exceeded limit names the variable.
"""
_ABOUT_ENVIRONMENT = """\
Every option has a variable that is its default in all commands, `CACHEDB_PLATFORM` for
`--platform`, and one for each command, `CACHEDB_PULL_PLATFORM`, which takes precedence. An option
on the command line takes precedence over both, and both over the
[configuration file](configuration.md). `log --format` has no variable of its own:
`CACHEDB_LOG_FORMAT` is that of `--log-format`.

An empty variable counts as not set. `1`, `true`, `yes` and `on` set an option without a value,
`0`, `false`, `no` and `off` do not. Several values are separated by blanks; those of `--drop`,
`--keep` and `--param`, which may contain blanks, by line breaks. [Limits](limits.md) have
variables of their own, `CACHEDB_LIMIT_…`.
"""
_ABOUT_QUERIES = """\
Words that a query is made of. [Query syntax](query-syntax.md) has the grammar and the forms of
values, [Write queries](../how-to/write-queries.md) examples.
"""


def _quoted(rows: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"`{names.replace(', ', '`, `')}`", text) for names, text in rows.items()]


def _of_sort(sort: words.Sort) -> Iterator[str]:
    yield f"## {sort.noun.capitalize()}\n"
    shown = ", ".join(f"`{name}`" for name in vocabulary.SHOWN[sort])
    yield f"Columns by default: {shown}.\n"
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
    "environment.md": environment,
    "exit-codes.md": exit_codes,
    "limits.md": limit_table,
    "messages.md": message_reference.page,
    "python.md": python_reference.page,
    "json-schemas.md": json_schemas.page,
    "query-language.md": query_language,
    "schema.md": schema_reference.page,
}
