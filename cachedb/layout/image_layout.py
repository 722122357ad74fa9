"""An image layout on disk: the files that are the truth (image-spec, image-layout.md)."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from cachedb.errors import CacheNotFound, InvalidManifest, NotALayout, StorageFailed
from cachedb.layout import ballast, fingerprint, leases, locks
from cachedb.layout.atomic import replace_file
from cachedb.layout.blobs import BlobStore
from cachedb.layout.directories import (
    closing,
    make_directory,
    open_directory,
    open_file,
    read_whole,
    storing,
)
from cachedb.layout.health import Health
from cachedb.layout.index_json import IndexJson
from cachedb.layout.quarantine import Trash
from cachedb.layout.staging.ingest import Ingests
from cachedb.layout.staging.stage import Stage
from cachedb.layout.temporary_files import Leftovers
from cachedb.limits import INDEX_JSON_BYTES, MARKER_BYTES
from cachedb.oci import layout_marker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from types import TracebackType

    from cachedb.layout.fingerprint import Fingerprint
    from cachedb.limits import Limit

PRIVATE = ".cachedb"
_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_TORN_SECONDS = 1.0
_A_FOLDER_IS_THERE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST})
_TORN_PAUSE = 0.02


class Layout:
    """One layout, held by the descriptor of its directory; a context manager.

    Everything that cachedb keeps for itself is in ``.cachedb/``, so whoever deletes that folder
    has a plain layout again, with every image and every name.
    """

    def __init__(self, root: Path, descriptor: int) -> None:
        self.root = root
        self._root = descriptor
        self.blobs = BlobStore(descriptor)
        self.health = Health(descriptor)
        self.leftovers = Leftovers(descriptor)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a layout that is there; nothing is written.

        Raises:
            CacheNotFound: There is no such directory.
            NotALayout: It holds no index.json, or the marker of another version.
        """
        found = cls.open_as_found(root)
        try:
            found.check_marker()
            found.check_has_names()
        except BaseException:
            found.close()
            raise
        return found

    @classmethod
    def open_as_found(cls, root: Path) -> Self:
        """Open a directory that may be no layout: for whoever looks what is wrong with it.

        Raises:
            CacheNotFound: There is no such directory.
        """
        try:
            return cls(root, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except FileNotFoundError:
            raise CacheNotFound(str(root)) from None
        except NotADirectoryError:
            raise NotALayout(str(root), "it is not a directory") from None
        except OSError as error:
            raise StorageFailed.of(error, f"open the cache {str(root)!r}") from error

    @classmethod
    def create(cls, root: Path) -> Self:
        """Open a layout, which is made first if the directory is absent or empty.

        Raises:
            NotALayout: The directory holds something else.
        """
        with storing(f"make the cache {str(root)!r}"):
            root.mkdir(mode=0o777, parents=True, exist_ok=True)
            names = set(os.listdir(root))
        if names <= {PRIVATE, ".lock", "blobs", "ingest", "oci-layout"}:
            # Not over blobs: with an empty index.json they would all be garbage.
            found = cls(root, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            with found:
                if not any(found.blobs.files()):
                    found._initialise()
        return cls.open(root)

    def close(self) -> None:
        """Give the directory back."""
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def check_marker(self) -> None:
        """Refuse a marker of another version; linuxkit and others never look for one.

        Raises:
            NotALayout: `oci-layout` does not say version 1.0.0.
        """
        try:
            with closing(open_file(self._root, "oci-layout")) as descriptor:
                content = read_whole(descriptor, MARKER_BYTES.value)
        except FileNotFoundError:
            return
        MARKER_BYTES.check(len(content), "oci-layout")
        try:
            layout_marker.parse(content)
        except InvalidManifest as error:
            raise NotALayout(str(self.root), f"oci-layout: {error}") from error

    def check_has_names(self) -> None:
        """Refuse a directory without index.json; whether it can be read is not looked at."""
        if not self._has("index.json"):
            raise NotALayout(str(self.root), "it has no index.json")

    @property
    def has_marker(self) -> bool:
        """Whether there is an `oci-layout`."""
        return self._has("oci-layout")

    @property
    def private(self) -> Path:
        """Our own folder."""
        return self.root / PRIVATE

    def make_private(self) -> None:
        """Make our own folder if it is not there, but not among files that are no layout.

        Raises:
            NotALayout: The folder is not there, and index.json is not an image index.
        """
        if not self._has(PRIVATE):
            self.index()
        with self._private():
            return

    def read_own(self, name: str, limit: Limit) -> bytes | None:
        """Return a file of ours; None if it is not there."""
        try:
            with (
                closing(open_directory(self._root, PRIVATE)) as private,
                closing(open_file(private, name)) as descriptor,
            ):
                content = read_whole(descriptor, limit.value)
        except FileNotFoundError:
            return None
        limit.check(len(content), f"{PRIVATE}/{name}")
        return content

    def replace_own(self, name: str, content: bytes) -> None:
        """Make `content` a file of ours, atomically and durably."""
        with self._private() as private:
            replace_file(private, private, name, content)

    def set_aside(self, name: str) -> None:
        """Rename a file of ours to ``NAME.bak``, which replaces an older one."""
        with self._private() as private, storing(f"set {name} aside"):
            try:
                os.rename(name, f"{name}.bak", src_dir_fd=private, dst_dir_fd=private)
            except OSError as error:
                if error.errno not in _A_FOLDER_IS_THERE:
                    raise
                aside = f"{name}.bak.{secrets.token_hex(4)}"
                os.rename(name, aside, src_dir_fd=private, dst_dir_fd=private)

    @property
    def is_writable(self) -> bool:
        """Whether we may change the layout."""
        return os.access(".", os.W_OK, dir_fd=self._root, effective_ids=True)

    def fingerprint(self) -> Fingerprint:
        """Say what state the files are in: four calls of stat."""
        return fingerprint.take(self._root)

    def read_index_json(self) -> bytes:
        """Return the bytes of index.json.

        Raises:
            NotALayout: It is not there or not a regular file.
            LimitExceeded: It is larger than the limit.
        """
        try:
            with closing(open_file(self._root, "index.json")) as descriptor:
                content = read_whole(descriptor, INDEX_JSON_BYTES.value)
        except FileNotFoundError:
            raise NotALayout(str(self.root), "it has no index.json") from None
        INDEX_JSON_BYTES.check(len(content), "index.json")
        return content

    def index(self) -> IndexJson:
        """Return the names.

        Other tools rewrite the file in place, so a document that does not parse is read again
        as long as it is younger than a second.

        Raises:
            NotALayout: The file is not an image index.
        """
        give_up = time.monotonic() + _TORN_SECONDS
        while True:
            written = self._stat("index.json")
            try:
                return IndexJson.parse(self.read_index_json())
            except InvalidManifest as error:
                if time.monotonic() >= give_up or not _is_young(written):
                    raise NotALayout(
                        str(self.root), f"index.json: {error}", hint="cachedb doctor"
                    ) from error
            time.sleep(_TORN_PAUSE)

    def replace_index(self, index: IndexJson) -> None:
        """Make `index` the names of the layout, atomically and durably.

        The caller holds the lock of the names and has read them under it.
        """
        with self._private() as private:
            replace_file(self._root, private, "index.json", index.encode())

    @contextmanager
    def locking_names(self) -> Iterator[None]:
        """Hold linuxkit's `.lock`: nobody else changes index.json meanwhile."""
        self._check_writable()
        with locks.names(self._root):
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold `gc.lock` together with others: nothing is swept meanwhile."""
        with self._private() as private, locks.sharing(private):
            yield

    @contextmanager
    def sweeping(self, *, patience: float | None = None) -> Iterator[None]:
        """Hold `gc.lock` alone: nobody publishes or sweeps meanwhile.

        Raises:
            CacheBusy: Others still hold it after `patience` seconds.
        """
        with self._private() as private, locks.excluding(private, patience=patience):
            yield

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Open the stage, where blobs are written before they are published.

        As long as it is open, no collection takes a complete blob from it.
        """
        with self._private() as private, locks.staging(private):
            yield Stage(private, self.blobs)

    def clear_stage(self, kept: Collection[str] = ()) -> int:
        """Remove what nobody is using from the stage: `Stage.clear`."""
        with self._private() as private:
            return Stage(private, self.blobs).clear(kept)

    @contextmanager
    def ingests(self) -> Iterator[Ingests]:
        """Open the ingests: blobs that are written under a name before their digest is known."""
        with self._private() as private:
            yield Ingests(private)

    @contextmanager
    def trash(self) -> Iterator[Trash]:
        """Open the trash, where a sweep puts blobs before they are gone."""
        with self._private() as private:
            yield Trash(private, self.blobs)

    @contextmanager
    def leasing(self) -> Iterator[str]:
        """Hold a lease, which says that this operation is running; yields its id."""
        with self._private() as private, leases.holding(private) as key:
            yield key

    def living_leases(self) -> set[str]:
        """Return the ids of the leases whose process lives."""
        with self._private() as private:
            return leases.living(private)

    def bury_leases(self) -> None:
        """Remove the files of the leases whose process is gone."""
        with self._private() as private:
            leases.bury(private)

    def keep_reserve(self) -> None:
        """Set a little space aside for a day when the disk is full, if there is room now."""
        with self._private() as private:
            ballast.keep(private)

    def release_reserve(self) -> bool:
        """Give back the space that was set aside; False if there was none."""
        with self._private() as private:
            return ballast.release(private)

    @contextmanager
    def _private(self) -> Iterator[int]:
        self._check_writable()
        with closing(make_directory(self._root, PRIVATE, mode=0o700)) as descriptor:
            if os.fstat(descriptor).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise NotALayout(str(self.private), "others may write to it")
            yield descriptor

    def _check_writable(self) -> None:
        # The first file that cannot be made would tell it too, and nobody would understand.
        if not self.is_writable:
            raise StorageFailed(f"the cache {str(self.root)!r} may only be read")

    def _initialise(self) -> None:
        with self._private() as private, self.locking_names():
            with closing(make_directory(self._root, "blobs")) as blobs:
                os.close(make_directory(blobs, "sha256"))
            if not self._has("oci-layout"):
                replace_file(self._root, private, "oci-layout", _MARKER)
            if not self._has("index.json"):
                replace_file(self._root, private, "index.json", IndexJson.empty().encode())

    def _has(self, name: str) -> bool:
        return self._stat(name) is not None

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return None


def _is_young(found: os.stat_result | None) -> bool:
    if found is None:
        return False
    return time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _TORN_SECONDS * 1e9
