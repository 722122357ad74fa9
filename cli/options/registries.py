"""Options of the commands that use registries, and the clients that they configure."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.render.output import print_stderr
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cachedb.registry.client import Client

MirrorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mirror", metavar="[REGISTRY=]URL", help="Registry mirror to try first. Can be repeated."
    ),
]
InsecureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--insecure",
        metavar="HOST[:PORT]",
        help="Allow plain http to this registry. Can be repeated.",
    ),
]
CertificateOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--cert-file",
        metavar="PEM",
        help="Additional certificate authority to trust. Can be repeated.",
    ),
]
ClientCertificateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--client-cert",
        metavar="REGISTRY=PEM[,KEY]",
        help="Client certificate for one registry. Can be repeated.",
    ),
]
TrustRealmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-realm",
        metavar="HOST[:PORT]",
        help="Trust this token server with credentials. Can be repeated.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Parallel transfers."),
]


@contextmanager
def connector(
    mirrors: list[str] | None,
    insecure: list[str] | None,
    certificates: list[Path] | None,
    client_certificates: list[str] | None = None,
    trusted_token_servers: list[str] | None = None,
    logins: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[Callable[[str], Client]]:
    """Yield a function that opens the client of a registry, once each; close them at the end."""
    from cachedb.registry.clients import Registries

    with Registries(
        mirrors=mirrors or (),
        insecure=insecure or (),
        trusted_token_servers=trusted_token_servers or (),
        ca_files=map(str, certificates or ()),
        client_certificates=dict(map(_client_certificate, client_certificates or ())),
        logins=logins,
        warn=lambda line: print_stderr(f"warning: {line}"),
    ) as registries:
        yield registries


def _client_certificate(text: str) -> tuple[str, tuple[str, str | None]]:
    registry, equals, files = text.partition("=")
    certificate, _, key = files.partition(",")
    if not (registry and equals and certificate):
        raise InvalidInput(
            f"{text!r} is not REGISTRY=PEM[,KEY]",
            hint="--client-cert registry.example.com=client.pem,client.key",
        )
    return registry, (certificate, key or None)
