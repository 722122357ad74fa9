"""Diagnostics of a layout: exposed files, holders of its locks, its file system.

They write nothing, take no lock, and work on a layout that cannot be opened.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cachedb.layout.directories import opened, skipping_unreadable
from cachedb.lock_waits import key_of, locks_of_processes, program_of
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_PUBLIC = ("oci-layout", "index.json", "blobs", "blobs/sha256", "blobs/sha384", "blobs/sha512")
_OURS = (
    "index.db",
    "files.db",
    "cache-id",
    "gc.lock",
    "stage.lock",
    "ingest",
    "leases",
    "tmp",
    "trash",
)
GC_LOCK = ".cachedb/gc.lock"
_LOCKS = (".lock", GC_LOCK, ".cachedb/stage.lock")
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs"})


_MOST_FOLDERS = 1000


class Exposure(Record):
    """File or directory that other users can change; `count` files have the same fault."""

    path: str
    """Path relative to the layout, of the first of the files."""
    why: str
    """Fault, as a predicate: "can be written by other users"."""
    count: int = 1


class LockHolder(Record):
    """Process that holds a lock of the layout."""

    lock: str
    """Path of the lock file, relative to the layout."""
    pid: int
    """Process id, as this host numbers it."""
    program: str
    """Name of the program, as the kernel has it."""
    is_exclusive: bool
    """The lock is exclusive; else other processes can hold it at the same time."""


class Volume(Record):
    """File system of a layout; sizes in bytes."""

    kind: str
    """Type of the file system, as the kernel names it: ext4, nfs4; ``unknown`` where it does not
    tell."""
    free: int
    """Bytes that this user can still write."""
    size: int
    """Bytes of the file system."""

    @property
    def is_remote(self) -> bool:
        """Whether it is a network file system, on which locks are not reliable."""
        return self.kind in _REMOTE or self.kind.startswith("fuse")


def layouts_near(folder: Path) -> list[Path]:
    """Return layouts that contain a folder, else those one level below it, at most three.

    Unreadable folders have none. Costs a `stat` for each of at most 1000 subfolders.
    """
    above = [path for path in list(folder.absolute().parents)[:2] if _is_layout(path)]
    if above:
        return above[:1]
    with suppress(OSError), os.scandir(folder) as entries:
        below = [Path(entry.path) for entry in islice(entries, _MOST_FOLDERS)]
        return sorted(path for path in below if _is_layout(path))[:3]
    return []


def _is_layout(folder: Path) -> bool:
    return all(os.path.exists(folder / name) for name in ("oci-layout", "index.json"))


class LayoutHealth:
    """Diagnose the layout whose directory has the descriptor `root`."""

    def __init__(self, root: int) -> None:
        self._root = root

    def exposures(self) -> Iterator[Exposure]:
        """Yield files and directories that other users than the owner can change."""
        root, private = self._root, stat.S_IWGRP | stat.S_IWOTH
        found = os.fstat(root)
        owner = found.st_uid
        why = _exposed(found, owner, stat.S_IWOTH)
        if why is not None:
            yield Exposure(path=".", why=why)
        elif owner != os.geteuid() != 0:
            yield Exposure(path=".", why=f"owned by user {owner}, not by this user")
        yield from _exposures_of(root, "", _PUBLIC, owner, stat.S_IWOTH)
        yield from _exposures_of(root, "", (".cachedb",), owner, private)
        with skipping_unreadable(), opened(root, ".cachedb") as ours:
            yield from _exposures_of(ours, ".cachedb/", _OURS, owner, private)
        yield from _exposed_blobs(root, owner)

    def holders(self) -> list[LockHolder]:
        """Return the processes that hold a lock of the layout, of those that /proc shows."""
        wanted = {}
        for name in _LOCKS:
            with skipping_unreadable():
                wanted[key_of(os.stat(name, dir_fd=self._root, follow_symlinks=False))] = name
        if not wanted:
            return []
        found = {
            (wanted[key], pid, alone) for pid, key, alone in locks_of_processes() if key in wanted
        }
        return [
            LockHolder(lock=name, pid=pid, program=program_of(pid), is_exclusive=is_exclusive)
            for name, pid, is_exclusive in sorted(found)
        ]

    def volume(self) -> Volume:
        """Return type, free space and size of the file system."""
        found = os.fstatvfs(self._root)
        return Volume(
            kind=_kind_of_file_system(os.fstat(self._root).st_dev),
            free=found.f_bavail * found.f_frsize,
            size=found.f_blocks * found.f_frsize,
        )


def _exposures_of(
    parent: int, prefix: str, names: tuple[str, ...], owner: int, mask: int
) -> Iterator[Exposure]:
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            why = _exposed(found, owner, mask)
            if why is not None:
                yield Exposure(path=prefix + name, why=why)


def _exposed_blobs(root: int, owner: int) -> Iterator[Exposure]:
    """Yield one exposure per fault, with the number of blobs that have it."""
    first: dict[str, str] = {}
    count: dict[str, int] = {}
    for algorithm in ("sha256", "sha384", "sha512"):
        folder = f"blobs/{algorithm}"
        with (
            skipping_unreadable(),
            opened(root, folder) as directory,
            os.scandir(directory) as entries,
        ):
            for entry in entries:
                with suppress(FileNotFoundError):
                    fault = _exposed(entry.stat(follow_symlinks=False), owner, stat.S_IWOTH)
                    if fault is not None:
                        first.setdefault(fault, f"{folder}/{entry.name}")
                        count[fault] = count.get(fault, 0) + 1
    for fault, path in first.items():
        yield Exposure(path=path, why=fault, count=count[fault])


def _exposed(found: os.stat_result, owner: int, mask: int) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return None  # the mode of a link is always 0777, and no link is followed
    if found.st_mode & mask and not found.st_mode & stat.S_ISVTX:
        return "writable by other users"
    if found.st_uid not in {owner, 0}:
        return f"owned by user {found.st_uid}, not by the owner of the cache"
    return None


def _kind_of_file_system(device: int) -> str:
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return rest.split()[0]
    return "unknown"
