"""Fleets: the catalogs of several caches in one database, asked together."""
