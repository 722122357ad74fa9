"""Options of the commands that use registries, and the clients that they configure."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.render.output import tell
from cachedb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.registry.client import Client
    from cachedb.registry.http.settings import ClientCertificate

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
) -> Iterator[Callable[[str], Client]]:
    """Yield a function that opens the client of a registry, once each; close them at the end."""
    from cachedb.registry import mirrors as mirroring
    from cachedb.registry.auth.credentials import Credentials
    from cachedb.registry.client import Client
    from cachedb.registry.http.settings import RegistrySettings

    settings = RegistrySettings(
        mirrors={**mirroring.from_environment(), **mirroring.parse(mirrors or ())},
        insecure_hosts=frozenset(insecure or ()),
        trusted_token_servers=frozenset(trusted_token_servers or ()),
        ca_files=tuple(map(str, certificates or ())),
        client_certificates=dict(map(_client_certificate, client_certificates or ())),
        warn=lambda line: tell(f"warning: {line}"),
    )
    credentials = Credentials.from_environment(warn=settings.warn)
    clients: dict[str, Client] = {}
    with ExitStack() as stack:

        def connect(domain: str) -> Client:
            if domain not in clients:
                clients[domain] = stack.enter_context(Client(domain, settings, credentials))
            return clients[domain]

        yield connect


def _client_certificate(text: str) -> tuple[str, ClientCertificate]:
    from cachedb.registry.http.settings import ClientCertificate

    registry, equals, files = text.partition("=")
    certificate, _, key = files.partition(",")
    if not (registry and equals and certificate):
        raise InvalidInput(
            f"{text!r} is not REGISTRY=PEM[,KEY]",
            hint="--client-cert registry.example.com=client.pem,client.key",
        )
    return registry, ClientCertificate(certificate=certificate, key=key or None)
