"""``cachedb tags``: list the tags of a repository."""

from __future__ import annotations

from typing import Annotated

import typer

from cachedb.cli.feedback.choices import QuietTagsOption
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
        str, typer.Argument(metavar="REPOSITORY", help="Repository name, without tag or digest.")
    ],
    form: FormatOption = Format.TABLE,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    quiet: QuietTagsOption = False,
) -> None:
    """List the tags of a repository, in the order of its registry.

    A table has one tag a line and no header.
    """
    from cachedb.oci import Reference
    from cachedb.operations.transfer.remote_inspect import list_tags

    reference = Reference.parse(repository)
    with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
        rows = [(tag,) for tag in list_tags(connect(reference.domain), reference)]
    form = Format.TABLE if quiet else form
    tables.render((Column("tag"),), rows, form, head=False)
