"""Options of every command stand before or behind it, with one meaning."""

import json
import re
from typing import Any

import pytest

from cachedb.cli.app import _COMMANDS, _load
from cachedb.cli.command import behind_the_command
from cachedb.cli.options.shared import shared_options
from tests.cli.command_lines import LINES, Place
from tests.cli.conftest import Run

OPTIONS = [
    ("-q",),
    ("--quiet",),
    ("-v",),
    ("-vv",),
    ("--verbose", "-v"),
    ("-qv",),
    ("--cache", "/elsewhere"),
    ("--cache=/elsewhere",),
    ("--catalog", "postgresql+psycopg://db.example.com/farm?cache=one"),
    ("--error-format", "json"),
    ("--log-format", "json"),
    ("--format", "json"),
    ("--tz", "+02:00"),
    ("--no-progress",),
]
QUERIES = {"ls", "query"}
"""Commands whose words with one dash are options only alone: `-size` is a word of a query."""
CHANGING = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.+Z]+|/pushed-\d+:")


def parsed(words: list[str]) -> dict[str, Any]:
    """Return the values of the options and arguments of a line."""
    name, *rest = behind_the_command(words)
    command = _load(name)
    for param in command.params:
        param.expose_value = True
    found: dict[str, Any] = command.make_context(name, rest).params
    return found


def test_every_shared_option_is_in_the_table() -> None:
    tried = {word.partition("=")[0] for option in OPTIONS for word in option}

    assert {name for param in shared_options() for name in param.opts} <= tried


@pytest.mark.parametrize("command", _COMMANDS)
def test_an_option_before_the_command_is_parsed_as_one_behind_it(
    command: str, place: Place
) -> None:
    words = place.words(LINES[command].typed)
    plain = parsed(words)
    for option in OPTIONS:
        if option == ("-qv",) and command in QUERIES:
            option = ("-q", "-v")  # noqa: PLW2901
        before, behind = parsed([*option, *words]), parsed([*words, *option])
        assert before == behind, option
        assert before != plain, option


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_does_the_same_with_all_options_before_or_behind_it(
    run: Run, place: Place, tmp_path: Any, command: str
) -> None:
    form = () if command == "cat" else ("--format", "jsonl")
    options = (
        "-vv", "--cache", str(place.cache), "--error-format", "json", "--log-format", "json",
        "--tz", "+02:00", "--no-progress", *form,
    )  # fmt: skip
    before = place.run(run, command, options_before=options)
    place.renew()
    behind = place.run(run, command, options_behind=options)

    assert before.code == behind.code == 0, (before.err, behind.err)
    assert CHANGING.sub("", before.out) == CHANGING.sub("", behind.out)
    logged = [line for line in before.err.splitlines() if line.startswith("{")]
    assert all("level" in json.loads(line) for line in logged)
