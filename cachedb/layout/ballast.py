"""Reserved space: a file of 1 MiB that a collection on a full disk removes first.

To remove blobs, a collection has to write: a directory of the quarantine, pages of the catalog.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb import system_calls
from cachedb.errors import NotALayout, StorageFailed
from cachedb.layout.directories import closing, open_regular

if TYPE_CHECKING:
    from typing import Final

NAME: Final = "reserved"
_SIZE = 1 << 20


def allocate(private: int) -> None:
    """Allocate the reserved space, 1 MiB, if it is absent; do nothing on a full disk."""
    with suppress(OSError, StorageFailed, NotALayout):
        try:
            if os.stat(NAME, dir_fd=private, follow_symlinks=False).st_size == _SIZE:
                return
        except FileNotFoundError:
            pass
        with closing(open_regular(private, NAME, os.O_RDWR | os.O_CREAT)) as descriptor:
            try:
                system_calls.allocate(descriptor, _SIZE)
            except OSError:
                os.unlink(NAME, dir_fd=private)


def release(private: int) -> bool:
    """Free the reserved space, so that a collection has room to begin; False if there was none."""
    try:
        os.unlink(NAME, dir_fd=private)
    except OSError:
        return False
    return True
