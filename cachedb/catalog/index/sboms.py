"""Rows of documents that name packages: the images that they describe, and the results of reading.

A document is a layer of a manifest about another one: of an attestation that an index lists beside
its subject, or of a manifest with a subject. Both are derived from links and files, in the same
transaction. The packages of a document are read later, outside of the transaction, and kept until
its file changes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.index import packages
from cachedb.catalog.statement import many
from cachedb.catalog.statements.index import package_rows, sbom_rows
from cachedb.oci.digest import Digest
from cachedb.oci.names.cosign_tag import subject_of
from cachedb.oci.names.entry_name import is_attached_kind
from cachedb.packages.document_types import DocumentTypes
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.index.packages import PackedPackages
    from cachedb.catalog.statements.index.sbom_rows import DocumentClaim, SbomRow, UnreadRow
    from cachedb.catalog.statements.index.stored_refs import AttachableRef
    from cachedb.oci.digest import Digest

# From this number of changed blobs on, reading every link is faster than reading those of each.
_MANY = 2_000


class Unread(Record):
    """An unread document: its types, and the state of its file."""

    digest: Digest
    touched: int
    """Time of the file's last change when it was listed, in nanoseconds since 1970."""
    media_type: str
    """Media type by which the document is read."""
    predicate_type: str
    """Predicate type that its link declares; '' if it declares none."""


class SbomReading(Record):
    """Result of reading a document: its packages, or why it cannot be read."""

    document: Unread
    """Document that was read."""
    packages: PackedPackages
    """Packages that it names, none if it cannot be read."""
    skipped: str | None = None
    """Number of elements of the document that could not be read, and the first of them."""
    problem: str | None = None
    """Reason why it cannot be read as a whole; None if it can."""
    is_corrupt: bool = False
    """Whether the content of the file does not match its digest."""


class SbomClaim(Record):
    """Declaration of a document by a link, and the subject of the manifest that has the link."""

    digest: Digest
    target_id: int
    """Id of the blob that the document describes."""
    media_type: str
    """Media type of the document."""
    predicate_type: str
    """Predicate type that the link declares; '' if it declares none."""


class _Wanted:
    """The types by which a document is read, and the blobs that it describes."""

    __slots__ = ("media_type", "predicate_type", "targets")

    def __init__(self, media_type: str, predicate_type: str) -> None:
        self.media_type = media_type
        self.predicate_type = predicate_type
        self.targets: set[int] = set()

    def is_as(self, row: SbomRow) -> bool:
        """Return whether a row of `sbom` has the same types."""
        said = (row.media_type, row.predicate_type)
        return said == (self.media_type, self.predicate_type)


def forget(connection: Connection, ids: Iterable[int]) -> None:
    """Delete the packages of documents, and of manifests, whose files have changed."""
    changed = list(ids)
    if changed:
        _forget_documents(connection, changed)
        packages.withdraw_in(connection, changed)


def named_subjects(named: Collection[AttachableRef]) -> frozenset[str]:
    """Return the digests that have attachments by name: entries of index.json with tag or kind.

    No link leads from the attachment to such a subject.
    """
    subjects: set[str] = {found for one in named if (found := subject_of(one.name)) is not None}
    attached = {one.name for one in named if is_attached_kind(one.kind)}
    if attached:
        subjects.update(one.digest for one in named if one.name in attached)
    return frozenset(subjects)


def reconcile(connection: Connection, ids: Iterable[int]) -> None:
    """Update the rows of documents after a change of links or files of `ids`.

    Packages of a read document are entered at the manifests that it describes now; a new document
    is recorded as unread.
    """
    changed = set(ids)
    affected = _every(connection) if len(changed) > _MANY else _affected(connection, changed)
    if affected:
        _reconcile(connection, sorted(affected))


def unread(connection: Connection) -> list[Unread]:
    """Return the unread documents."""
    return [_as_unread(row) for row in connection.each(sbom_rows.UNREAD)]


def remember(connection: Connection, readings: Collection[SbomReading]) -> None:
    """Enter the packages of documents that have not changed since they were listed."""
    ids = _still_unread(connection, [reading.document for reading in readings])
    valid = [reading for reading in readings if reading.document in ids]
    good = [reading for reading in valid if reading.problem is None]
    targets = _targets(connection, ids.values())
    packages.enter(
        connection,
        [(ids[r.document], targets[ids[r.document]], r.packages) for r in good],
    )
    _mark_read(connection, {ids[reading.document]: reading for reading in good})
    for reading in valid:
        if reading.problem is not None:
            _note_problem(connection, ids[reading.document], reading)


def remember_part(connection: Connection, document: Unread, part: Iterable[bytes]) -> bool:
    """Enter some packages of a large document, which stays unread until `finish`.

    False if the document has changed meanwhile, or another process has read it.
    """
    ids = _still_unread(connection, [document])
    for key, targets in _targets(connection, ids.values()).items():
        packages.enter_missing(connection, key, sorted(targets), part)
    return bool(ids)


def finish(connection: Connection, reading: SbomReading) -> None:
    """Mark a document as read after every part has been entered.

    Manifests that it describes only now get a copy. If no manifest has all packages, the document
    stays unread, and the next reconciliation reads it again.
    """
    ids = _still_unread(connection, [reading.document])
    for key, targets in _targets(connection, ids.values()).items():
        counts = packages.counts_of(connection, key)
        whole = {target for target in targets if counts.get(target) == len(reading.packages)}
        if not whole:
            continue
        for target in sorted(targets - whole):
            packages.withdraw_by_in(connection, key, target)
            packages.copy(connection, key, min(whole), target)
        _mark_read(connection, {key: reading})


def claims_about(connection: Connection, targets: Iterable[int]) -> list[SbomClaim]:
    """Return the documents that describe some blobs, by manifest and position."""
    described: dict[int, set[int]] = defaultdict(set)
    for pair in connection.each(sbom_rows.DESCRIBING, ids=many(targets)):
        described[pair.manifest_id].add(pair.target_id)
    claims = connection.rows(sbom_rows.CLAIMS_OF, ids=many(sorted(described)))
    return [
        SbomClaim(
            digest=codecs.digest(row.digest),
            target_id=target,
            media_type=_types(row).media_type,
            predicate_type=row.predicate_type,
        )
        for row in claims
        if _types(row).may_name_packages
        for target in sorted(described[row.parent_id])
    ]


def _still_unread(connection: Connection, documents: Collection[Unread]) -> dict[Unread, int]:
    """Return the ids of those documents that have not changed since they were listed."""
    known = set(documents)
    found: dict[Unread, int] = {}
    digests = many(document.digest for document in documents)
    for row in connection.each(sbom_rows.UNREAD_OF, digests=digests):
        if (document := _as_unread(row)) in known:
            found[document] = row.id
    return found


def _mark_read(connection: Connection, readings: Mapping[int, SbomReading]) -> None:
    connection.write_each(
        sbom_rows.SET_READ,
        [
            {"document_id": key, "packages": len(found.packages), "problem": found.skipped}
            for key, found in readings.items()
        ],
    )


def _note_problem(connection: Connection, key: int, reading: SbomReading) -> None:
    # An interrupted attempt with other limits may have entered some packages.
    packages.withdraw_by(connection, [key])
    connection.write(sbom_rows.SET_PROBLEM, document_id=key, problem=reading.problem)
    if reading.is_corrupt:
        connection.write(sbom_rows.SET_CORRUPT, document_id=key, problem=reading.problem)


def _targets(connection: Connection, documents: Iterable[int]) -> dict[int, set[int]]:
    """Return the blobs that documents describe."""
    found: dict[int, set[int]] = defaultdict(set)
    found |= {key: want.targets for key, want in _wanted(connection, list(documents)).items()}
    return found


def _every(connection: Connection) -> set[int]:
    """Return the ids of all present and former documents."""
    return set(connection.values(sbom_rows.ALL_IDS))


def _affected(connection: Connection, ids: set[int]) -> set[int]:
    """Return the ids of documents that a change of some blobs may affect.

    They are the blobs themselves, the layers that they list, and the documents about them.
    """
    changed = many(ids)
    manifests = ids.union(connection.values(sbom_rows.NEAR, ids=changed))
    return {
        *connection.values(sbom_rows.CALLED_SO, ids=changed),
        *connection.values(sbom_rows.LISTED_BY, ids=many(manifests)),
    }


def _reconcile(connection: Connection, batch: list[int]) -> None:
    wanted = _wanted(connection, batch)
    rows = connection.each(sbom_rows.OF_IDS, ids=many(batch))
    known = {row.document_id: row for row in rows}
    entered = _entered(connection, list(known))
    to_read = {
        key
        for key, want in wanted.items()
        if key not in known or not _moves(connection, known[key], want, entered[key])
    }
    _forget_documents(connection, [key for key in known if key not in wanted or key in to_read])
    connection.insert(
        sbom_rows.INSERT,
        [(key, wanted[key].media_type, wanted[key].predicate_type) for key in sorted(to_read)],
    )


def _forget_documents(connection: Connection, documents: list[int]) -> None:
    if documents:
        packages.withdraw_by(connection, documents)
        connection.write(sbom_rows.DELETE, ids=many(documents))


def _moves(connection: Connection, row: SbomRow, want: _Wanted, entered: set[int]) -> bool:
    """Enter the packages of a document at its manifests; return False if it has to be read."""
    if not want.is_as(row):
        return False
    for surplus in entered - want.targets:
        packages.withdraw_by_in(connection, row.document_id, surplus)
    if not row.packages:  # it names none, or is unread
        return True
    stays = entered & want.targets
    if not stays:
        return False
    for target in want.targets - stays:
        packages.copy(connection, row.document_id, min(stays), target)
    return True


def _entered(connection: Connection, documents: list[int]) -> dict[int, set[int]]:
    """Return where packages of documents have been entered."""
    found: dict[int, set[int]] = defaultdict(set)
    for row in connection.each(package_rows.ENTERED, ids=many(documents)):
        found[row.document_id].add(row.blob_id)
    return found


def _wanted(connection: Connection, batch: list[int]) -> dict[int, _Wanted]:
    """Return the types of documents and the blobs that they describe, by the current rows."""
    rows = connection.each(sbom_rows.CLAIMS_TO, ids=many(batch))
    claims = [
        (types.media_type, types.predicate, row.child_id, row.parent_id)
        for row in rows
        if (types := _types(row)).may_name_packages
    ]
    described = _described(connection, {parent for _, _, _, parent in claims})
    wanted: dict[int, _Wanted] = {}
    # Claims may differ. The first by name counts, so that the order of arrival does not matter.
    for media_type, predicate_type, child, parent in sorted(claims):
        if targets := described[parent]:
            want = wanted.setdefault(child, _Wanted(media_type, predicate_type))
            want.targets |= targets
    return wanted


def _types(row: DocumentClaim) -> DocumentTypes:
    return DocumentTypes(
        layer=row.layer_type,
        artifact=row.artifact_type,
        config=row.config_type,
        predicate=row.predicate_type,
    )


def _described(connection: Connection, manifests: Iterable[int]) -> dict[int, set[int]]:
    """Return the subjects of manifests, or the siblings that attestations are about."""
    found: dict[int, set[int]] = defaultdict(set)
    for pair in connection.each(sbom_rows.DESCRIBED_BY, ids=many(sorted(manifests))):
        found[pair.manifest_id].add(pair.target_id)
    return found


def _as_unread(row: UnreadRow) -> Unread:
    return Unread(
        digest=codecs.digest(row.digest),
        touched=row.touched,
        media_type=row.media_type,
        predicate_type=row.predicate_type,
    )
