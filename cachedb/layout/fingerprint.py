"""Fingerprint of a layout: whether its files changed since the catalog was reconciled.

Four calls of stat: index.json, and the directories of blobs, whose mtime moves with every
creation, rename and removal. A time stamp as recent as the moment of recording proves nothing,
because a later change may have the same one (Git calls such an entry racy).
"""

from __future__ import annotations

import os
import time
from typing import NewType

from cachedb.errors import NotALayout
from cachedb.layout.directories import closing, open_directory, open_file
from cachedb.records import Record

Stamp = NewType("Stamp", str)
"""The result of stat for one file or directory."""

JOURNAL = "journal.jsonl"
"""Name of the journal in the private directory."""

_HEADER_BYTES = 256
_RACY_NS = 2_000_000_000
_ALGORITHMS = ("sha256", "sha384", "sha512")


class Fingerprint(Record):
    """State of the files at one moment; equal stamps mean the same state if `settled`."""

    index_json: Stamp
    """Stamp of index.json."""
    blobs: Stamp
    """Stamps of the directories of blobs."""
    settled: bool
    """Every stamp is older than two seconds, so a later change would have moved one."""
    blobs_settled: bool
    """The stamps of the blobs are older than two seconds."""

    def __str__(self) -> str:
        proof = "settled" if self.settled else "blobs-settled" if self.blobs_settled else "racy"
        return f"{self.index_json} {self.blobs} {proof}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint | None:
        """Parse the text that `str` returns; None if it is not one."""
        match text.split(" "):
            case [index_json, blobs, ("settled" | "blobs-settled" | "racy") as proof]:
                return cls(
                    index_json=Stamp(index_json),
                    blobs=Stamp(blobs),
                    settled=proof == "settled",
                    blobs_settled=proof != "racy",
                )
        return None

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the inodes of the directories of blobs, which change only with the directory."""
        return tuple(stamp.partition(".")[0] for stamp in self.blobs.split("/"))

    def proves_unchanged(self, recorded: Fingerprint | None) -> bool:
        """Return whether names and blobs are the same as when `recorded` was taken.

        False if `recorded` is racy: a change within the granularity of time stamps would not show.
        """
        return (
            recorded is not None
            and recorded.settled
            and (self.index_json, self.blobs) == (recorded.index_json, recorded.blobs)
        )

    def proves_same_blobs(self, recorded: Fingerprint | None) -> bool:
        """Return whether the blobs are the same as when `recorded` was taken; False if racy."""
        return recorded is not None and recorded.blobs_settled and self.blobs == recorded.blobs


def take(root: int) -> Fingerprint:
    """Take the fingerprint of the layout whose directory has the descriptor `root`.

    Costs four `stat` calls, whatever the number of blobs. The parts are read one after another:
    a change in between makes the fingerprint racy, and thus no proof.
    """
    horizon = racy_since()
    index_json, index_at = _of(root, "index.json", directory=False)
    stamps, times = [], [0]
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
        settled=max(index_at, *times) < horizon,
        blobs_settled=max(times) < horizon,
    )


def racy_since() -> int:
    """Return the oldest time stamp, in nanoseconds since 1970, that is racy now."""
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


def may_have_records_behind(private: int, position: str) -> bool:
    """Return whether the journal of a directory is another file or has grown since `position`.

    Raises:
        FileNotFoundError: There is no journal.
    """
    key, _, end = position.rpartition(":")
    with closing(open_file(private, JOURNAL)) as descriptor:
        header = os.pread(descriptor, _HEADER_BYTES, 0).partition(b"\n")[0]
        has_grown = str(os.fstat(descriptor).st_size) != end
    return has_grown or not key or f'"{key}"'.encode() not in header
