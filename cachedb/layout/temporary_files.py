"""Leftovers: files under names that tools, we among them, give to what they have not finished.

A tool that is killed leaves them for ever, and some of them stop the collectors of other tools. To
remove one is safe when nobody holds it open or locked and it is old: most tools keep the file
open until they rename it, umoci holds a lock on its folder.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import NotALayout, StorageFailed
from cachedb.layout.directories import closing, open_directory, open_file, opened, storing
from cachedb.layout.locks import is_staging, try_flock
from cachedb.layout.staging.stage import is_complete

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "cachedb"
STAGE, LEASES, TEMPORARY, TRASH = (
    f".cachedb/{name}" for name in ("ingest", "leases", "tmp", "trash")
)


class _Habit(NamedTuple):
    folder: str
    name: re.Pattern[str]
    tool: str
    is_folder: bool = False


_HABITS = (
    _Habit("", re.compile(r"oci-put-blob\d+"), "skopeo"),
    _Habit("", re.compile(r"index\.json\..*\.tmp"), "regctl"),
    _Habit("", re.compile(r"\.umoci-.+"), "umoci", is_folder=True),
    _Habit("", re.compile(r"\.fsverity-check-.+"), "linuxkit"),
    _Habit("ingest", re.compile(r"[0-9a-f]{64}_\d+"), "oras"),
    _Habit("ingest", re.compile(r"[0-9a-f]{64}"), "linuxkit", is_folder=True),
    _Habit("blobs/sha256", re.compile(r"[0-9a-f]{64}\d+"), "crane or linuxkit"),
    _Habit("blobs/sha256", re.compile(r"\d+\.tmp"), "regctl"),
    _Habit(STAGE, re.compile(r"[a-z0-9]+-[0-9a-f]+(\.[a-z.]+)?"), OURS),
    _Habit(LEASES, re.compile(r"[0-9a-f]{16}"), OURS),
    _Habit(TEMPORARY, re.compile(r".+\.[0-9a-f]{16}"), OURS),
    _Habit(TRASH, re.compile(r".+"), OURS, is_folder=True),
)
# Where we lock what we write, a lock tells enough.
_LOCKED = frozenset({STAGE, LEASES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file or a folder that a tool has not finished, or is still at.

    `path` is inside the layout; `size` is what its removal frees; `touched_ns` is the newest mtime
    or ctime of it and what it holds.
    """

    path: str
    tool: str
    size: int
    touched_ns: int
    is_in_use: bool
    """Somebody has it open or locked, or we cannot tell."""


class Leftovers:
    """The leftovers in one layout; `root` is the descriptor of its directory."""

    def __init__(self, root: int) -> None:
        self._root = root

    def find(self) -> Iterator[Leftover]:
        """Yield what has been left, or is being worked at."""
        for folder in dict.fromkeys(habit.folder for habit in _HABITS):
            with suppress(FileNotFoundError, NotALayout), opened(self._root, folder) as directory:
                for name in sorted(os.listdir(directory)):
                    habit = _habit_of(folder, name)
                    found = None if habit is None else _look_at(directory, name, habit)
                    if found is not None:
                        yield self._unless_staging(found)

    def _unless_staging(self, found: Leftover) -> Leftover:
        """Say of a complete blob on the stage that it is in use while somebody has that open."""
        folder, _, name = found.path.rpartition("/")
        if folder == STAGE and is_complete(name) and not found.is_in_use:
            with opened(self._root, ".cachedb") as private:
                return replace(found, is_in_use=is_staging(private))
        return found

    def remove(self, leftover: Leftover) -> int:
        """Remove a leftover of which nothing has changed since it was found; returns the bytes.

        One that somebody uses by now, or that holds what its tool does not put there, stays.
        """
        folder, _, name = leftover.path.rpartition("/")
        habit = _habit_of(folder, name)
        with suppress(FileNotFoundError, NotALayout), opened(self._root, folder) as directory:
            if habit is None or _look_at(directory, name, habit) != leftover:
                return 0
            with storing(f"remove {leftover.path!r}"):
                if habit.is_folder:
                    _remove_folder(directory, name)
                else:
                    os.unlink(name, dir_fd=directory)
            return leftover.size
        return 0


def _is_in_use(parent: int, name: str, habit: _Habit) -> bool:
    """Whether somebody has a file open or locked, or we cannot tell.

    The kernel grants a lease for writing only on a file that nobody else has open.
    """
    try:
        descriptor = open_file(parent, name)
    except (OSError, NotALayout, StorageFailed):
        return True
    with closing(descriptor):
        if habit.folder in _LOCKED:
            return not try_flock(descriptor, fcntl.LOCK_SH)
        try:
            # Who opens it while we hold the lease makes the kernel tell us: with a signal that
            # does nothing, not the usual one, which ends a process.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            return True
        return not try_flock(descriptor)


def _look_at(parent: int, name: str, habit: _Habit) -> Leftover | None:
    path = f"{habit.folder}/{name}" if habit.folder else name
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if habit.is_folder and stat.S_ISDIR(found.st_mode):
            return _look_into(parent, name, path, habit)
    except FileNotFoundError:  # finished while we look
        return None
    if habit.is_folder or not stat.S_ISREG(found.st_mode):
        return None
    return Leftover(
        path=path,
        tool=habit.tool,
        size=_freed(found),
        touched_ns=_touched(found),
        is_in_use=_is_in_use(parent, name, habit),
    )


def _look_into(parent: int, name: str, path: str, habit: _Habit) -> Leftover:
    """Describe a folder; one with anything but files in it counts as in use."""
    with closing(open_directory(parent, name)) as folder:
        is_in_use = not try_flock(folder)
        size, touched = 0, _touched(os.fstat(folder))
        for inner in os.listdir(folder):
            found = os.stat(inner, dir_fd=folder, follow_symlinks=False)
            size += _freed(found)
            touched = max(touched, _touched(found))
            is_in_use |= not stat.S_ISREG(found.st_mode) or _is_in_use(folder, inner, habit)
    return Leftover(path=path, tool=habit.tool, size=size, touched_ns=touched, is_in_use=is_in_use)


def _remove_folder(parent: int, name: str) -> None:
    with closing(open_directory(parent, name)) as folder:
        for inner in os.listdir(folder):
            os.unlink(inner, dir_fd=folder)
    os.rmdir(name, dir_fd=parent)


def _habit_of(folder: str, name: str) -> _Habit | None:
    return next((h for h in _HABITS if h.folder == folder and h.name.fullmatch(name)), None)


def _freed(found: os.stat_result) -> int:
    return found.st_size if found.st_nlink == 1 else 0


def _touched(found: os.stat_result) -> int:
    return max(found.st_mtime_ns, found.st_ctime_ns)
