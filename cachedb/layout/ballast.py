"""The reserve: a little space that is set aside, so that a collection works on a full disk.

To remove something, a collection has to write: a folder for the trash, a few pages of the catalog.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.errors import NotALayout, StorageFailed
from cachedb.layout.directories import closing, open_regular

if TYPE_CHECKING:
    from typing import Final

NAME: Final = "reserved"
_SIZE = 1 << 20


def keep(private: int) -> None:
    """Set the space aside if it is not; where there is no room, nothing happens."""
    with suppress(OSError, StorageFailed, NotALayout):
        try:
            if os.stat(NAME, dir_fd=private, follow_symlinks=False).st_size == _SIZE:
                return
        except FileNotFoundError:
            pass
        with closing(open_regular(private, NAME, os.O_RDWR | os.O_CREAT)) as descriptor:
            try:
                os.posix_fallocate(descriptor, 0, _SIZE)
            except OSError:
                os.unlink(NAME, dir_fd=private)


def release(private: int) -> bool:
    """Give the space back; False if there was none."""
    try:
        os.unlink(NAME, dir_fd=private)
    except OSError:
        return False
    return True
