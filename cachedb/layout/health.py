"""Health: what can be told of a layout from outside, for whoever looks what is wrong with it.

Nothing is written, no lock is taken, and a layout that cannot be opened can be looked at.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cachedb.errors import NotALayout
from cachedb.layout.directories import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

_PUBLIC = ("oci-layout", "index.json", "blobs", "blobs/sha256", "blobs/sha384", "blobs/sha512")
_OURS = ("index.db", "gc.lock", "stage.lock", "ingest", "leases", "tmp", "trash")
GC_LOCK = ".cachedb/gc.lock"
_LOCKS = (".lock", GC_LOCK, ".cachedb/stage.lock")
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A file or directory that others can change; `count` is how many like it there are."""

    path: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that holds a lock of the layout."""

    lock: str
    pid: int
    program: str
    is_alone: bool
    """Whether it lets nobody else have the lock meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The file system that a layout is on; sizes are bytes."""

    kind: str
    free: int
    size: int

    @property
    def is_remote(self) -> bool:
        """Whether other hosts may see it, where locks are not to be relied on."""
        return self.kind in _REMOTE or self.kind.startswith("fuse")


class Health:
    """What can be told of one layout; `root` is the descriptor of its directory."""

    def __init__(self, root: int) -> None:
        self._root = root

    def exposures(self) -> Iterator[Exposure]:
        """Yield what others than the owner of the layout can change."""
        root, private = self._root, stat.S_IWGRP | stat.S_IWOTH
        found = os.fstat(root)
        owner = found.st_uid
        why = _exposed(found, owner, stat.S_IWOTH)
        if why is not None:
            yield Exposure(path=".", why=why)
        elif owner != os.geteuid() != 0:
            yield Exposure(path=".", why=f"belongs to user {owner}, not to us")
        yield from _exposures_of(root, "", _PUBLIC, owner, stat.S_IWOTH)
        yield from _exposures_of(root, "", (".cachedb",), owner, private)
        with suppress(FileNotFoundError, NotALayout), opened(root, ".cachedb") as ours:
            yield from _exposures_of(ours, ".cachedb/", _OURS, owner, private)
        yield from _exposed_blobs(root, owner)

    def holders(self) -> list[Holder]:
        """Return who holds a lock of the layout, as far as we may know."""
        wanted = {}
        for name in _LOCKS:
            with suppress(FileNotFoundError, NotADirectoryError):
                file = os.stat(name, dir_fd=self._root, follow_symlinks=False)
                device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
                wanted[f"{device}:{file.st_ino}"] = name
        if not wanted:
            return []
        found = {(wanted[key], pid, alone) for pid, key, alone in _locked() if key in wanted}
        return [
            Holder(lock=name, pid=pid, program=_program(pid), is_alone=is_alone)
            for name, pid, is_alone in sorted(found)
        ]

    def volume(self) -> Volume:
        """Describe the file system."""
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
    """Yield one exposure for all blobs that have the same fault."""
    first: dict[str, str] = {}
    count: dict[str, int] = {}
    for algorithm in ("sha256", "sha384", "sha512"):
        folder = f"blobs/{algorithm}"
        with (
            suppress(FileNotFoundError, NotALayout),
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
        return None  # a link says 0777 of itself, and nobody follows it
    if found.st_mode & mask and not found.st_mode & stat.S_ISVTX:
        return "others may write to it"
    if found.st_uid not in {owner, 0}:
        return f"belongs to user {found.st_uid}, not to the owner of the cache"
    return None


def _locked() -> Iterator[tuple[int, str, bool]]:
    """Yield which process holds a lock of which file (``major:minor:inode``), and if alone."""
    for pid in _numbers_in("/proc"):
        for descriptor in _numbers_in(f"/proc/{pid}/fdinfo"):
            with suppress(OSError):  # it has been closed meanwhile, or is another user's
                for line in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines():
                    fields = line.split()
                    # lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:1234 0 EOF
                    if fields[:1] == ["lock:"]:
                        yield pid, fields[-3], "WRITE" in fields


def _numbers_in(folder: str) -> list[int]:
    with suppress(OSError):
        return sorted(int(name) for name in os.listdir(folder) if name.isdecimal())
    return []


def _program(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "?"


def _kind_of_file_system(device: int) -> str:
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return rest.split()[0]
    return "unknown"
