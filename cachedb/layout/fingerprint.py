"""Has anybody touched the layout since the catalog was in step with it?

Four calls of stat answer that: index.json, and the directories of blobs, whose mtime moves with
every creation, rename and removal. A time stamp that is as young as the moment of recording proves
nothing, because a later change may have got the same one (git calls such an entry racy).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import NewType

from cachedb.errors import NotALayout
from cachedb.layout.directories import closing, open_directory

Stamp = NewType("Stamp", str)
"""What stat said of one file or directory."""

_RACY_NS = 2_000_000_000
_ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The state of the files at one moment; equal stamps mean the same state, if settled."""

    index_json: Stamp
    blobs: Stamp
    settled: bool
    """Whether every stamp is older than the time within which a change could hide."""

    def __str__(self) -> str:
        return f"{self.index_json} {self.blobs} {'settled' if self.settled else 'racy'}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint | None:
        """Read what `str` wrote; None if it is something else."""
        match text.split(" "):
            case [index_json, blobs, ("settled" | "racy") as settled]:
                return cls(
                    index_json=Stamp(index_json), blobs=Stamp(blobs), settled=settled == "settled"
                )
        return None

    def proves_unchanged(self, recorded: Fingerprint | None) -> bool:
        """Whether the layout is as it was when `recorded` was taken."""
        return (
            recorded is not None
            and recorded.settled
            and (self.index_json, self.blobs) == (recorded.index_json, recorded.blobs)
        )

    def proves_same_names(self, recorded: Fingerprint | None) -> bool:
        """Whether index.json, at least, is as it was when `recorded` was taken."""
        return recorded is not None and recorded.settled and self.index_json == recorded.index_json


def take(root: int) -> Fingerprint:
    """Return the fingerprint of the layout in the directory `root`."""
    horizon = racy_since()
    index_json, index_at = _of(root, "index.json", directory=False)
    stamps, times = [], [index_at]
    try:
        with closing(open_directory(root, "blobs")) as blobs:
            for name in _ALGORITHMS:
                stamp, at = _of(blobs, name, directory=True)
                stamps.append(stamp)
                times.append(at)
    except (FileNotFoundError, NotALayout):
        pass
    return Fingerprint(
        index_json=Stamp(index_json),
        blobs=Stamp("/".join(stamps) or "none"),
        settled=max(times) < horizon,
    )


def racy_since() -> int:
    """Return the time, in nanoseconds, from which on a time stamp proves nothing today."""
    return time.time_ns() - _RACY_NS


def _of(parent: int, name: str, *, directory: bool) -> tuple[str, int]:
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return "none", 0
    if directory:
        return f"{found.st_ino}.{found.st_mtime_ns}", found.st_mtime_ns
    at = max(found.st_mtime_ns, found.st_ctime_ns)
    return f"{found.st_ino}.{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}", at
