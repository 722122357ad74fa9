"""``cachedb find-root``: resolve a name or digest to its root descriptor."""

from __future__ import annotations

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, read_catalog
from cachedb.cli.options.common import FormatOption, NameArgument
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

_COLUMNS = (
    Column("name", lambda name: name or "<none>"),
    Column("digest", output.digest),
    Column("media_type"),
    Column("size", is_number=True),
)


def command(
    name: NameArgument,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Resolve a name or digest to its root descriptor.

    A digest, or at least the first six digits of one, may be that of an index, a manifest, a
    config or a layer; every image that contains the blob is listed.
    """
    from cachedb.operations.read.resolve import find_roots

    roots = read_catalog(cache, lambda ask: find_roots(ask, name))
    if quiet:
        for root in roots:
            output.print_stdout(root.digest)
        return
    rows = ((root.name, root.digest, root.media_type, root.size) for root in roots)
    tables.render(_COLUMNS, rows, form)
