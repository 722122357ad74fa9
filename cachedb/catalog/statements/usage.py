"""Statements about disk usage: bytes of the files of blobs, each blob counted once."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Rows, Scalars
from cachedb.catalog.statements.blobs import SizeRow

ON_DISK: Final = Scalars("usage.on_disk", int)
"""The bytes of all blobs that have a file."""
REFERENCED: Final = Scalars("usage.referenced", int)
"""The bytes of all that refs contain, taken together."""
CONTENT: Final = Scalars("usage.content", int)
"""The bytes of all that `targets` contain, taken together."""
FREED: Final = Scalars("usage.freed", int)
"""The bytes that no ref would contain if `refs`, a list of ids of refs, were removed."""
EXCLUSIVE: Final = Rows("usage.exclusive", SizeRow)
"""The bytes that one target of refs contains and no other does; no row for a target without."""
