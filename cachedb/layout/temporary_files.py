"""Temporary files of cachedb and of other tools, which an interrupted operation leaves behind.

Some of them make the collectors of other tools fail. A temporary file is abandoned if it is old
and no process has it open or locked: most tools keep it open until they rename it, umoci holds a
flock on its directory.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb import system_calls
from cachedb.errors import NotALayout, StorageFailed
from cachedb.layout.directories import (
    closing,
    open_directory,
    open_file,
    opened,
    skipping_unreadable,
    storing,
)
from cachedb.layout.locks import is_staging_in_use, try_flock
from cachedb.layout.staging.area import is_complete
from cachedb.patterns import lazy
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

OURS = "cachedb"
STAGE, LEASES, TEMPORARY, TRASH = (
    f".cachedb/{name}" for name in ("ingest", "leases", "tmp", "trash")
)
_UNTOUCHED_NS = 86_400 * 10**9


class _Pattern(NamedTuple):
    folder: str
    name: re.Pattern[str]
    tool: str
    is_folder: bool = False


_PATTERNS = (
    _Pattern("", lazy(r"oci-put-blob\d+"), "skopeo"),
    _Pattern("", lazy(r"index\.json\..*\.tmp"), "regctl"),
    _Pattern("", lazy(r"\.umoci-.+"), "umoci", is_folder=True),
    _Pattern("", lazy(r"\.fsverity-check-.+"), "linuxkit"),
    _Pattern("ingest", lazy(r"[0-9a-f]{64}_\d+"), "oras"),
    _Pattern("ingest", lazy(r"[0-9a-f]{64}"), "linuxkit", is_folder=True),
    _Pattern("blobs/sha256", lazy(r"[0-9a-f]{64}\d+"), "crane or linuxkit"),
    _Pattern("blobs/sha256", lazy(r"\d+\.tmp"), "regctl"),
    _Pattern(STAGE, lazy(r"[a-z0-9]+-[0-9a-f]+(\.[a-z.]+)?"), OURS),
    _Pattern(LEASES, lazy(r"[0-9a-f]{16}"), OURS),
    _Pattern(TEMPORARY, lazy(r".+\.[0-9a-f]{16}"), OURS),
    _Pattern(TRASH, lazy(r".+"), OURS, is_folder=True),
)
# cachedb locks the files that it writes here, so a flock shows whether one is in use.
_UNNAMED = lazy(r"/unnamed-[^/]+$")
_LOCKED = frozenset({STAGE, LEASES})


class TemporaryFile(Record):
    """Temporary file or directory of a tool, abandoned or in use.

    `path` is relative to the layout; `size` is the bytes that its removal frees; `touched_ns` is
    the newest mtime or ctime of it and of the files in it, in nanoseconds since 1970.
    """

    path: str
    tool: str
    """Name of the program that makes such files."""
    size: int
    touched_ns: int
    is_in_use: bool
    """Whether a process has the file open or locked, or may have."""


class TemporaryFiles:
    """Find and remove temporary files of the layout whose directory has the descriptor `root`."""

    def __init__(self, root: int) -> None:
        self._root = root

    def find(self) -> Iterator[TemporaryFile]:
        """Yield every temporary file, those in use as well, sorted within each directory."""
        return self._find_in(dict.fromkeys(pattern.folder for pattern in _PATTERNS))

    def clear_own(self) -> None:
        """Remove files that killed operations of cachedb were writing and no other can resume.

        Those are files in `.cachedb/tmp`, and staged blobs whose digest was not known yet. Other
        staged blobs stay, and so does the quarantine. Costs two listings.
        """
        for found in self._find_in((TEMPORARY, STAGE)):
            is_resumable = found.path.startswith(f"{STAGE}/") and not _UNNAMED.search(found.path)
            if not is_resumable and not found.is_in_use:
                self.remove(found)

    def _find_in(self, folders: Iterable[str]) -> Iterator[TemporaryFile]:
        for folder in folders:
            with skipping_unreadable(), opened(self._root, folder) as directory:
                # Nearly all names in a directory of blobs match no pattern: sorting them would
                # cost more than matching.
                patterns = [p.name.fullmatch for p in _PATTERNS if p.folder == folder]
                names = os.listdir(directory)
                for name in sorted({name for match in patterns for name in filter(match, names)}):
                    pattern = _pattern_of(folder, name)
                    found = None if pattern is None else _look_at(directory, name, pattern)
                    if found is not None:
                        yield self._unless_staging(found)

    def _unless_staging(self, found: TemporaryFile) -> TemporaryFile:
        """Mark a complete staged blob as in use while a process has the staging area open."""
        folder, _, name = found.path.rpartition("/")
        if folder == STAGE and is_complete(name) and not found.is_in_use:
            with opened(self._root, ".cachedb") as private:
                return found.replace(is_in_use=is_staging_in_use(private))
        return found

    def remove(self, found: TemporaryFile) -> int:
        """Remove a temporary file that has not changed since `find`; return the bytes freed.

        One that has changed, that a process uses now, or that holds a subdirectory stays.

        Raises:
            StorageFailed: It cannot be removed.
        """
        folder, _, name = found.path.rpartition("/")
        pattern = _pattern_of(folder, name)
        with suppress(FileNotFoundError, NotALayout), opened(self._root, folder) as directory:
            if pattern is None or _look_at(directory, name, pattern) != found:
                return 0
            with storing(f"remove {found.path!r}"):
                if pattern.is_folder:
                    _remove_folder(directory, name)
                else:
                    os.unlink(name, dir_fd=directory)
            return found.size
        return 0


def _is_in_use(parent: int, name: str, pattern: _Pattern) -> bool:
    """Return whether another process has a file open or locked, or may have.

    Where the kernel does not tell, a file is in use until it has not been written for a day.
    """
    try:
        descriptor = open_file(parent, name)
    except (OSError, NotALayout, StorageFailed):
        return True
    with closing(descriptor):
        if pattern.folder in _LOCKED:
            return not try_flock(descriptor, fcntl.LOCK_SH)
        if system_calls.HAS_LEASES:
            is_in_use = system_calls.is_open_elsewhere(descriptor)
        else:
            is_in_use = time.time_ns() - _touched(os.fstat(descriptor)) < _UNTOUCHED_NS
        return is_in_use or not try_flock(descriptor)


def _look_at(parent: int, name: str, pattern: _Pattern) -> TemporaryFile | None:
    path = f"{pattern.folder}/{name}" if pattern.folder else name
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if pattern.is_folder and stat.S_ISDIR(found.st_mode):
            return _look_into(parent, name, path, pattern)
    except FileNotFoundError:  # renamed or removed by its tool since the listing
        return None
    if pattern.is_folder or not stat.S_ISREG(found.st_mode):
        return None
    return TemporaryFile(
        path=path,
        tool=pattern.tool,
        size=_freed(found),
        touched_ns=_touched(found),
        is_in_use=_is_in_use(parent, name, pattern),
    )


def _look_into(parent: int, name: str, path: str, pattern: _Pattern) -> TemporaryFile:
    """Describe a temporary directory; one that holds more than files counts as in use."""
    with closing(open_directory(parent, name)) as folder:
        is_in_use = not try_flock(folder)
        size, touched = 0, _touched(os.fstat(folder))
        for inner in os.listdir(folder):
            found = os.stat(inner, dir_fd=folder, follow_symlinks=False)
            size += _freed(found)
            touched = max(touched, _touched(found))
            is_in_use |= not stat.S_ISREG(found.st_mode) or _is_in_use(folder, inner, pattern)
    return TemporaryFile(
        path=path, tool=pattern.tool, size=size, touched_ns=touched, is_in_use=is_in_use
    )


def _remove_folder(parent: int, name: str) -> None:
    with closing(open_directory(parent, name)) as folder:
        for inner in os.listdir(folder):
            os.unlink(inner, dir_fd=folder)
    os.rmdir(name, dir_fd=parent)


def _pattern_of(folder: str, name: str) -> _Pattern | None:
    return next((p for p in _PATTERNS if p.folder == folder and p.name.fullmatch(name)), None)


def _freed(found: os.stat_result) -> int:
    return found.st_size if found.st_nlink == 1 else 0


def _touched(found: os.stat_result) -> int:
    return max(found.st_mtime_ns, found.st_ctime_ns)
