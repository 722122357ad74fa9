"""``cachedb inspect``: manifest, index and config of an image in the cache or at its registry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.feedback.choices import QuietOption
from cachedb.cli.options.cache import CacheOption, open_cache
from cachedb.cli.options.common import (
    ArchOption,
    FormatOption,
    PlatformOption,
    platforms,
)
from cachedb.cli.options.completion import names
from cachedb.cli.options.registries import (
    CertificateOption,
    ClientCertificateOption,
    InsecureOption,
    JobsOption,
    TrustRealmOption,
    connector,
)
from cachedb.cli.render.images import of_cache, of_registry, print_image
from cachedb.cli.render.tables import Format
from cachedb.errors import AmbiguousName, BlobNotFound, CacheNotFound, InvalidInput, RefNotFound

if TYPE_CHECKING:
    from cachedb.cache import Cache

RemoteOption = Annotated[
    bool, typer.Option("--remote", help="Ask the registry, also if the cache has the image.")
]


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name or digest; at a registry, a reference.",
            autocompletion=names,
        ),
    ],
    raw: Annotated[bool, typer.Option("--raw", help="Print the document byte for byte.")] = False,
    config: Annotated[
        bool, typer.Option("--config", help="Print the config of a platform byte for byte.")
    ] = False,
    remote: RemoteOption = False,
    platform: PlatformOption = None,
    arch: ArchOption = None,
    cache: CacheOption = None,
    form: FormatOption = Format.TABLE,
    jobs: JobsOption = None,
    insecure: InsecureOption = None,
    cert_file: CertificateOption = None,
    client_cert: ClientCertificateOption = None,
    trust_realm: TrustRealmOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show the platforms of an image in the cache, or else at its registry.

    The registry is asked if the cache does not have the image, or with --remote; nothing is
    pulled. --raw prints the index or manifest, --config the config of --platform, else that of
    this machine, else the only one. `cachedb show` has configuration and labels of an image.
    """
    if raw and config:
        raise InvalidInput("--raw and --config exclude each other")
    wanted = platforms(platform, arch)
    opened = None if remote else _cache_with(name, cache)
    if opened is not None:
        with opened:
            if raw or config:
                content = opened.document(name) if raw else opened.config(name, wanted)
            else:
                print_image(of_cache(opened.inspect_image(name)), form, quiet=quiet)
                return
    else:
        from cachedb.oci import Reference
        from cachedb.operations.transfer import remote_inspect
        from cachedb.operations.transfer.workers import JOBS

        reference = Reference.parse(name)
        with connector(None, insecure, cert_file, client_cert, trust_realm) as connect:
            client = connect(reference.domain)
            if raw:
                content = remote_inspect.document(client, reference)
            elif config:
                content = remote_inspect.config(client, reference, wanted)
            else:
                image = remote_inspect.inspect(client, reference, jobs or JOBS)
                print_image(of_registry(image), form, quiet=quiet)
                return
    sys.stdout.buffer.write(content)


def _cache_with(name: str, cache: Path | None) -> Cache | None:
    """Open the cache if there is one that has the image."""
    try:
        opened = open_cache(cache)
    except CacheNotFound:
        return None
    try:
        opened.find_image(name)
    except (AmbiguousName, BlobNotFound):
        opened.close()
        raise
    except RefNotFound:
        opened.close()
        return None
    return opened
