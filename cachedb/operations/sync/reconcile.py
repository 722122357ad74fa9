"""Reconciliation of the catalog with the files of a layout, whichever tool changed them.

A layout of linuxkit, skopeo, umoci or crane is opened in place. Four calls of stat detect a
change; only then are index.json and the directories read, and of the blobs only
new documents.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from cachedb.catalog import codecs, state
from cachedb.catalog.enums import (
    ADOPTED,
    DOCUMENTS,
    FINGERPRINT,
    INDEX_PROBLEMS,
    Kind,
    Reading,
    State,
)
from cachedb.catalog.index import derive as derivation
from cachedb.catalog.index import sboms
from cachedb.catalog.index.working_set import WorkingSet, packed, size_in
from cachedb.catalog.statements import sboms as sbom_statements
from cachedb.catalog.statements import user_state
from cachedb.errors import BlobNotFound, CacheError, CorruptBlob, LimitExceeded
from cachedb.feedback.progress import UNCOUNTED, Task
from cachedb.layout.fingerprint import Fingerprint, racy_since
from cachedb.limits import CONFIG_BYTES, MANIFEST_BYTES
from cachedb.oci import config
from cachedb.operations.cyclic_collector import collector_paused
from cachedb.operations.sync import history
from cachedb.operations.sync.freshness import has_same_content, is_up_to_date
from cachedb.operations.sync.parse_documents import (
    look_for_children,
    parse_config,
    parse_document,
    parse_orphan,
)
from cachedb.operations.sync.read_names import read_names
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.blob_rows import BlobRow
    from cachedb.layout import Layout
    from cachedb.layout.blobs import OpenStore
    from cachedb.oci.config import ImageConfig
    from cachedb.oci.digest import Digest
    from cachedb.oci.graph import AnyDocument

# Rows of a batch, which is derived in memory and then written: 20 MB.
_NAMES_AT_ONCE = 500
_FILES_AT_ONCE = 4_000
# Claims about a document can change while documents are read, and then it is read again. Two
# contradictory documents would cause an endless loop.
_MOST_READINGS = 4


class ReconcileReport(Record):
    """Numbers of files added, removed and changed since the last reconciliation."""

    added: int = 0
    removed: int = 0
    changed: int = 0


def bring_up_to_date(layout: Layout, catalog: Catalog) -> ReconcileReport:
    """Reconcile, then read new SBOMs in transactions of their own.

    Raises:
        NotALayout: index.json is not an image index; the catalog stays as it was.
    """
    drift = reconcile(layout, catalog)
    read_new_sboms(layout, catalog)
    return drift


def read_new_sboms(layout: Layout, catalog: Catalog) -> None:
    """Read the SBOMs that have not been read, in transactions of their own; one query if none."""
    with catalog.reading() as connection:
        if connection.value(sbom_statements.UNREAD) is None:
            return
    from cachedb.operations.sync import read_sboms  # noqa: PLC0415  (imports a parser per format)

    read_sboms.read_new(layout, catalog)


def reconcile(layout: Layout, catalog: Catalog) -> ReconcileReport:
    """Derive the rows from the files again; costs four calls of stat when nothing has changed.

    Raises:
        NotALayout: index.json is not an image index; the catalog stays as it was.
    """
    with catalog.reading() as connection:
        if is_up_to_date(layout, connection):
            return ReconcileReport()
        is_first = _recorded(connection) is None
    # The first reconciliation inserts each row after those that it refers to.
    with catalog.writing_unchecked() if is_first else catalog.writing() as connection:
        return reconcile_within(layout, connection)


def reconcile_within(layout: Layout, connection: Connection) -> ReconcileReport:
    """Reconcile inside a write transaction of the caller."""
    # Taken before the first read, so that the next reconciliation detects a concurrent change.
    current = layout.fingerprint()
    recorded = _recorded(connection)
    if current.proves_unchanged(recorded):
        return ReconcileReport()
    if has_same_content(layout, connection, current, recorded):
        state.write(connection, FINGERPRINT, str(current))
        return ReconcileReport()
    with layout.progress.task("compare files", unit=UNCOUNTED):
        reconciliation = _Reconciliation(layout, WorkingSet(connection))
        if not current.proves_same_blobs(recorded):
            reconciliation.list_files()
        return reconciliation.finish(current)


def absorb(layout: Layout, connection: Connection, published: Collection[Digest]) -> None:
    """Index blobs and names that this process has just written.

    The caller holds the lock of the names and has reconciled under it; `published` are the blobs
    that it has added since. Directories are not listed again.
    """
    current = layout.fingerprint()
    reconciliation = _Reconciliation(layout, WorkingSet(connection))
    reconciliation.look_at(published)
    reconciliation.finish(current)


def absorb_removal(layout: Layout, connection: Connection, removed: Collection[Digest]) -> None:
    """Delete the rows of blobs that this process has just moved out of the store.

    The caller holds the lock of the names and has reconciled under it. Costs a listing of names
    and a fixed number of statements, but for blobs that something else references or that are
    there again.
    """
    current = layout.fingerprint()
    there = layout.blobs.listed(removed)
    reconciliation = _Reconciliation(layout, WorkingSet(connection))
    reconciliation.drop(
        [digest for digest in removed if digest not in there] if there else removed
    )
    reconciliation.look_at(map(codecs.digest, there))
    reconciliation.finish(current)


class _Reconciliation:
    """One pass: changed files, then names, then the rows that depend on both."""

    def __init__(self, layout: Layout, working_set: WorkingSet) -> None:
        self._layout = layout
        self._blobs: OpenStore
        """Its blobs, while rows are derived."""
        self._working_set = working_set
        self._moved: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._readings: Counter[int] = Counter()
        self._derived: set[int] = set()
        """The ids of the rows derived in this batch."""
        self._near: set[int] = set()
        """The ids of blobs that may be, hold or describe SBOMs."""
        self._subjects: Collection[str] = ()
        """The digests to which entries of index.json attach SBOMs or signatures."""
        self._is_racy: bool | None = None
        """Whether a file is too young to trust its time; None if they have not been listed."""
        self._task = Task()
        self._left = 0

    def list_files(self) -> None:
        """Compare every file of the blob store with its row."""
        horizon = racy_since()
        known = self._working_set.known_files()
        newest = self._note(self._layout.blobs.stamps(), known)
        # Another tool may still write to a file this young, which changes no time of its
        # directory.
        self._is_racy = newest >= horizon

    def look_at(self, digests: Iterable[Digest]) -> None:
        """Compare some files with their rows."""
        with self._layout.blobs.kept_open() as blobs:
            found = {str(digest): blobs.stat(digest) for digest in digests}
        self._working_set.load(found)
        rows = filter(None, map(self._working_set.find, found))
        self._note(
            [(digest, (file.size, file.touched_ns)) for digest, file in found.items() if file],
            {row.digest: (row.size, row.touched) for row in rows if row.touched is not None},
        )

    def drop(self, digests: Collection[Digest]) -> None:
        """Drop blobs whose files are gone, and what their documents say."""
        dropped = self._working_set.drop(digests)
        self.look_at(map(codecs.digest, dropped.claimed))
        self._near.update(dropped.ids)
        self._moved = (self._moved | dropped.reached).difference(dropped.ids)

    def finish(self, current: Fingerprint) -> ReconcileReport:
        """Index the names, derive the rows of all changed blobs, record the fingerprint."""
        now = time.time_ns() // 1000
        names = read_names(self._layout, self._working_set, now)
        refs = names.refs
        self._subjects = sboms.named_subjects(names.attachable)
        self._left = self._count_left()
        with (
            self._layout.progress.task("index", self._left, "blobs") as self._task,
            self._layout.blobs.in_bulk() as self._blobs,
            collector_paused(),
        ):
            self._derive_all(refs.touched)
        connection = self._working_set.connection
        refs.write(connection)
        self._remember_users(is_changed=bool(refs.new or refs.changed))
        sboms.reconcile(connection, self._near)
        self._working_set.sweep()
        state.write(connection, INDEX_PROBLEMS, names.problems)
        if names.has_entries and _recorded(connection) is None:
            state.write(connection, ADOPTED, str(now))
        names.keep(connection)
        state.write(connection, FINGERPRINT, str(self._proven(current, _recorded(connection))))
        return ReconcileReport(**self._counts)

    def _proven(self, current: Fingerprint, recorded: Fingerprint | None) -> Fingerprint:
        """Return a fingerprint that is as settled as the files that were looked at."""
        is_listed = self._is_racy is not None
        is_proven = not self._is_racy if is_listed else current.proves_same_blobs(recorded)
        return current.replace(
            settled=current.settled and is_proven,
            blobs_settled=current.blobs_settled and is_proven,
        )

    def _with_digests(self, digests: Collection[str]) -> set[int]:
        """Return the ids of those derived blobs that have one of some digests."""
        if not digests:
            return set()
        rows = map(self._working_set.find_id, self._derived)
        return {row.id for row in rows if row is not None and row.digest in digests}

    def _remember_users(self, *, is_changed: bool) -> None:
        """Enter the pins and times of the journal; ignore an unreadable journal."""
        with suppress(CacheError):
            history.catch_up(self._layout, self._working_set.connection)
        if is_changed:
            self._working_set.connection.write(user_state.MARK_PINNED)

    def _note(
        self, files: Iterable[tuple[str, tuple[int, int]]], known: dict[str, tuple[int, int]]
    ) -> int:
        """Compare `files` with the `known` ones, of which those without a file stay in `known`.

        New files become pending, batch by batch. Returns the newest time in nanoseconds.
        """
        arrivals: dict[str, int] = {}
        changed: dict[str, tuple[int, int]] = {}
        newest, take = 0, known.pop
        for digest, file in files:
            if file[1] > newest:  # noqa: PLR1730  (a call takes longer)
                newest = file[1]
            before = take(digest, None)
            if before is None:
                arrivals[digest] = packed(*file)
            elif before != file:
                changed[digest] = file
        self._counts.update(removed=len(known), changed=len(changed), added=len(arrivals))
        self._forget_changed(known, changed)
        self._working_set.arrivals = arrivals
        return newest

    def _forget_changed(
        self, removed: Iterable[str], changed: Mapping[str, tuple[int, int]]
    ) -> None:
        """Enter what has become of known files, and forget what their documents said."""
        working_set = self._working_set
        working_set.load([*removed, *changed])
        gone = [row for row in map(working_set.find, removed) if row is not None]
        rows = [row for row in map(working_set.find, sorted(changed)) if row is not None]
        sboms.forget(working_set.connection, [row.id for row in (*gone, *rows) if row.stored])
        reached = working_set.forget_documents([row for row in (*gone, *rows) if row.parsed])
        for row in gone:
            row.touched, row.verified, row.problem = None, None, None
            row.state = State.MISSING
        for row in rows:
            row.have(*changed[row.digest])
        self._moved |= {row.id for row in (*gone, *rows)} | reached

    def _derive_all(self, named: set[int]) -> None:
        """Derive the rows of all changed blobs, in batches; write each batch.

        Reachable blobs first: other files are orphans, whose content has to be read.
        """
        orphans: set[int] = set()
        arrived = self._working_set.take_arrived()
        neighbours = derivation.neighbours(self._working_set, self._moved | arrived)
        for batch in _batches(named | arrived, _NAMES_AT_ONCE):
            orphans |= self._settle(batch)
        for batch in _batches(neighbours | self._moved, _FILES_AT_ONCE):
            orphans |= self._settle(batch)
        arrivals = self._working_set.arrivals
        while arrivals:
            coming = list(islice(arrivals.items(), _FILES_AT_ONCE))
            self._working_set.ensure({digest: size_in(file) for digest, file in coming})
            orphans |= self._settle(set())
        for batch in _batches(orphans, _FILES_AT_ONCE):
            self._derive_orphans(batch)
            self._write()

    def _settle(self, ids: set[int]) -> set[int]:
        """Derive some rows and those that they reach, and write them; return the orphans' ids."""
        working_set = self._working_set
        orphans = self._derive(ids)
        while arrived := working_set.take_arrived():
            orphans |= self._derive(derivation.neighbours(working_set, arrived))
            orphans |= self._derive(arrived - self._derived)
        self._moved -= self._derived
        self._write()
        return orphans

    def _write(self) -> None:
        self._check_sizes()
        self._near |= derivation.may_be_near_documents(self._working_set, self._derived)
        self._near |= self._with_digests(self._subjects)
        self._working_set.flush(self._derived, self._moved)
        left = self._count_left()
        self._task.advance(self._left - left)
        self._left = left
        self._derived.clear()
        self._readings.clear()

    def _count_left(self) -> int:
        """Count the changed files whose rows are still to be derived."""
        return len(self._working_set.arrivals) + len(self._moved)

    def _derive(self, pending: set[int]) -> set[int]:
        """Derive rows, read documents, and continue with their children.

        Returns the ids of blobs that no descriptor points at yet, whose content was not read.
        """
        orphans: set[int] = set()
        while pending:
            self._derived |= pending
            to_read, reached = derivation.derive(self._working_set, pending)
            orphans |= {row.id for row in to_read if not row.media_type}
            declared = [row for row in to_read if row.media_type]
            pending = reached | self._read(declared)
            pending |= derivation.changed_by_reading(self._working_set, declared)
        return orphans

    def _derive_orphans(self, pending: set[int]) -> None:
        while pending:
            self._derived |= pending
            to_read, reached = derivation.derive(self._working_set, pending)
            pending = reached | self._read(to_read)
            pending |= {row.id for row in to_read if row.kind in DOCUMENTS}

    def _read(self, rows: list[BlobRow]) -> set[int]:
        """Read documents; return the ids of their children, and of the manifests of configs."""
        documents: list[tuple[BlobRow, AnyDocument]] = []
        configs: list[tuple[BlobRow, ImageConfig]] = []
        legible = [row for row in rows if self._may_be_read(row)]
        for row, content in self._with_contents(legible):
            found = self._look_into(row, content)
            if isinstance(found, config.ImageConfig):
                configs.append((row, found))
            elif found is not None:
                documents.append((row, found))
        children = self._working_set.put_documents(documents)
        self._working_set.put_configs(configs)
        above = derivation.manifests_of_configs(self._working_set, [row.id for row, _ in configs])
        return children | above

    def _may_be_read(self, row: BlobRow) -> bool:
        self._readings[row.id] += 1
        if self._readings[row.id] <= _MOST_READINGS:
            return True
        row.problem = "documents that point at it contradict each other"
        row.parsed = Reading.AS_DECLARED
        return False

    def _with_contents(self, rows: list[BlobRow]) -> Iterator[tuple[BlobRow, bytes | None]]:
        """Yield rows with the contents of their blobs; None for what is no intact document.

        One loop reads all documents of a kind: a call for each takes as long as reading it.
        """
        documents = [row for row in rows if row.kind in DOCUMENTS]
        configs = [row for row in rows if row.kind is Kind.CONFIG]
        others = [row for row in rows if row.kind not in {*DOCUMENTS, Kind.CONFIG}]
        for each, limit in ((documents, MANIFEST_BYTES), (configs, CONFIG_BYTES)):
            contents = self._blobs.contents([row.digest for row in each], limit)
            yield from zip(each, contents, strict=True)
        yield from ((row, None) for row in others)

    def _look_into(self, row: BlobRow, content: bytes | None) -> AnyDocument | ImageConfig | None:
        """Parse the content of a blob, read if it is None; a problem is recorded in its row."""
        digest = codecs.digest(row.digest)
        row.parsed = Reading.AS_DECLARED if row.media_type else Reading.AS_GUESSED
        try:
            if row.kind in DOCUMENTS:
                return parse_document(row, content or self._blobs.read(digest, MANIFEST_BYTES))
            if row.kind is Kind.CONFIG:
                return parse_config(row, content or self._blobs.read(digest, CONFIG_BYTES))
            if row.size <= MANIFEST_BYTES.value and self._blobs.starts_with(digest, b"{"):
                content = self._blobs.read(digest, MANIFEST_BYTES)
                if not row.media_type:
                    return parse_orphan(row, content)
                look_for_children(row, content)
        except CorruptBlob as error:
            row.state, row.problem, row.parsed = State.CORRUPT, error.why, Reading.NO
        except LimitExceeded as error:
            row.problem = str(error)
            if row.kind in DOCUMENTS:
                row.state = State.CORRUPT
        except BlobNotFound:
            row.parsed = Reading.NO  # removed meanwhile: the next reconciliation detects it
        return None

    def _check_sizes(self) -> None:
        """Hash the blobs whose size differs from a descriptor: one of the two is wrong."""
        for row in derivation.with_wrong_size(self._working_set, self._derived):
            digest = codecs.digest(row.digest)
            if not digest.is_verifiable:
                continue
            try:
                file = self._blobs.verify(digest)
            except CorruptBlob as error:
                row.state, row.problem = State.CORRUPT, error.why
            except BlobNotFound:
                continue
            else:
                # Another tool may have completed it in place, which changes no directory time.
                row.size, row.touched = file.size, file.touched_ns
                row.verified = time.time_ns() // 1000


def _batches(ids: Iterable[int], length: int) -> Iterator[set[int]]:
    """Yield ids in ascending order, at most `length` at once."""
    waiting = iter(sorted(ids))
    while batch := set(islice(waiting, length)):
        yield batch


def _recorded(connection: Connection) -> Fingerprint | None:
    return Fingerprint.parse(state.read(connection, FINGERPRINT) or "")
