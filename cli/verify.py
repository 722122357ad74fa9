"""``cachedb verify``: hash what is on disk."""

from __future__ import annotations

from cachedb.cli import output
from cachedb.cli.options import (
    CacheOption,
    FormatOption,
    QuietOption,
    SomeNamesArgument,
    WhereOption,
    open_cache,
    selection,
)
from cachedb.cli.output import Column, Format
from cachedb.errors import ValidationFailed

_COLUMNS = (
    Column("digest"),
    Column("finding"),
    Column("images", lambda names: output.words(name or "<none>" for name in names)),
)


def command(
    names: SomeNamesArgument = None,
    where: WhereOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Read and hash blobs, and say which are corrupt or missing.

    Those of some images, or all.

    Ends with exit code 8 when something is.
    """
    with open_cache(cache) as opened:
        found = opened.verify(names or (), where=selection(opened, where))
    if not quiet and (found.findings or form is not Format.TABLE):
        rows = ((each.digest, each.why, list(each.names)) for each in found.findings)
        output.render(_COLUMNS, rows, form)
    if not quiet:
        output.tell(f"{output.count(found.blobs, 'blob')} read, {output.size(found.bytes)} right")
    if found.findings:
        raise ValidationFailed(f"corrupt or missing: {output.count(len(found.findings), 'blob')}")
