"""The grace: how long what nothing leads to is spared, unless somebody says otherwise."""

from __future__ import annotations

GRACE_SECONDS = 3600.0
"""Longer than any tool that takes no lock needs from its last blob to index.json."""
