"""``cachedb history``: steps of a build, and their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    NameArgument,
    PlatformOption,
    platforms,
)
from cachedb.cli.render import fitting, output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.operations.files.layer_history import HistoryStep

_COLUMNS = (
    Column("layer", lambda layer: output.digest(layer) if layer else "<none>"),
    Column("size", output.size, is_number=True),
    Column("created"),
    Column("created_by", shorten=fitting.end),
    Column("comment", shorten=fitting.end),
)


def command(
    name: NameArgument,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Show the steps in which an image was built, and their layers.

    The newest step is first. The platform is that of --platform, else that of this machine, else
    the only one. A step without a layer changed the config only; a layer that the config does not
    list has no other values. Sizes are those of the layers as they are stored. Times are as the
    config has them, or in the zone of --tz.
    """
    with open_cache(cache) as opened:
        steps = opened.history(name, platforms(platform, arch))
    if quiet:
        for step in reversed(steps):
            if step.layer is not None:
                output.print_stdout(step.layer.digest)
        return
    tables.render(_COLUMNS, _rows(steps), form)


def _rows(steps: Sequence[HistoryStep]) -> Iterator[tuple[object, ...]]:
    for step in reversed(steps):
        digest = None if step.layer is None else step.layer.digest
        size = None if step.layer is None else step.layer.size
        yield digest, size, output.rfc3339_of(step.created), step.created_by, step.comment
