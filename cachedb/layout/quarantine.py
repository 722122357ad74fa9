"""The trash: blobs that a sweep has withdrawn and may still have to give back.

A collector cannot know that a foreign tool has just decided to reuse an old blob. So a sweep
moves blobs to ``trash/<run>/<algorithm>-<encoded>`` and reads the names again; when they have
changed it gives everything back. Then the run is finished, which its name says from then on, and
its blobs are kept for a while, for names that a tool is about to add. A run that was killed
half-way is undone by the next open.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.errors import InvalidDigest
from cachedb.layout.directories import closing, make_directory, open_directory, storing
from cachedb.layout.staging.stage import digest_of, name_of
from cachedb.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.layout.blobs import BlobStore


FINISHED = ".done"


def age_of(run: str) -> float:
    """Return how many seconds ago a run began; 0 if its name does not say, or says the future."""
    began = run.partition("-")[0]
    return max(0.0, time.time() - int(began)) if began.isdecimal() else 0.0


class Trash:
    """What has been withdrawn from one layout; the caller holds `gc.lock` alone."""

    def __init__(self, private: int, blobs: BlobStore) -> None:
        self._private = private
        self._blobs = blobs

    def runs(self) -> list[str]:
        """Return the runs that are not finished."""
        return [name for name in self._folders() if not name.endswith(FINISHED)]

    def finished(self) -> list[str]:
        """Return the runs that are finished and whose blobs have not been removed, by age."""
        return [name for name in self._folders() if name.endswith(FINISHED)]

    def finish(self, run: str) -> str:
        """Declare a run, which has been settled, finished; returns its name from now on."""
        with (
            storing("finish a collection"),
            closing(make_directory(self._private, "trash", mode=0o700)) as trash,
        ):
            os.rename(run, run + FINISHED, src_dir_fd=trash, dst_dir_fd=trash)
            os.fsync(trash)
        return run + FINISHED

    def take(self, run: str, digest: Digest) -> bool:
        """Withdraw a blob; False if it is not there any more."""
        with self._run(run) as directory:
            return self._blobs.withdraw(digest, directory, name_of(digest))

    def settle(self, run: str) -> None:
        """Make the withdrawals of a run survive a power loss."""
        with self._run(run) as directory, storing("sync the trash"):
            os.fsync(directory)
        self._blobs.sync()

    def blobs(self, run: str) -> Iterator[Digest]:
        """Yield what a run has withdrawn and neither given back nor removed."""
        with self._run(run) as directory:
            for name in os.listdir(directory):
                with suppress(InvalidDigest):
                    yield Digest(digest_of(name) or "")

    def give_back(self, run: str, digest: Digest) -> None:
        """Put a blob back to its place, unless there is one again."""
        with self._run(run) as directory:
            if self._blobs.stat(digest) is None:
                self._blobs.publish(directory, name_of(digest), digest)
            else:
                with storing("empty the trash"):
                    os.unlink(name_of(digest), dir_fd=directory)

    def purge(self, run: str) -> int:
        """Remove what a run has withdrawn; returns the bytes freed."""
        freed = 0
        with storing("empty the trash"):
            with self._run(run) as directory, os.scandir(directory) as entries:
                for entry in list(entries):
                    found = entry.stat(follow_symlinks=False)
                    freed += found.st_size if found.st_nlink == 1 else 0
                    os.unlink(entry.name, dir_fd=directory)
            with closing(make_directory(self._private, "trash", mode=0o700)) as trash:
                os.rmdir(run, dir_fd=trash)
        return freed

    def _folders(self) -> list[str]:
        try:
            with (
                closing(open_directory(self._private, "trash")) as trash,
                os.scandir(trash) as entries,
            ):
                return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    @contextmanager
    def _run(self, run: str) -> Iterator[int]:
        with (
            closing(make_directory(self._private, "trash", mode=0o700)) as trash,
            closing(make_directory(trash, run, mode=0o700)) as directory,
        ):
            yield directory
