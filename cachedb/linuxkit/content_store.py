"""Content store: blobs by digest, with labels, with the API of containerd's content store.

A committed blob has no name, and is unreferenced until an image that contains it has one: the
collector keeps it for the grace period. Labels are not containerd's: they are stored in
``.cachedb/labels.json``, and do not protect a blob from the collector.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from cachedb.errors import BlobNotFound, CorruptBlob, InvalidInput, NotFound, Refused
from cachedb.limits import INDEX_JSON_BYTES
from cachedb.oci.digest import Digest
from cachedb.operations.gc import mark, sweep
from cachedb.operations.transfer.publish import leasing, publish
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobFile
    from cachedb.layout.staging.ingest import IngestStatus, IngestWriter

_LABELS = "labels.json"
_LONGEST_LABEL = 4096
_LONGEST_REF = 1024


class Info(Record):
    """A blob of the store; `size` is in bytes."""

    digest: Digest
    size: int
    updated_at: datetime
    """Time of the last change of its file, in UTC."""
    labels: Mapping[str, str]
    """Labels of the blob, by key."""


class Status(Record):
    """An unfinished blob; `total` is 0 and `expected` None if unknown."""

    ref: str
    """Name that the writer chose."""
    offset: int
    """Bytes written so far."""
    total: int
    expected: Digest | None
    started_at: datetime
    """Time at which the ingest began, in UTC."""
    updated_at: datetime
    """Time of the last write, in UTC."""


class Writer:
    """Writer of one blob under its own ref; `commit` stores the blob."""

    def __init__(
        self, store: ContentStore, ref: str, ingest: IngestWriter, expected: Digest | None
    ) -> None:
        self._store = store
        self._ref = ref
        self._ingest = ingest
        self._expected = expected

    @property
    def offset(self) -> int:
        """The number of bytes written, by earlier writers of the ref as well."""
        return self._ingest.offset

    @property
    def digest(self) -> Digest:
        """The digest of the bytes written so far."""
        return self._ingest.digest()

    def write(self, chunk: bytes) -> int:
        """Append bytes; return their number."""
        return self._ingest.write(chunk)

    def truncate(self) -> None:
        """Delete the bytes written so far."""
        self._ingest.restart()

    def commit(
        self,
        size: int | None = None,
        expected: Digest | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Info:
        """Store the blob; the writer cannot be used after that.

        Raises:
            CorruptBlob: It has another size or digest than expected; the bytes stay.
        """
        expected = expected or self._expected
        actual = self._ingest.digest(expected.algorithm if expected else "sha256")
        if size is not None and size != self.offset:
            raise CorruptBlob(
                expected or actual, f"has {self.offset} bytes instead of the {size} expected"
            )
        if expected is not None and actual != expected:
            raise CorruptBlob(expected, f"was written as {actual}")
        return self._store._commit(self._ref, actual, labels or {})  # noqa: SLF001  (one unit)


class ContentStore:
    """Blobs of a cache by digest, read and written by the protocol of the layout."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout = layout
        self._catalog = catalog

    def info(self, digest: Digest) -> Info:
        """Return size, time and labels of a blob.

        Raises:
            BlobNotFound: The blob is absent.
        """
        return self._info(self._file(digest), self._labels())

    def walk(self, labels: Mapping[str, str] | None = None) -> Iterator[Info]:
        """Yield every blob, or those with all of some labels."""
        known = self._labels()
        for file in self._layout.blobs.files():
            found = self._info(file, known)
            if (labels or {}).items() <= found.labels.items():
                yield found

    def reader(self, digest: Digest) -> BinaryIO:
        """Open a blob; reading it from start to end fails if the bytes have another digest.

        Raises:
            BlobNotFound: The blob is absent.
        """
        return self._layout.blobs.open(digest)

    @contextmanager
    def writer(
        self, ref: str, *, total: int = 0, expected: Digest | None = None
    ) -> Iterator[Writer]:
        """Write a blob under a ref; an unfinished one is continued.

        Bytes that are not committed when the block ends stay until they are committed, aborted or
        collected.

        Raises:
            CacheBusy: Another writer has the ref.
            InvalidInput: The ref is longer than 1024 characters.
        """
        if len(ref) > _LONGEST_REF:
            raise InvalidInput(f"the ref {ref[:40]!r} is longer than {_LONGEST_REF} characters")
        with (
            self._layout.ingests() as ingests,
            ingests.opening(ref, total, expected) as ingest,
        ):
            yield Writer(self, ref, ingest, expected)

    def status(self, ref: str) -> Status:
        """Return the progress of the blob of a ref.

        Raises:
            NotFound: There is no unfinished blob of that ref.
        """
        if self._layout.is_writable:
            with self._layout.ingests() as ingests:
                found = ingests.status(ref)
            if found is not None:
                return _status(found)
        raise NotFound(f"no ingest {ref!r}")

    def list_statuses(self) -> list[Status]:
        """Return the progress of every unfinished blob, by ref.

        A read-only cache has none: only their writer can read them.
        """
        if not self._layout.is_writable:
            return []
        with self._layout.ingests() as ingests:
            return sorted(map(_status, ingests.statuses()), key=lambda status: status.ref)

    def abort(self, ref: str) -> None:
        """Delete the unfinished blob of a ref.

        Raises:
            NotFound: There is no unfinished blob of that ref.
            CacheBusy: A writer has the ref.
        """
        with self._layout.ingests() as ingests:
            if not ingests.abort(ref):
                raise NotFound(f"no ingest {ref!r}")

    def delete(self, digest: Digest) -> None:
        """Delete an unreferenced blob, also within the grace period.

        Raises:
            BlobNotFound: The blob is absent.
            Refused: A ref reaches it, or a running operation has a lease on it.
        """
        self._file(digest)
        plan = mark.plan(self._layout, self._catalog, grace=0)
        selected = tuple(each for each in plan.garbage if each.digest == digest)
        if not selected:
            raise Refused(f"{digest} is in use", hint=f"cachedb why {digest}")
        sweep.remove(plan.replace(garbage=selected), self._layout, self._catalog)
        self._write_labels(digest, None)

    def update(self, digest: Digest, labels: Mapping[str, str | None]) -> Info:
        """Set labels of a blob, and delete those with the value None.

        Raises:
            BlobNotFound: The blob is absent.
            InvalidInput: A label is longer than 4096 characters, which is containerd's limit.
        """
        file = self._file(digest)
        for key, value in labels.items():
            if len(key) + len(value or "") > _LONGEST_LABEL:
                raise InvalidInput(f"the label {key[:40]!r} is longer than {_LONGEST_LABEL}")
        return self._info(file, self._write_labels(digest, labels))

    def _commit(self, ref: str, digest: Digest, labels: Mapping[str, str]) -> Info:
        with leasing(self._layout, self._catalog) as lease, self._layout.staging() as stage:
            lease.hold([digest])
            with self._layout.ingests() as ingests:
                ingests.complete(ref, digest)
            publish(self._layout, self._catalog, stage, [digest], ())
        return self.update(digest, labels) if labels else self.info(digest)

    def _file(self, digest: Digest) -> BlobFile:
        found = self._layout.blobs.stat(digest)
        if found is None:
            raise BlobNotFound(digest)
        return found

    def _info(self, file: BlobFile, labels: Mapping[str, Mapping[str, str]]) -> Info:
        return Info(
            digest=file.digest,
            size=file.size,
            updated_at=_moment(file.touched_ns),
            labels=labels.get(file.digest, {}),
        )

    def _labels(self) -> dict[str, dict[str, str]]:
        content = self._layout.read_own(_LABELS, INDEX_JSON_BYTES)
        try:
            found = {} if content is None else json.loads(content)
        except ValueError as error:
            raise InvalidInput(f".cachedb/{_LABELS} is not JSON: {error}") from error
        return {digest: dict(labels) for digest, labels in found.items()}

    def _write_labels(
        self, digest: Digest, labels: Mapping[str, str | None] | None
    ) -> dict[str, dict[str, str]]:
        """Change the labels of a blob, or delete all; labels of absent blobs are deleted too."""
        with self._layout.locking_names():
            known = self._labels()
            if labels is None and digest not in known:
                return known
            merged = {**known.get(digest, {}), **(labels or {})}
            known[digest] = {key: value for key, value in merged.items() if value is not None}
            if labels is None:
                del known[digest]
            found = {key: each for key, each in sorted(known.items()) if each and self._has(key)}
            self._layout.replace_own(_LABELS, json.dumps(found).encode())
        return found

    def _has(self, digest: str) -> bool:
        return self._layout.blobs.stat(Digest(digest)) is not None


def _status(found: IngestStatus) -> Status:
    return Status(
        ref=found.ref,
        offset=found.offset,
        total=found.total,
        expected=found.expected,
        started_at=_moment(found.started_ns),
        updated_at=_moment(found.updated_ns),
    )


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
