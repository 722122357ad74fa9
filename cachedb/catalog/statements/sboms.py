"""Statements about SBOMs: documents that name packages."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Scalars

UNREAD: Final = Scalars("sboms.unread", int)
"""The id of one document that was not read yet, if there is one."""
