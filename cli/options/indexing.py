"""Option to index the files of arriving images, and its implementation."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.render import output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.cache import Cache

IndexFilesOption = Annotated[
    bool,
    typer.Option(
        "--index-files", help="Index the files of the images, as `cachedb index files` does."
    ),
]


@contextmanager
def indexing(opened: Cache) -> Iterator[list[str]]:
    """Index the layers that arrive inside of the block, then the images that it adds to the list.

    A layer that cannot be read is a warning.
    """
    arrived: list[str] = []
    with opened.indexing_arrivals() as arrivals:
        yield arrived
    if not arrived:
        return
    found = opened.index_arrived(arrivals, arrived)
    for layer in found.unreadable:
        output.print_stderr(f"warning: cannot index layer {layer.digest}: {layer.why}")
        if layer.hint:
            output.print_stderr(f"hint: {layer.hint}")
    for image in found.unread:
        output.print_stderr(f"warning: cannot index {image.name!r}: {image.error}")


@contextmanager
def not_indexing(*_: object) -> Iterator[list[str]]:
    """Index nothing, whatever the block adds to the list."""
    yield []
