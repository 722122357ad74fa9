"""Default of the grace period, within which a collection keeps an unreferenced blob."""

from __future__ import annotations

GRACE_SECONDS = 3600.0
"""Seconds; longer than a tool without cachedb's locks needs from its last blob to index.json."""
