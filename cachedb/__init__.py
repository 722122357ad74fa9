"""OCI image cache with a query language.

    >>> import cachedb
    >>> with cachedb.Cache.open("layout") as cache:  # doctest: +SKIP
    ...     cache.pull("alpine:3.20", platforms="linux/arm64", progress=print)
    ...     for row in cache.query("layers size gt 1M sort -size"):
    ...         print(row.digest, row.size)

Exported names are imported on first use, so that `import cachedb` is fast.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cachedb.errors import CacheError
from cachedb.version import VERSION

if TYPE_CHECKING:
    from cachedb.cache import Cache
    from cachedb.feedback.progress import Progress
    from cachedb.oci import Descriptor, Digest, Platform, Reference
    from cachedb.operations.gc.retention import Policy
    from cachedb.operations.read.run_query import QueryResult
    from cachedb.query.syntax.tree import Query
    from cachedb.registry.clients import Registries

if sys.platform == "win32":
    raise ImportError("cachedb runs on Linux and macOS; on Windows, use it in WSL")

__version__ = VERSION

__all__ = [
    "Cache",
    "CacheError",
    "Descriptor",
    "Digest",
    "Platform",
    "Policy",
    "Progress",
    "Query",
    "QueryResult",
    "Reference",
    "Registries",
    "__version__",
]

_HOMES = {
    "Cache": "cachedb.cache",
    "Descriptor": "cachedb.oci",
    "Digest": "cachedb.oci",
    "Platform": "cachedb.oci",
    "Policy": "cachedb.operations.gc.retention",
    "Progress": "cachedb.feedback.progress",
    "Query": "cachedb.query.syntax.tree",
    "QueryResult": "cachedb.operations.read.run_query",
    "Reference": "cachedb.oci",
    "Registries": "cachedb.registry.clients",
}


def __getattr__(name: str) -> Any:
    # Every command imports this package, and most of them use few of these names.
    if name not in _HOMES:
        raise AttributeError(f"module 'cachedb' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
