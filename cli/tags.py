"""``cachedb tags``: the tags of a repository."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.options.common import FormatOption
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render import tables
from cachedb.cli.render.tables import Column, Format


def command(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="A name without tag and digest.")
    ],
    form: FormatOption = Format.TABLE,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
) -> None:
    """List the tags of a repository, as its registry has them.

    A table is one tag a line, without a heading.
    """
    from cachedb.oci import Reference
    from cachedb.operations.transfer.remote_inspect import list_tags

    reference = Reference.parse(repository)
    with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
        rows = [(tag,) for tag in list_tags(connect(reference.domain), reference)]
    tables.render((Column("tag"),), rows, form, head=False)
