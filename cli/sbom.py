"""``cachedb sbom``: SBOM documents and packages of an image."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import NameArgument
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format
from cachedb.errors import NotFound, ValidationFailed

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.oci import Platform
    from cachedb.operations.read.sbom import Sbom


class _Format(StrEnum):
    RAW = "raw"
    SPDX = "spdx"
    CYCLONEDX = "cyclonedx"
    SYFT = "syft"
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


_DOCUMENTS = {_Format.RAW, _Format.SPDX, _Format.CYCLONEDX, _Format.SYFT}
_COLUMNS = tuple(map(Column, ("platform", "name", "version", "type", "license", "purl")))


def command(
    name: NameArgument,
    cache: CacheOption = None,
    platform: Annotated[
        str | None,
        typer.Option("--platform", "-p", metavar="OS/ARCH[/VARIANT]", help="Only this platform."),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option("--arch", metavar="ARCH", help="Same as --platform linux/ARCH."),
    ] = None,
    form: Annotated[
        _Format,
        typer.Option(
            "--format", help="Documents, unchanged, all or of one format; or a list of packages."
        ),
    ] = _Format.RAW,
    quiet: QuietOption = False,
) -> None:
    """Print the SBOMs of an image, or list its packages.

    Documents of SPDX, CycloneDX and syft, of attestations and referrers, are printed unchanged,
    one after the other, in the order of the platforms.

    Exit code 3 if there is no SBOM, 8 if one of those to list cannot be read.
    """
    from cachedb.oci import Platform

    if platform is None and arch is not None:
        platform = f"linux/{arch}"
    wanted = Platform.parse(platform) if platform is not None else None
    with open_cache(cache) as opened:
        if quiet:
            documents = [each.document for each in opened.sboms(name, wanted)]
            if not documents:
                raise _no_document(name, wanted)
            for digest in dict.fromkeys(documents):
                output.print_stdout(digest)
        elif form in _DOCUMENTS:
            _print_documents(opened, name, wanted, form)
        else:
            _list_packages(opened, name, wanted, Format(form))


def _print_documents(cache: Cache, name: str, platform: Platform | None, form: _Format) -> None:
    count = 0
    for found in cache.sboms(name, platform):
        if form in (_Format.RAW, found.format):
            _print(found)
            count += 1
    if not count:
        kind = "SBOM" if form is _Format.RAW else f"{form} document"
        raise _no_document(name, platform, kind)


def _no_document(name: str, platform: Platform | None, kind: str = "SBOM") -> NotFound:
    which = f" for {platform}" if platform is not None else ""
    return NotFound(f"{name!r} has no {kind}{which}", hint=f"cachedb tree {shlex.quote(name)}")


def _print(found: Sbom) -> None:
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(found.content + b"\n")
        return
    # The same text, with escapes for control characters.
    output.print_stdout("".join(map(_escaped, found.content.decode())))


def _escaped(character: str) -> str:
    return (
        character
        if character.isprintable() or character in "\n\r\t"
        else json.dumps(character)[1:-1]
    )


def _list_packages(cache: Cache, name: str, platform: Platform | None, form: str) -> None:
    listing = cache.packages(name, platform)
    is_empty = not listing.packages and not listing.unreadable
    if is_empty and next(cache.sboms(name, platform), None) is None:
        raise _no_document(name, platform)
    rows = (
        (str(p.platform) if p.platform else None, p.name, p.version, p.type, p.license, p.purl)
        for p in listing.packages
    )
    tables.render(_COLUMNS, rows, form)
    if listing.incomplete:
        first = listing.incomplete[0]
        output.print_stderr(
            f"cachedb: {output.count(len(listing.incomplete), 'SBOM')} read in part: "
            f"{output.show(str(first.digest))}: {output.show(first.why)}"
        )
    if listing.unreadable:
        first = listing.unreadable[0]
        raise ValidationFailed(
            f"the list is incomplete: cannot read {output.count(len(listing.unreadable), 'SBOM')}"
            f", first {first.digest}: {first.why}"
        )
