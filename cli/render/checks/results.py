"""Output of check results, and the error that ends a check with findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.report.check import RuleResult

DOCUMENTS: Final = ("json", "junit", "sarif", "github")
"""The formats that are one text for all rules."""
_MOST_NAMED = 3
_COLUMNS = (
    Column("severity"),
    Column("rule"),
    Column("subject"),
    Column("message", shorten=fitting.whole),
)


def write(
    results: Sequence[RuleResult], file: tuple[str, bytes], form: str, outfile: str | None
) -> None:
    """Print results, or write them to a file, which appears complete or not at all.

    Raises:
        InvalidInput: The format is one of rows, and a file is given.
        StorageFailed: The file system refused.
    """
    from cachedb.cli.render.checks import formats

    if form in DOCUMENTS:
        lines = formats.DOCUMENTS[form](results, formats.RuleSource(*file))
        if outfile is None:
            for line in lines:
                output.print_stdout(line)
        else:
            from cachedb.archive import output_file

            output_file.write(outfile, (f"{line}\n".encode() for line in lines))
        return
    if outfile is not None:
        raise InvalidInput(f"--outfile: not for {form}", hint=f"--format {DOCUMENTS[0]}")
    rows = [
        (str(each.rule.severity), each.rule.name, found.subject, found.message)
        for each in results
        for found in each.findings
    ]
    if rows or form is not Format.TABLE:
        tables.render(_COLUMNS, rows, form)


def judge(results: Sequence[RuleResult], failing: Sequence[str]) -> None:
    """Raise if a rule of a failing severity has findings.

    Raises:
        ValidationFailed: One has.
    """
    bad = [each.rule.name for each in results if each.findings and each.rule.severity in failing]
    if bad:
        listed = ", ".join(bad[:_MOST_NAMED])
        more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
        total = output.count(len(results), "rule")
        raise ValidationFailed(f"findings of {len(bad)} of {total}: {listed}{more}")
