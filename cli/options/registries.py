"""Options of the commands that talk to registries, and what they make of them."""

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
    typer.Option("--mirror", metavar="[REGISTRY=]URL", help="Ask this first when pulling."),
]
InsecureOption = Annotated[
    list[str] | None,
    typer.Option("--insecure", metavar="HOST[:PORT]", help="Speak plain http to this registry."),
]
CertificateOption = Annotated[
    list[Path] | None,
    typer.Option("--cert-file", metavar="PEM", help="Trust this certificate authority as well."),
]
ClientCertificateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--client-cert",
        metavar="REGISTRY=PEM[,KEY]",
        help="Show this certificate to one registry.",
    ),
]
TrustRealmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-realm",
        metavar="HOST[:PORT]",
        help="Let this token server have the credentials of a registry elsewhere.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Blobs at a time."),
]


@contextmanager
def connector(
    mirrors: list[str] | None,
    insecure: list[str] | None,
    certificates: list[Path] | None,
    client_certificates: list[str] | None = None,
    trusted_token_servers: list[str] | None = None,
) -> Iterator[Callable[[str], Client]]:
    """Give a function that opens the client of a registry; each is opened once, and closed."""
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
            f"{text!r} is not the certificate of a registry",
            hint="write --client-cert registry.example.com=client.pem,client.key",
        )
    return registry, ClientCertificate(certificate=certificate, key=key or None)
