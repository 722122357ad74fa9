"""``cachedb check``: check the content of the cache against rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import SilentOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.query import ParamOption, parameters, print_notes
from cachedb.cli.render import output
from cachedb.cli.render.tables import Format, parse_format
from cachedb.errors import InvalidInput, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cachedb.operations.report.check import RuleResult
    from cachedb.operations.report.rules import RuleFile

_LEVELS = ("error", "warning", "note")
_MOST_BYTES = 1_000_000


def _format(text: str) -> str:
    from cachedb.cli.render.checks import results

    return text if text in results.DOCUMENTS else parse_format(text)


def _complete_format() -> list[str]:
    from cachedb.cli.render.checks import results

    return [*results.DOCUMENTS, Format.TABLE, Format.JSONL, Format.CSV]


CheckFormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        parser=_format,
        metavar="FORMAT",
        help="table, json, junit, sarif, github, jsonl, csv, or a template.",
        autocompletion=_complete_format,
    ),
]
RulesArgument = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="Rule file, TOML; - is stdin.")
]
ExampleOption = Annotated[
    bool, typer.Option("--example", help="Print a rule file to start from, and check nothing.")
]
FailOnOption = Annotated[
    str,
    typer.Option(
        "--fail-on", metavar="SEVERITY", help="Least severity of findings that end with code 8."
    ),
]
OutfileOption = Annotated[
    str | None, typer.Option("--outfile", "-o", metavar="FILE", help="Write the results to FILE.")
]


def command(
    file: RulesArgument = None,
    param: ParamOption = None,
    cache: CacheOption = None,
    form: CheckFormatOption = Format.TABLE,
    outfile: OutfileOption = None,
    fail_on: FailOnOption = "warning",
    example: ExampleOption = False,
    quiet: SilentOption = False,
) -> None:
    """Check the content of the cache against rules: queries with an expectation.

    Exit code 8 if a rule with the severity of --fail-on, or a worse one, has findings.
    """
    from cachedb.cli.render.checks import results
    from cachedb.operations.report import rules

    if example:
        sys.stdout.write(rules.example())
        return
    if fail_on not in _LEVELS:
        raise InvalidInput(f"--fail-on: invalid severity {fail_on!r}", hint=", ".join(_LEVELS))
    if file is None:
        raise InvalidInput("no rule file", hint="cachedb check --example > rules.toml")
    content = _read(file)
    found = rules.parse(content, file).with_params(parameters(param))
    checked = _check(cache, found, outfile, quiet=quiet)
    if not quiet or outfile is not None:
        results.write(checked, (file, content), form, outfile)
    results.judge(checked, _LEVELS[: _LEVELS.index(fail_on) + 1])


def _read(path: str) -> bytes:
    """Read a rule file, which has at most 1 MB."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise StorageFailed.of(error, f"read {path!r}") from error
    if len(content) > _MOST_BYTES:
        raise InvalidInput(f"{path}: a rule file has at most {output.size(_MOST_BYTES)}")
    return content


def _check(
    cache: Path | None, file: RuleFile, outfile: str | None, *, quiet: bool
) -> Sequence[RuleResult]:
    from cachedb.archive import output_file

    with open_cache(cache) as opened:
        if outfile is not None:
            output_file.refuse_inside(opened.root, outfile)
        checked = opened.check(file)
        if not quiet:
            print_notes(opened, [each.query for each in checked])
    return checked
