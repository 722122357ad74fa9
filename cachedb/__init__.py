"""An OCI image cache whose contents are a query away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.errors import CacheError

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.oci import Digest, Platform, Reference

__all__ = ["Cache", "CacheError", "Digest", "Platform", "Reference"]

_HOMES = {
    "Cache": "cachedb.cache",
    "Digest": "cachedb.oci",
    "Platform": "cachedb.oci",
    "Reference": "cachedb.oci",
}


def __getattr__(name: str) -> Any:
    # Every command imports this package, and most of them need none of these at once.
    if name not in _HOMES:
        raise AttributeError(f"module 'cachedb' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name]), name)
