"""Codes and numbers of the index of files, without SQLAlchemy."""

from __future__ import annotations

from enum import IntEnum

FILES_VERSION = 4
"""The `user_version` of an index of files of this version."""
ENTRY_BITS = 21
"""Bits of the id of an entry that hold its place in the layer."""
MOST_ENTRIES = 1 << ENTRY_BITS
"""Entries of one layer that the index can hold."""
NAME_BITS = 6
"""Bits of the id of a path that hold its place in its row of `directory`."""
NAMES_OF_ROW = 1 << NAME_BITS
"""Paths of one row of `directory`; a directory with more has several rows."""


class FileKind(IntEnum):
    """Type of an entry of a layer."""

    FILE = 1
    HARD_LINK = 2
    SYMLINK = 3
    CHARACTER = 4
    BLOCK = 5
    DIRECTORY = 6
    FIFO = 7
    WHITEOUT = 8
    """Hides its path in lower layers."""
    OPAQUE = 9
    """Hides every entry of lower layers below its path."""


class HiddenBy(IntEnum):
    """Why no container of an image sees an entry."""

    OVERWRITTEN = 1
    DELETED = 2
    MOVED = 3
    """Its path leads through a symlink of a lower layer: it is placed elsewhere."""
