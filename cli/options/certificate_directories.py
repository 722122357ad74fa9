"""Certificates in the directories that a file for `sync` names, as containers-certs.d has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.operations.mirror.sync_file import SyncSource


def certificate_authorities(sources: Sequence[SyncSource]) -> Iterator[Path]:
    """Yield the certificate authorities in the directories of a file: those that end with .crt."""
    for source in sources:
        if source.certificate_directory is not None:
            yield from sorted(Path(source.certificate_directory).glob("*.crt"))


def client_certificates(sources: Sequence[SyncSource]) -> Iterator[str]:
    """Yield the client certificates in the directories of a file: name.cert beside name.key."""
    for source in sources:
        if source.certificate_directory is not None:
            for path in sorted(Path(source.certificate_directory).glob("*.cert")):
                key = path.with_suffix(".key")
                yield f"{source.domain}={path}" + (f",{key}" if key.exists() else "")
