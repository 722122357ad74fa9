"""Configs of images at a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import WrongContent
from cachedb.oci import Digest, graph

if TYPE_CHECKING:
    from cachedb.oci import Descriptor, Index, Manifest, Platform
    from cachedb.registry.registry import Registry


def configured_platform(
    registry: Registry, repository: str, document: Index | Manifest | None
) -> Platform | None:
    """Read the platform from the config of an image, with one GET; None for anything else.

    Raises:
        LimitExceeded: The config is declared too large.
        BlobNotFound: The registry does not have it.
        WrongContent: The registry sends other bytes.
    """
    return graph.configured_platform(
        document, lambda config: read_config(registry, repository, config)
    )


def read_config(registry: Registry, repository: str, config: Descriptor) -> bytes:
    """Read a config with one GET.

    Raises:
        BlobNotFound: The registry does not have it.
        WrongContent: The registry sends other bytes.
    """
    with registry.blob(repository, config) as stream:
        content = b"".join(stream)
    if Digest.of(content, config.digest.algorithm) != config.digest:
        raise WrongContent(f"blob {config.digest}", "the registry sent other bytes")
    return content
