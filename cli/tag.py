"""``cachedb tag``: further names for images."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption
from cachedb.cli.options.completion import names
from cachedb.cli.render import output
from cachedb.cli.render.actions import print_items
from cachedb.cli.render.tables import Column, Format

_COLUMNS = tuple(map(Column, ("name", "digest", "state", "replaced")))


def command(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Name or digest of an image.", autocompletion=names),
    ],
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="Names to give it.")],
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Add a name to an image.

    A name of another image moves to this one; that image has its other names only.
    """
    from cachedb.oci import Reference

    references = list(map(Reference.parse, targets))
    with open_cache(cache) as opened:
        tagged = [opened.tag(source, each) for each in references]
    if quiet:
        for each in tagged:
            output.print_stdout(each.digest)
        return
    states = ["moved" if t.replaced else "new" if t.is_new else "unchanged" for t in tagged]
    if form is Format.TABLE:
        for each, state in zip(tagged, states, strict=True):
            told = f"moved from {each.replaced}" if each.replaced else state
            output.print_stdout(f"{output.show(each.name)}  {each.digest}  {told}")
        return
    rows = (
        (each.name, each.digest, state, each.replaced)
        for each, state in zip(tagged, states, strict=True)
    )
    print_items(_COLUMNS, rows, {"names": sum(each.is_new for each in tagged)}, form)
