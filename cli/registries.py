"""Options of the commands that talk to registries, and what they make of them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachedb.cli.output import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachedb.registry.client import Client

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


@contextmanager
def connector(
    mirrors: list[str] | None, insecure: list[str] | None, certificates: list[Path] | None
) -> Iterator[Callable[[str], Client]]:
    """Give a function that opens the client of a registry; each is opened once, and closed."""
    from cachedb.registry import mirrors as mirroring
    from cachedb.registry.client import Client
    from cachedb.registry.credentials import Credentials
    from cachedb.registry.settings import RegistrySettings

    settings = RegistrySettings(
        mirrors={**mirroring.from_environment(), **mirroring.parse(mirrors or ())},
        insecure_hosts=frozenset(insecure or ()),
        ca_files=tuple(map(str, certificates or ())),
        warn=lambda line: tell(f"warning: {line}"),
    )
    credentials = Credentials.from_environment()
    clients: dict[str, Client] = {}
    with ExitStack() as stack:

        def connect(domain: str) -> Client:
            if domain not in clients:
                clients[domain] = stack.enter_context(Client(domain, settings, credentials))
            return clients[domain]

        yield connect
