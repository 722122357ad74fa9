"""``cachedb verify``: hash blobs, and repair those that are corrupt or missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietCheckOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, SomeNamesArgument
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.options.registries import (
    CertificateOption,
    InsecureOption,
    MirrorOption,
    connector,
)
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import InvalidInput, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.operations.check.repair import Repair
    from cachedb.operations.check.verify import Verification

_FINDINGS = (
    Column("digest", output.digest),
    Column("finding", shorten=fitting.whole),
    Column(
        "images",
        lambda names: output.words(name or "<none>" for name in names),
        shorten=fitting.items,
    ),
)
_REPAIRS = (*_FINDINGS, Column("repaired_from"), Column("why_not", shorten=fitting.whole))


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Replace corrupt and missing blobs.")
    ] = False,
    copies: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Layout to repair from, before any registry. Can be repeated.",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Repair from --from only, not from registries.")
    ] = False,
    mirror: MirrorOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietCheckOption = False,
) -> None:
    """Hash the blobs of images, or all blobs; list those that are corrupt or missing.

    With --repair, replace them by copies from another layout, or from the registry that an image
    was pulled from or that its name contains.

    Exit code 8 if a blob is still corrupt or missing.
    """
    if (copies or offline) and not repair:
        raise InvalidInput("--from and --offline need --repair", hint="add --repair")
    with open_cache(cache) as opened:
        query = selection(opened, where, param, tz, quiet=quiet)
        found = opened.verify(names or (), where=query)
        print_if_empty(opened, query, found.blobs or found.findings, quiet=quiet)
        repairs: Sequence[Repair] | None = None
        if repair and offline:
            repairs = opened.repair(found, copies or ())
        elif repair:
            with connector(mirror, insecure, cert_file) as connect:
                repairs = opened.repair(found, copies or (), connect)
    if quiet:
        output.print_digests(each.digest for each in found.findings)
    else:
        _print(found, repairs, form)
    _end(found, repairs)


def _print(found: Verification, repairs: Sequence[Repair] | None, form: str) -> None:
    errors = len(found.findings) + found.unlisted
    wrong = output.count(errors, "error") if errors else "no errors"
    columns, rows, summary = _listed(found, repairs, errors)
    if form is not Format.TABLE:
        print_items(columns, rows, summary, form)
    elif rows:
        tables.render(columns, rows, form)
    if found.unlisted:
        from cachedb import limits

        output.print_stderr(
            f"{output.count(found.unlisted, 'more missing blob')} not listed "
            f"(limit: {limits.VERIFY_FINDINGS.variable})"
        )
    output.print_stderr(
        f"verified {output.count(found.blobs, 'blob')} ({output.size(found.bytes)}), {wrong}"
    )
    if repairs is not None:
        repaired_now = sum(each.source is not None for each in repairs)
        output.print_stderr(f"repaired {output.count(repaired_now, 'blob')}")


def _listed(
    found: Verification, repairs: Sequence[Repair] | None, errors: int
) -> tuple[tuple[Column, ...], list[tuple[object, ...]], dict[str, int]]:
    """Return the columns and rows of findings, or of repairs, and the totals."""
    totals = {"blobs": found.blobs, "bytes": found.bytes, "errors": errors}
    if repairs is None:
        rows: list[tuple[object, ...]] = [
            (each.digest, each.why, list(each.names)) for each in found.findings
        ]
        return _FINDINGS, rows, totals
    repaired: list[tuple[object, ...]] = [
        (r.finding.digest, r.finding.why, list(r.finding.names), r.source, r.why) for r in repairs
    ]
    mended = sum(each.source is not None for each in repairs)
    return _REPAIRS, repaired, {**totals, "repaired": mended}


def _end(found: Verification, repairs: Sequence[Repair] | None) -> None:
    left = found.findings if repairs is None else [r for r in repairs if r.source is None]
    amiss = len(left) + found.unlisted
    if amiss:
        raise ValidationFailed(
            f"corrupt or missing: {output.count(amiss, 'blob')}",
            hint="cachedb verify --repair" if repairs is None else None,
        )
