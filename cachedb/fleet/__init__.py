"""Public API of fleets: caches whose catalogs are in one PostgreSQL database."""

from cachedb.fleet.caches import Fleet

__all__ = ["Fleet"]
