"""Arguments of the form NAME:PATH: a file of an image."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.errors import InvalidInput
from cachedb.records import NamedTuple

SinglePlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform",
        "-p",
        metavar="OS/ARCH[/VARIANT]",
        help="Platform, if the image has several; by default, that of this machine.",
    ),
]


class ImagePath(NamedTuple):
    """Name of an image, and the absolute path of a file of it; None for all files."""

    name: str
    path: str | None


def parse_image_path(text: str) -> ImagePath:
    """Split NAME:PATH at its first ``:/``; no name or digest contains that.

    Raises:
        InvalidInput: The name is empty.
    """
    name, separator, path = text.partition(":/")
    if not name:
        raise InvalidInput(f"{text!r} has no name of an image", hint="NAME:/PATH")
    return ImagePath(name, f"/{path}" if separator else None)
