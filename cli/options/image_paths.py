"""Arguments of the form NAME:PATH: a file of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.errors import InvalidInput
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from cachedb.oci import Platform

SinglePlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform",
        "-p",
        metavar="OS/ARCH[/VARIANT]",
        help="Platform, if the image has several; by default, that of this machine.",
    ),
]
SingleArchOption = Annotated[
    str | None, typer.Option("--arch", metavar="ARCH", help="Same as --platform linux/ARCH.")
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


def single_platform(platform: str | None, arch: str | None) -> tuple[Platform, ...]:
    """Parse the one platform of --platform or --arch; none without both.

    Raises:
        InvalidInput: Both are given.
        InvalidPlatform: The value is not a platform.
    """
    from cachedb.oci import Platform

    if platform is not None and arch is not None:
        raise InvalidInput("--platform and --arch are both given", hint=f"--platform {platform}")
    given = platform if arch is None else f"linux/{arch}"
    return () if given is None else (Platform.parse(given),)
