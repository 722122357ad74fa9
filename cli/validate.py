"""``cachedb validate``: check that an image is complete and consistent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietCheckOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    PlatformOption,
    SomeNamesArgument,
    platforms,
)
from cachedb.cli.options.query import (
    ParamOption,
    TimeZoneOption,
    WhereOption,
    print_if_empty,
    selection,
)
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.operations.check.validate import Validation

_COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("platform"),
    Column("config"),
    Column("digest", output.digest),
    Column("state"),
    Column("detail", shorten=fitting.whole),
)

# States of rows that are about no manifest; the others are those of a `Condition`.
NOT_THERE = "not there"
UNREADABLE = "unreadable"


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    param: ParamOption = None,
    tz: TimeZoneOption = None,
    cache: CacheOption = None,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Hash every blob and decompress every layer.")
    ] = False,
    form: FormatOption = Format.TABLE,
    quiet: QuietCheckOption = False,
) -> None:
    """Check that every declared blob of every platform is present.

    Platforms of index and config have to agree too.

    Exit code 8 if there is a finding, or if a platform of --platform is incomplete.
    """
    wanted = platforms(platform, arch)
    with open_cache(cache) as opened:
        chosen = selection(opened, where, param, tz, quiet=quiet)
        check = opened.validate_deeply if deep else opened.validate
        found = check(names or (), wanted, chosen)
        print_if_empty(opened, chosen, found, quiet=quiet)
    bad = [each for each in found if not each.is_valid]
    if quiet:
        output.print_digests(each.digest for each in bad)
    else:
        tables.render(_COLUMNS, _rows(found), form)
    if bad:
        listed = ", ".join(repr(each.name or each.digest) for each in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""  # noqa: PLR2004
        raise ValidationFailed(
            f"findings in {len(bad)} of {output.count(len(found), 'image')}: {listed}{more}"
        )


def _rows(found: Sequence[Validation]) -> Iterator[tuple[object, ...]]:
    for each in found:
        for report in each.platforms:
            faults = [f"corrupt {d}" for d in report.corrupt] + [
                f"missing {d}" for d in report.missing
            ]
            kind = "attestation" if report.is_attestation else None
            yield (
                each.name,
                kind or (str(report.platform) if report.platform else None),
                str(report.configured) if report.configured and not kind else None,
                report.digest,
                str(report.condition),
                "; ".join([*faults, *([report.problem] if report.problem else [])]),
            )
        for platform in each.wanted:
            if not any(platform.is_same_as(r.platform) for r in each.platforms if r.platform):
                yield each.name, str(platform), None, each.digest, NOT_THERE, ""
        if each.problem and each.problem not in {r.problem for r in each.platforms}:
            state = "corrupt" if each.platforms else UNREADABLE
            yield each.name, None, None, each.digest, state, each.problem
