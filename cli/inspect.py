"""``cachedb inspect``: show the manifest or index of an image at a registry."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachedb.cli.options.common import FormatOption, QuietOption
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    JobsOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from cachedb.operations.transfer.remote_inspect import RemoteImage

_COLUMNS = (
    Column("platform"),
    Column("digest", output.digest),
    Column("size", output.size, is_number=True),
    Column("layers", is_number=True),
    Column("artifact_type"),
)


def command(
    name: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="Image at a registry, by tag or digest.")
    ],
    raw: Annotated[bool, typer.Option("--raw", help="Print the document byte for byte.")] = False,
    form: FormatOption = Format.TABLE,
    jobs: JobsOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show the platforms of an image at a registry, without pulling it.

    `cachedb show` shows an image in the cache.
    """
    from cachedb.oci import Reference
    from cachedb.operations.transfer.remote_inspect import document, inspect
    from cachedb.operations.transfer.workers import JOBS

    reference = Reference.parse(name)
    with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
        client = connect(reference.domain)
        if raw:
            sys.stdout.buffer.write(document(client, reference))
            return
        image = inspect(client, reference, jobs or JOBS)
    if quiet:
        output.say(image.descriptor.digest)
        return
    if form is Format.JSON:
        output.say(json.dumps(_as_json(image), ensure_ascii=False, indent=2))
        return
    if form is Format.TABLE:
        output.say(f"{image.reference}  {image.descriptor.digest}")
        output.say(f"{image.descriptor.media_type}  {output.size(image.size)}")
        output.say()
    tables.render(_COLUMNS, _rows(image), form)


def _rows(image: RemoteImage) -> list[tuple[object, ...]]:
    return [
        (
            str(each.platform) if each.platform else None,
            str(each.descriptor.digest),
            each.size,
            each.layers,
            each.artifact_type,
        )
        for each in image.manifests
    ]


def _as_json(image: RemoteImage) -> dict[str, Any]:
    names = [column.name for column in _COLUMNS]
    return {
        "name": str(image.reference),
        "digest": image.descriptor.digest,
        "media_type": image.descriptor.media_type,
        "document_size": image.descriptor.size,
        "size": image.size,
        "manifests": [dict(zip(names, row, strict=True)) for row in _rows(image)],
    }
