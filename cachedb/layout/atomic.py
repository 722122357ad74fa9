"""Atomic and durable replacement of files."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from cachedb.layout.directories import (
    closing,
    inherit_owner,
    make_directory,
    storing,
    write_all,
)
from cachedb.system_calls import sync

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(root: int, private: int, name: str, content: bytes) -> os.stat_result:
    """Replace the file `name` in `root` with `content`, atomically and durably.

    A reader sees the old bytes or the new ones, at every instant and after a power loss. The
    temporary file is in ``tmp`` below `private`, because other tools fail on file names that they
    do not know. Mode and owner of a replaced file are kept; a new file gets the owner of `root`.
    Returns the stat of the new file. Costs two calls of fsync.

    Raises:
        StorageFailed: The file system refused; the file is unchanged.
    """
    temporary = f"{name}.{os.urandom(8).hex()}"
    with storing(f"write {name}"), closing(make_directory(private, "tmp")) as tmp:
        try:
            with closing(os.open(temporary, _NEW, 0o666, dir_fd=tmp)) as descriptor:
                _be_like(descriptor, root, name)
                write_all(descriptor, content)
                sync(descriptor)
                # Renamed while open: a temporary file that no process has open counts as left
                # behind by an interrupted operation, and the collector removes it.
                os.rename(temporary, name, src_dir_fd=tmp, dst_dir_fd=root)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=tmp)
            raise
        sync(root)
        # Taken after the rename, which changes the ctime that the fingerprint records.
        return os.stat(name, dir_fd=root, follow_symlinks=False)


def _be_like(descriptor: int, root: int, name: str) -> None:
    """Copy mode and owner, so that every user who could write the file before still can."""
    try:
        old = os.stat(name, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        inherit_owner(descriptor, root)
        return
    if not stat.S_ISREG(old.st_mode):  # the mode of a link is always 0777
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):  # only root may change the owner of a file
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)
