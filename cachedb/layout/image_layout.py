"""Image layout on disk: marker, names, blobs, and cachedb's own files (image-layout.md)."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from cachedb.errors import CacheError, CacheNotFound, InvalidManifest, NotALayout, StorageFailed
from cachedb.layout import fingerprint
from cachedb.layout.blobs import BlobStore
from cachedb.layout.directories import (
    closing,
    make_directory,
    open_directory,
    open_file,
    read_whole,
    storing,
)
from cachedb.limits import INDEX_JSON_BYTES, MARKER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from cachedb.layout import journal
    from cachedb.layout.fingerprint import Fingerprint
    from cachedb.layout.health import LayoutHealth
    from cachedb.layout.index_json import IndexJson
    from cachedb.layout.quarantine import Quarantine
    from cachedb.layout.staging.area import StagingArea
    from cachedb.layout.staging.ingest import Ingests
    from cachedb.layout.temporary_files import TemporaryFiles
    from cachedb.limits import Limit

PRIVATE = ".cachedb"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_TORN_SECONDS = 1.0
_A_FOLDER_IS_THERE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST})
_TORN_PAUSE = 0.02
# Recording a use must not hold up a command whose result does not depend on it.
_JOURNAL_SECONDS = 0.5


class Layout:
    """Read and change one layout, by the descriptor of its directory; a context manager.

    cachedb's own files are in ``.cachedb/``: deleting that directory leaves a plain image layout
    with every image and every name.
    """

    def __init__(self, root: Path, descriptor: int) -> None:
        self.root = root
        self._root = descriptor
        self.blobs: BlobStore = BlobStore(descriptor)

    @property
    def health(self) -> LayoutHealth:
        """Diagnosis of the directory."""
        from cachedb.layout.health import LayoutHealth

        return LayoutHealth(self._root)

    @property
    def temporary_files(self) -> TemporaryFiles:
        """Temporary files in the directory, ours and those of other tools."""
        from cachedb.layout.temporary_files import TemporaryFiles

        return TemporaryFiles(self._root)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open an existing layout; writes nothing.

        Raises:
            CacheNotFound: There is no such directory.
            NotALayout: It has no index.json, or the marker of another version.
            StorageFailed: The directory cannot be opened.
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
        """Open a directory without checking that it is a layout, for diagnostics.

        Raises:
            CacheNotFound: There is no such directory.
            StorageFailed: The directory cannot be opened.
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
        """Open a layout; create it first if the directory is absent or empty.

        Raises:
            NotALayout: The directory holds other files and no layout.
            StorageFailed: The file system refused.
        """
        with storing(f"create the cache {str(root)!r}"):
            root.mkdir(mode=0o777, parents=True, exist_ok=True)
            names = set(os.listdir(root))
        if names <= {PRIVATE, ".lock", "blobs", "ingest", "oci-layout"}:
            # Not over blobs: with an empty index.json they would all be unreferenced.
            found = cls(root, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            with found:
                if not any(found.blobs.files()):
                    found._initialise()
        return cls.open(root)

    def close(self) -> None:
        """Close the directory."""
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
        """Refuse a marker of another version; a missing one is accepted, as linuxkit does.

        Raises:
            NotALayout: The version in `oci-layout` is not 1.0.0.
        """
        try:
            with closing(open_file(self._root, "oci-layout")) as descriptor:
                content = read_whole(descriptor, MARKER_BYTES.value)
        except FileNotFoundError:
            return
        if content.strip() == _MARKER:  # as nearly every tool writes it: no parser is needed
            return
        from cachedb.oci import layout_marker

        MARKER_BYTES.check(len(content), "oci-layout")
        try:
            layout_marker.parse(content)
        except InvalidManifest as error:
            raise NotALayout(str(self.root), f"oci-layout: {error}") from error

    def check_has_names(self) -> None:
        """Refuse a directory without index.json, which is not read.

        Raises:
            NotALayout: There is no index.json.
        """
        if not self._has("index.json"):
            raise NotALayout(str(self.root), "it has no index.json")

    @property
    def has_marker(self) -> bool:
        """Return whether there is an `oci-layout`."""
        return self._has("oci-layout")

    @property
    def private(self) -> Path:
        """Return the path of cachedb's own directory."""
        return self.root / PRIVATE

    def make_private(self) -> None:
        """Create ``.cachedb`` if it is missing, but not in a directory that is no layout.

        Raises:
            NotALayout: It is missing, and index.json is not an image index.
        """
        if not self._has(PRIVATE):
            self.index()
        with self._private():
            return

    def read_own(self, name: str, limit: Limit) -> bytes | None:
        """Read a file of ``.cachedb``; None if there is none, or ``.cachedb`` is not trusted."""
        if not self.is_private_trusted:
            return None
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

    def is_own_trusted(self, name: str) -> bool:
        """Return whether a file of ``.cachedb`` is ours or root's, and no other user can write it.

        A file that does not exist is trusted.
        """
        if not self.is_private_trusted:
            return False
        try:
            with (
                closing(open_directory(self._root, PRIVATE)) as private,
                closing(open_file(private, name)) as descriptor,
            ):
                found = os.fstat(descriptor)
        except FileNotFoundError:
            return True
        except (NotALayout, StorageFailed):
            return False
        return found.st_uid in {os.geteuid(), 0} and not found.st_mode & _OTHERS_WRITE

    def replace_own(self, name: str, content: bytes) -> None:
        """Write a file of ``.cachedb``, atomically and durably."""
        from cachedb.layout.atomic import replace_file

        with self._private() as private:
            replace_file(private, private, name, content)

    def append_journal(self, record: Mapping[str, Any]) -> bool:
        """Append a record without fsync; return whether to rewrite it: `journal.append`."""
        from cachedb.layout import journal

        with self._private() as private:
            return journal.append(private, record, timeout=_JOURNAL_SECONDS)

    def append_journal_durably(self, record: Mapping[str, Any]) -> None:
        """Append a record that survives a power loss: `journal.append_durably`."""
        from cachedb.layout import journal

        with self._private() as private:
            journal.append_durably(private, record)

    def read_journal(self, position: journal.Position | None = None) -> journal.Tail | None:
        """Read the journal behind a position: `journal.read`; None if there is none to trust."""
        from cachedb.layout import journal

        if not self.is_private_trusted:
            return None
        try:
            private = open_directory(self._root, PRIVATE)
        except FileNotFoundError:
            return None
        with closing(private):
            return journal.read(private, position)

    def rewrite_journal(
        self, rewritten: Callable[[journal.Tail], Iterable[Mapping[str, Any]]]
    ) -> journal.Position | None:
        """Replace the journal by what `rewritten` makes of all of its records.

        Atomic and durable; records that other processes append meanwhile wait for it. Returns the
        position behind them, or None if there is no journal.
        """
        from cachedb.layout import journal, locks

        with self._private() as private, locks.journal(private):
            whole = journal.read(private, None)
            return None if whole is None else journal.rewrite(private, rewritten(whole))

    def set_aside(self, name: str) -> None:
        """Rename a file of ``.cachedb`` to ``NAME.bak``, which replaces an older one."""
        with self._private() as private, storing(f"rename {name}"):
            try:
                os.rename(name, f"{name}.bak", src_dir_fd=private, dst_dir_fd=private)
            except OSError as error:
                if error.errno not in _A_FOLDER_IS_THERE:
                    raise
                aside = f"{name}.bak.{os.urandom(4).hex()}"
                os.rename(name, aside, src_dir_fd=private, dst_dir_fd=private)

    @property
    def is_writable(self) -> bool:
        """Return whether this process may change the layout and trusts its ``.cachedb``."""
        return self._refusal() is None

    @property
    def is_private_trusted(self) -> bool:
        """Return whether ``.cachedb`` is a directory that other users cannot write."""
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                return not os.fstat(private).st_mode & _OTHERS_WRITE
        except FileNotFoundError:
            return True
        except (NotALayout, StorageFailed):
            return False

    def fingerprint(self) -> Fingerprint:
        """Take the fingerprint of the files: four calls of stat."""
        return fingerprint.take(self._root)

    def read_index_json(self) -> bytes:
        """Read the bytes of index.json.

        Raises:
            NotALayout: It does not exist, or is no regular file.
            LimitExceeded: It is larger than INDEX_JSON_BYTES.
        """
        try:
            with closing(open_file(self._root, "index.json")) as descriptor:
                content = read_whole(descriptor, INDEX_JSON_BYTES.value)
        except FileNotFoundError:
            raise NotALayout(str(self.root), "it has no index.json") from None
        INDEX_JSON_BYTES.check(len(content), "index.json")
        return content

    def index(self) -> IndexJson:
        """Parse index.json.

        Other tools rewrite the file in place, so a document that does not parse is read again
        until it is older than a second.

        Raises:
            NotALayout: The file is not an image index.
        """
        from cachedb.layout.index_json import IndexJson

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
        """Replace index.json, atomically and durably.

        The caller holds `locking_names` and has read the document under it.
        """
        from cachedb.layout.atomic import replace_file

        with self._private() as private:
            replace_file(self._root, private, "index.json", index.encode())

    @contextmanager
    def locking_names(self) -> Iterator[None]:
        """Hold linuxkit's `.lock`, which excludes other writers of index.json."""
        from cachedb.layout import locks

        self._check_writable()
        with locks.names(self._root):
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold `gc.lock` shared, which excludes a sweep."""
        from cachedb.layout import locks

        with self._private() as private, locks.sharing(private):
            yield

    @contextmanager
    def sweeping(self, *, timeout: float | None = None) -> Iterator[None]:
        """Hold `gc.lock` exclusively, which excludes publishing and other sweeps.

        Raises:
            CacheBusy: Another process still holds it after `timeout` seconds.
        """
        from cachedb.layout import locks

        with self._private() as private, locks.excluding(private, timeout=timeout):
            yield

    @contextmanager
    def staging(self) -> Iterator[StagingArea]:
        """Open the staging area, where blobs are written before they are published.

        While it is open, no collection removes a complete blob from it.
        """
        from cachedb.layout import locks
        from cachedb.layout.staging.area import StagingArea

        with self._private() as private, locks.staging(private):
            yield StagingArea(private, self.blobs)

    def clear_staging(self, kept: Collection[str] = ()) -> int:
        """Remove unused blobs and parts from the staging area: `StagingArea.clear`."""
        from cachedb.layout.staging.area import StagingArea

        with self._private() as private:
            return StagingArea(private, self.blobs).clear(kept)

    @contextmanager
    def ingests(self) -> Iterator[Ingests]:
        """Open the ingests: blobs written under a name before their digest is known."""
        from cachedb.layout.staging.ingest import Ingests

        with self._private() as private:
            yield Ingests(private)

    @property
    def has_quarantine(self) -> bool:
        """Return whether a sweep has ever moved blobs into the quarantine."""
        return self._has(f"{PRIVATE}/trash")

    @contextmanager
    def quarantine(self) -> Iterator[Quarantine]:
        """Open the quarantine, where a sweep moves blobs before it deletes them."""
        from cachedb.layout.quarantine import Quarantine

        with self._private() as private:
            yield Quarantine(private, self.blobs)

    @contextmanager
    def leasing(self) -> Iterator[str]:
        """Hold a lease, which shows that this operation is running; yields its id."""
        from cachedb.layout import leases

        with self._private() as private, leases.holding(private) as key:
            yield key

    def active_leases(self) -> set[str]:
        """Return the ids of the leases that running processes hold."""
        from cachedb.layout import leases

        with self._private() as private:
            return leases.active(private)

    def remove_stale_leases(self) -> None:
        """Remove the files of leases whose process has ended."""
        from cachedb.layout import leases

        with self._private() as private:
            leases.remove_stale(private)

    def allocate_reserve(self) -> None:
        """Allocate the reserved space for a collection on a full disk, if there is room."""
        from cachedb.layout import ballast

        with self._private() as private:
            ballast.allocate(private)

    def release_reserve(self) -> bool:
        """Free the reserved space; return False if there was none."""
        from cachedb.layout import ballast

        with self._private() as private:
            return ballast.release(private)

    @contextmanager
    def _private(self) -> Iterator[int]:
        self._check_writable()
        with closing(make_directory(self._root, PRIVATE, mode=0o700)) as descriptor:
            yield descriptor

    def _check_writable(self) -> None:
        # Creating the first temporary file would fail too, with a message that names that file.
        refusal = self._refusal()
        if refusal is not None:
            raise refusal

    def _refusal(self) -> CacheError | None:
        """Return why this process must not change the layout; None if it may."""
        if not os.access(".", os.W_OK, dir_fd=self._root, effective_ids=True):
            return StorageFailed(f"the cache {str(self.root)!r} is read-only")
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                if os.fstat(private).st_mode & _OTHERS_WRITE:
                    return NotALayout(
                        str(self.private),
                        "it is writable by other users",
                        hint=f"chmod go-w {_shell_word(self.private)}",
                    )
                if not os.access(".", os.W_OK, dir_fd=private, effective_ids=True):
                    return self._not_ours()
        except FileNotFoundError:
            return None
        except NotALayout as refusal:
            return refusal
        except StorageFailed:
            return self._not_ours()
        return None

    def _not_ours(self) -> StorageFailed:
        return StorageFailed(
            f"cannot write {str(self.private)!r}: permission denied",
            hint=f"chown -R {os.geteuid()} {_shell_word(self.private)} (as root)",
        )

    def _initialise(self) -> None:
        from cachedb.layout.atomic import replace_file
        from cachedb.layout.index_json import IndexJson

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


def _shell_word(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


def _is_young(found: os.stat_result | None) -> bool:
    if found is None:
        return False
    return time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _TORN_SECONDS * 1e9
