"""The vocabulary of the OCI specs: values and parsers, with no I/O."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.oci.manifest import Index, Manifest
    from cachedb.oci.media_type import MediaType
    from cachedb.oci.platform.model import Platform
    from cachedb.oci.reference import Reference

__all__ = ["Descriptor", "Digest", "Index", "Manifest", "MediaType", "Platform", "Reference"]

_HOMES = {
    "Descriptor": "descriptor",
    "Digest": "digest",
    "Index": "manifest",
    "Manifest": "manifest",
    "MediaType": "media_type",
    "Platform": "platform.model",
    "Reference": "reference",
}


def __getattr__(name: str) -> Any:
    # A command that needs a digest does not wait for the parsers of documents.
    if name not in _HOMES:
        raise AttributeError(f"module 'cachedb.oci' has no attribute {name!r}")
    return getattr(import_module(f"cachedb.oci.{_HOMES[name]}"), name)
