"""``cachedb why``: images that reference a blob, and the path to it."""

from __future__ import annotations

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import FormatOption, NameArgument
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

_COLUMNS = (Column("name"), Column("route", output.words))


def command(
    name: NameArgument,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show which images reference a blob, and by which path."""
    with open_cache(cache) as opened:
        roots = opened.find_image(name).roots
        routes = [route for root in roots for route in opened.why(root.digest)]
    if quiet:
        for route in routes:
            output.print_stdout(route.steps[0].digest)
        return
    if form is not Format.TABLE:
        rows = ((route.name, [step.digest for step in route.steps]) for route in routes)
        tables.render(_COLUMNS, rows, form)
        return
    if not routes:
        output.print_stdout(f"{roots[0].digest} is unreferenced: gc deletes it")
    for route in routes:
        output.print_stdout(output.show(route.name or "<none>"))
        for depth, step in enumerate(route.steps, 1):
            output.print_stdout(
                f"{'  ' * depth}{step.kind.name.lower()} {output.digest(step.digest)}"
            )
