"""Image layout on disk: marker, names, blobs, and cachedb's own files (image-layout.md)."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from cachedb.closing import Closing
from cachedb.errors import (
    HINT_TO_FILL,
    CacheNotFound,
    InvalidManifest,
    NotALayout,
    StorageFailed,
)
from cachedb.feedback.progress import UNWATCHED
from cachedb.layout import fingerprint
from cachedb.layout.blobs import BlobStore
from cachedb.layout.directories import (
    closing,
    make_directory,
    open_file,
    read_whole,
    storing,
)
from cachedb.layout.private_directory import PRIVATE, PrivateDirectory
from cachedb.limits import INDEX_JSON_BYTES, MARKER_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from cachedb.feedback.progress import Progress
    from cachedb.layout.fingerprint import Fingerprint
    from cachedb.layout.health import LayoutHealth
    from cachedb.layout.index_json import IndexJson, ParsedIndex
    from cachedb.layout.quarantine import Quarantine
    from cachedb.layout.staging.area import StagingArea
    from cachedb.layout.staging.arrivals import Arrivals
    from cachedb.layout.staging.ingest import Ingests
    from cachedb.layout.temporary_files import TemporaryFiles

_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_USUAL_MARKERS = (_MARKER, b'{"imageLayoutVersion": "1.0.0"}')
_CHOOSE = "--cache DIR with the folder of a layout, or with an empty one to pull into"
_TORN_SECONDS = 1.0
_TORN_PAUSE = 0.02


class Layout(PrivateDirectory, Closing):
    """Read and change one layout, by the descriptor of its directory; a context manager.

    `progress` observes the long steps of operations on it.

    cachedb's own files are in ``.cachedb/``: deleting that directory leaves a plain image layout
    with every image and every name.
    """

    def __init__(self, root: Path, descriptor: int) -> None:
        super().__init__(root, descriptor)
        self.blobs: BlobStore = BlobStore(descriptor)
        self._parsed: ParsedIndex | None = None
        self._arrivals: Arrivals | None = None
        self.progress: Progress = UNWATCHED

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
            NotALayout: It is not a directory.
            StorageFailed: The directory cannot be opened.
        """
        try:
            return cls(root, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except FileNotFoundError:
            raise CacheNotFound(str(root)) from None
        except NotADirectoryError:
            from shlex import quote

            hint = f"cachedb import {quote(str(root))}" if os.path.isfile(root) else None
            raise NotALayout(str(root), "it is not a directory", hint=hint) from None
        except OSError as error:
            raise StorageFailed.of(error, f"open the cache {str(root)!r}") from error

    @classmethod
    def create(cls, root: Path) -> Self:
        """Open a layout; create it first if the directory is absent or empty.

        Raises:
            NotALayout: The directory holds other files and no layout.
            StorageFailed: The file system refused.
        """
        if root.exists() and not root.is_dir():
            return cls.open(root)  # which refuses it
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
        if content.strip() in _USUAL_MARKERS:  # no parser is needed
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
            from shlex import quote

            from cachedb.layout.health import layouts_near

            near = [f"--cache {quote(str(path))}" for path in layouts_near(self.root)]
            other = _CHOOSE if os.listdir(self.root) else HINT_TO_FILL
            raise NotALayout(
                str(self.root), "it has no index.json", hint=", or ".join(near) or other
            )

    @property
    def has_marker(self) -> bool:
        """Return whether there is an `oci-layout`."""
        return self._has("oci-layout")

    def make_private(self) -> None:
        """Create ``.cachedb`` if it is missing, but not in a directory that is no layout.

        Raises:
            NotALayout: It is missing, and index.json is not an image index.
        """
        if not self._has(PRIVATE):
            self.index()
        with self._private():
            return

    def fingerprint(self) -> Fingerprint:
        """Take the fingerprint of the files: four `stat` calls, whatever the number of blobs."""
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
        """Parse index.json; lines that have been parsed before are not parsed again.

        Raises:
            NotALayout: The file is not an image index.
        """
        return self.index_and_bytes()[0]

    def index_and_bytes(self) -> tuple[IndexJson, bytes]:
        """Parse index.json as `index` does; return the bytes that were parsed as well.

        Other tools rewrite the file in place, so a document that does not parse is read again
        until it is older than a second.

        Raises:
            NotALayout: The file is not an image index.
        """
        from cachedb.layout.index_json import ParsedIndex

        give_up = time.monotonic() + _TORN_SECONDS
        while True:
            written = self._stat("index.json")
            try:
                content = self.read_index_json()
                before = self._parsed
                self._parsed = before.parse(content) if before else ParsedIndex.of(content)
            except InvalidManifest as error:
                if time.monotonic() >= give_up or not _is_young(written):
                    raise NotALayout(
                        str(self.root), f"index.json: {error}", hint="cachedb doctor"
                    ) from error
            else:
                return self._parsed.index, content
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
        """Hold linuxkit's `.lock`, which excludes other writers of index.json.

        Raises:
            StorageFailed: This process cannot write the layout.
            NotALayout: Other users can write ``.cachedb``.
            CacheBusy: Another process has held the lock for too long: `locks.names`.
        """
        from cachedb.layout import locks

        self._check_writable()
        with locks.names(self._root):
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold `gc.lock` shared, which excludes a sweep; other publishers are not excluded.

        Raises:
            CacheBusy: A sweep has held the lock for too long: `locks.names`.
        """
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
        from cachedb.layout.staging.arrivals import UNOBSERVED

        with (
            self._private() as private,
            locks.staging(private),
            self.blobs.kept_open() as blobs,
            StagingArea(private, blobs, self._arrivals or UNOBSERVED) as area,
        ):
            yield area

    @contextmanager
    def observing(self, arrivals: Arrivals) -> Iterator[None]:
        """Pass the bytes of blobs that are staged inside of the block to an observer."""
        before, self._arrivals = self._arrivals, arrivals
        try:
            yield
        finally:
            self._arrivals = before

    def clear_staging(self, kept: Collection[str] = ()) -> int:
        """Remove unused blobs and parts from the staging area: `StagingArea.clear`.

        Returns the bytes freed.
        """
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


def _is_young(found: os.stat_result | None) -> bool:
    if found is None:
        return False
    return time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _TORN_SECONDS * 1e9
