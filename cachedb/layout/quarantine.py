"""Quarantine of a sweep: removed blobs that can still be restored.

A foreign tool may decide to reuse an old blob while a sweep runs. So the sweep moves blobs to
``.cachedb/trash/<run>/<algorithm>-<encoded>`` and reads index.json again; blobs that are
referenced now are restored. Then the directory of the run is renamed to ``<run>.done``, and its
blobs are kept for `--trash-ttl`, for references that another tool is about to add. The next
opening of the cache undoes a run that was interrupted before that.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.errors import InvalidDigest
from cachedb.layout.directories import closing, make_directory, open_directory, storing
from cachedb.layout.staging.area import digest_of, name_of
from cachedb.oci.digest import Digest
from cachedb.system_calls import sync

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachedb.layout.blobs import BlobStore


FINISHED = ".done"


def age_of(run: str) -> float:
    """Return the age of a run in seconds; 0 if its name holds no time, or one in the future."""
    began = run.partition("-")[0]
    return max(0.0, time.time() - int(began)) if began.isdecimal() else 0.0


class Quarantine:
    """Move blobs out of a layout and back; the caller holds `gc.lock` exclusively."""

    def __init__(self, private: int, blobs: BlobStore) -> None:
        self._private = private
        self._blobs = blobs

    def runs(self) -> list[str]:
        """Return the interrupted runs."""
        return [name for name in self._folders() if not name.endswith(FINISHED)]

    def finished(self) -> list[str]:
        """Return the finished runs whose blobs are still there, oldest first."""
        return [name for name in self._folders() if name.endswith(FINISHED)]

    def finish(self, run: str) -> str:
        """Mark a run, whose moves are durable (`sync`), as finished; return its new name.

        One rename, which is synced: after a crash the run is either finished or to be restored.

        Raises:
            StorageFailed: The directory cannot be renamed or synced.
        """
        with (
            storing("finish a sweep"),
            closing(make_directory(self._private, "trash", mode=0o700)) as trash,
        ):
            os.rename(run, run + FINISHED, src_dir_fd=trash, dst_dir_fd=trash)
            sync(trash)
        return run + FINISHED

    def add(self, run: str, digests: Iterable[Digest]) -> int:
        """Move blobs into the quarantine, in their order; return how many were in the store.

        Costs a listing of the store and one system call a blob. What is no regular file stays.
        """
        with self._run(run) as directory, self._blobs.in_bulk() as blobs:
            return blobs.move_out(digests, directory, name_of)

    def sync(self, run: str) -> None:
        """Make the moves of a run durable: one fsync for the run and for each algorithm.

        Raises:
            StorageFailed: A directory cannot be synced.
        """
        with self._run(run) as directory, storing("sync the quarantine"):
            sync(directory)
        self._blobs.sync()

    def blobs(self, run: str) -> Iterator[Digest]:
        """Yield the blobs of a run that are still quarantined, in directory order."""
        with self._run(run) as directory:
            for name in os.listdir(directory):
                with suppress(InvalidDigest):
                    yield Digest(digest_of(name) or "")

    def restore(self, run: str, digest: Digest) -> None:
        """Move a blob back into the store, or delete it if the store has the blob again.

        Raises:
            StorageFailed: The file cannot be moved or deleted.
        """
        with self._run(run) as directory:
            if self._blobs.stat(digest) is None:
                self._blobs.publish(directory, name_of(digest), digest)
            else:
                with storing("empty the quarantine"):
                    os.unlink(name_of(digest), dir_fd=directory)

    def purge(self, run: str) -> int:
        """Delete the blobs of a run; return the bytes freed, hard-linked blobs not counted.

        Raises:
            StorageFailed: A file cannot be deleted; those before it are.
        """
        freed = 0
        with storing("empty the quarantine"):
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
