"""Files that are replaced whole, or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from cachedb.layout.directories import closing, make_directory, storing, write_all

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(root: int, private: int, name: str, content: bytes) -> os.stat_result:
    """Make `content` the content of the file `name` in `root`, durably.

    A reader sees the old bytes or the new ones, at every instant and after a power loss. The
    temporary file is made under `private`, since other tools trip over names that they do not
    know. The mode of a file that is replaced is kept. Returns the stat of the new file.

    Raises:
        StorageFailed: Nothing has changed.
    """
    temporary = f"{name}.{secrets.token_hex(8)}"
    with storing(f"write {name}"), closing(make_directory(private, "tmp")) as tmp:
        try:
            descriptor = os.open(temporary, _NEW, _mode_of(root, name), dir_fd=tmp)
            with closing(descriptor):
                write_all(descriptor, content)
                os.fsync(descriptor)
            os.rename(temporary, name, src_dir_fd=tmp, dst_dir_fd=root)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=tmp)
            raise
        os.fsync(root)
        # Not the stat from before the rename, which changes the ctime: the fingerprint holds it.
        return os.stat(name, dir_fd=root, follow_symlinks=False)


def _mode_of(root: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=root, follow_symlinks=False).st_mode & 0o777
    except FileNotFoundError:
        return 0o666  # less the umask
