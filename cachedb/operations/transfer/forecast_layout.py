"""Forecast of a layout: blobs and names that it does not have yet, over the real ones."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from cachedb.errors import CacheError
from cachedb.layout.blobs import BlobFile, BlobStore, OpenStore
from cachedb.layout.image_layout import Layout
from cachedb.oci import Digest

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cachedb.layout.index_json import IndexJson
    from cachedb.layout.staging.area import StagingArea
    from cachedb.layout.temporary_files import TemporaryFiles
    from cachedb.limits import Limit


class ForecastBlobs(BlobStore):
    """The blobs of a layout, those of a scratch layout, and expected ones, of known size."""

    def __init__(self, root: int, scratch: BlobStore) -> None:
        super().__init__(root)
        self._scratch = scratch
        self._expected: dict[Digest, BlobFile] = {}

    def expect(self, digest: Digest, size: int) -> None:
        """Treat a blob as present, although its bytes are nowhere."""
        self._expected[digest] = BlobFile(digest, size, time.time_ns())

    def stat(self, digest: Digest) -> BlobFile | None:
        """Return size and time of a blob, also of an expected one."""
        return self._scratch.stat(digest) or self._expected.get(digest) or super().stat(digest)

    def open(self, digest: Digest) -> io.BufferedReader:
        """Open a blob as `BlobStore.open` does; an expected one is not found."""
        return self._scratch.open(digest) if self._is_scratch(digest) else super().open(digest)

    def read(self, digest: Digest, limit: Limit) -> bytes:
        """Read a blob as `BlobStore.read` does; an expected one is not found."""
        if self._is_scratch(digest):
            return self._scratch.read(digest, limit)
        return super().read(digest, limit)

    def starts_with(self, digest: Digest, prefix: bytes) -> bool:
        """Return whether a blob begins with `prefix`; False for an expected one."""
        if self._is_scratch(digest):
            return self._scratch.starts_with(digest, prefix)
        return super().starts_with(digest, prefix)

    @contextmanager
    def in_bulk(self) -> Iterator[OpenStore]:
        """Yield a store with the same blobs; only those of the layout itself are read in bulk."""
        with ExitStack() as opened:
            yield _ForecastInBulk(self, self._root, opened)

    def verify(self, digest: Digest, count: Callable[[int], object] = int) -> BlobFile:
        """Hash a blob as `BlobStore.verify` does; an expected one is believed."""
        if self._is_scratch(digest):
            return self._scratch.verify(digest, count)
        return self._expected.get(digest) or super().verify(digest, count)

    def _is_scratch(self, digest: Digest) -> bool:
        return self._scratch.stat(digest) is not None


class _ForecastInBulk(OpenStore):
    """Open store of the blobs of a forecast."""

    def __init__(self, forecast: ForecastBlobs, root: int, opened: ExitStack) -> None:
        super().__init__(root, opened)
        self._forecast = forecast

    def stat(self, digest: Digest) -> BlobFile | None:
        """Return size and time of a blob, also of an expected one."""
        return self._forecast.stat(digest)

    def open(self, digest: Digest) -> io.BufferedReader:
        """Open a blob as `BlobStore.open` does; an expected one is not found."""
        return self._forecast.open(digest)

    def read(self, digest: Digest, limit: Limit) -> bytes:
        """Read a blob as `BlobStore.read` does; an expected one is not found."""
        return self._forecast.read(digest, limit)

    def starts_with(self, digest: Digest, prefix: bytes) -> bool:
        """Return whether a blob begins with `prefix`; False for an expected one."""
        return self._forecast.starts_with(digest, prefix)

    def verify(self, digest: Digest, count: Callable[[int], object] = int) -> BlobFile:
        """Hash a blob as `BlobStore.verify` does; an expected one is believed."""
        return self._forecast.verify(digest, count)

    def contents(self, digests: Iterable[str], limit: Limit) -> Iterator[bytes | None]:
        """Yield what `read` returns for each blob, None where it fails."""
        for digest in digests:
            try:
                yield self.read(Digest(digest), limit)
            except CacheError:
                yield None


class ForecastLayout(Layout):
    """A layout as it will be: new names in memory, new blobs in `scratch` or only expected.

    Operations on it, with a catalog of its own, change neither the real layout nor its journal.
    `blobs` is a `ForecastBlobs`.
    """

    _scratch: Layout
    _planned: bytes | None = None

    @classmethod
    def over(cls, real: Layout, scratch: Layout) -> Self:
        """Open the directory of a layout once more; the caller closes it."""
        found = cls.open_as_found(real.root)
        found.lay_over(scratch)
        return found

    def lay_over(self, scratch: Layout) -> None:
        """Add the blobs of a scratch layout, where new ones are published."""
        self._scratch = scratch
        self.blobs: BlobStore = ForecastBlobs(self._root, scratch.blobs)

    def expect(self, digest: Digest, size: int) -> None:
        """Treat a blob as present, although its bytes are nowhere."""
        assert isinstance(self.blobs, ForecastBlobs)
        self.blobs.expect(digest, size)

    def read_index_json(self) -> bytes:
        """Return the planned index.json; before the first `replace_index`, the real one."""
        return self._planned or super().read_index_json()

    def replace_index(self, index: IndexJson) -> None:
        """Keep index.json in memory."""
        self._planned = index.encode()

    @property
    def is_writable(self) -> bool:
        """False: files of the real layout are not to be rewritten."""
        return False

    @property
    def temporary_files(self) -> TemporaryFiles:
        """Temporary files of the scratch layout."""
        return self._scratch.temporary_files

    @contextmanager
    def locking_names(self) -> Iterator[None]:
        """Hold nothing: the names are in memory."""
        yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold nothing: blobs are published in the scratch layout."""
        yield

    @contextmanager
    def staging(self) -> Iterator[StagingArea]:
        """Open the staging area of the scratch layout."""
        with self._scratch.staging() as stage:
            yield stage

    @contextmanager
    def leasing(self) -> Iterator[str]:
        """Hold a lease in the scratch layout."""
        with self._scratch.leasing() as key:
            yield key

    def remove_stale_leases(self) -> None:
        """Do nothing: they are those of the real layout."""

    def allocate_reserve(self) -> None:
        """Do nothing: the reserve is that of the real layout."""

    def append_journal(self, record: Mapping[str, Any]) -> bool:  # noqa: ARG002  (not recorded)
        """Do nothing; return False: the journal has not to be rewritten."""
        return False
