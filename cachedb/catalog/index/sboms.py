"""Which documents name packages, what they describe, and which of them have been read.

A document is a layer of a manifest that is about something else: of an attestation that an index
lists beside what it is about, or of anything with a subject. Both follow from links and files,
and are settled with them. What a document names is read later, outside of the transaction, and
remembered until its file changes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from cachedb.catalog.enums import Role, State
from cachedb.catalog.index import packages
from cachedb.catalog.index.packages import PackedPackages
from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import blob, blob_package, edge, link, link_annotation, sbom
from cachedb.oci import attestation
from cachedb.oci.digest import Digest
from cachedb.packages.sbom_documents import BUNDLES, MEDIA_TYPES, may_hold_packages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import ColumnElement, Row, Select

    from cachedb.catalog.executor import Connection

# From so many changed blobs on, it is faster to look at every link than at those of each.
_MANY = 2_000
_IS_HERE = blob.c.touched.is_not(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A document that has not been read: as what it is to be read, and which file it was."""

    digest: Digest
    touched: int
    media_type: str
    predicate_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of reading a document: its packages, or why it cannot be read."""

    document: Unread
    packages: PackedPackages = field(default_factory=PackedPackages)
    problem: str | None = None
    is_corrupt: bool = False
    """Whether the file does not hold what its name says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a link says of a document, and what the manifest that it is in describes."""

    digest: Digest
    target_id: int
    media_type: str
    predicate_type: str


@dataclass(slots=True)
class _Wanted:
    """As what a document is to be read, and the blobs that it describes."""

    media_type: str
    predicate_type: str
    targets: set[int] = field(default_factory=set)

    def is_as(self, row: Row[Any]) -> bool:
        """Whether a row of `sbom` says the same."""
        said = (row.media_type, row.predicate_type)
        return said == (self.media_type, self.predicate_type)


def forget(connection: Connection, ids: Iterable[int]) -> None:
    """Drop what was read of documents, and entered at manifests, whose files have changed."""
    for batch in chunks(ids):
        _forget_documents(connection, batch)
        packages.withdraw(connection, blob_package.c.blob_id.in_(batch))


def settle(connection: Connection, ids: Iterable[int]) -> None:
    """Bring documents in step with links and files after anything about `ids` has changed.

    Packages of a document that has been read are entered at what it describes now; a document
    that is new is noted as unread.
    """
    changed = set(ids)
    affected = _every(connection) if len(changed) > _MANY else _affected(connection, changed)
    for batch in chunks(sorted(affected)):
        _settle(connection, batch)


def unread(connection: Connection) -> list[Unread]:
    """Return the documents that wait to be read."""
    rows = connection.execute(_unread().order_by(blob.c.digest))
    return [_as_unread(row) for row in rows]


def remember(connection: Connection, readings: Collection[Reading]) -> None:
    """Enter what documents name, but for those of which anything has changed meanwhile."""
    ids = _still_unread(connection, [reading.document for reading in readings])
    valid = [reading for reading in readings if reading.document in ids]
    good = [reading for reading in valid if reading.problem is None]
    targets = _targets(connection, ids.values())
    packages.enter(
        connection,
        [(ids[r.document], targets[ids[r.document]], r.packages) for r in good],
    )
    _mark_read(connection, {ids[r.document]: len(r.packages) for r in good})
    for reading in valid:
        if reading.problem is not None:
            _note_problem(connection, ids[reading.document], reading)


def remember_part(connection: Connection, document: Unread, part: Iterable[bytes]) -> bool:
    """Enter some of what a large document names, which stays unread until `finish`.

    False if anything about it has changed meanwhile, or somebody else has read it.
    """
    ids = _still_unread(connection, [document])
    for key, targets in _targets(connection, ids.values()).items():
        packages.enter_missing(connection, key, sorted(targets), part)
    return bool(ids)


def finish(connection: Connection, reading: Reading) -> None:
    """Take a document for read of which every part has been entered.

    What it has come to describe on the way gets a copy. If nothing has all of it, it stays
    unread, and the next one begins anew.
    """
    ids = _still_unread(connection, [reading.document])
    for key, targets in _targets(connection, ids.values()).items():
        counts = packages.counts_of(connection, key)
        whole = {target for target in targets if counts.get(target) == len(reading.packages)}
        if not whole:
            continue
        for target in sorted(targets - whole):
            _withdraw(connection, key, target)
            packages.copy(connection, key, min(whole), target)
        _mark_read(connection, {key: len(reading.packages)})


def unreadable() -> Select[str, str, str | None]:
    """Select the documents that cannot be read and why, or that have not been read."""
    return (
        select(blob.c.digest, sbom.c.media_type, sbom.c.problem)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.problem.is_not(None) | sbom.c.packages.is_(None))
        .order_by(blob.c.digest)
    )


def claims_about(connection: Connection, targets: Iterable[int]) -> list[Claim]:
    """Return the documents that describe some blobs, by manifest and place therein."""
    described: dict[int, set[int]] = defaultdict(set)
    for batch in chunks(targets):
        for pairs in _subjects(), _siblings():
            target = pairs.selected_columns[1]
            for manifest, key in connection.execute(pairs.where(target.in_(batch), _IS_HERE)):
                described[manifest].add(key)
    return [
        Claim(
            digest=Digest.declared(row.digest),
            target_id=target,
            media_type=row.media_type,
            predicate_type=row.predicate_type,
        )
        for batch in chunks(sorted(described))
        for row in _claims(connection, link.c.parent_id.in_(batch))
        for target in sorted(described[row.parent_id])
    ]


def _still_unread(connection: Connection, documents: Collection[Unread]) -> dict[Unread, int]:
    """Return the ids of those documents of which nothing has changed since they were listed."""
    known = set(documents)
    found: dict[Unread, int] = {}
    for batch in chunks(document.digest for document in documents):
        for row in connection.execute(_unread().where(blob.c.digest.in_(batch))):
            if (document := _as_unread(row)) in known:
                found[document] = row.id
    return found


def _mark_read(connection: Connection, counts: Mapping[int, int]) -> None:
    if counts:
        connection.execute(
            update(sbom)
            .where(sbom.c.document_id == bindparam("key"))
            .values(packages=bindparam("count")),
            [{"key": key, "count": count} for key, count in counts.items()],
        )


def _note_problem(connection: Connection, key: int, reading: Reading) -> None:
    # An attempt that was interrupted, with other limits, may have entered some.
    packages.withdraw(connection, blob_package.c.document_id == key)
    connection.execute(
        update(sbom).where(sbom.c.document_id == key).values(packages=0, problem=reading.problem)
    )
    if reading.is_corrupt:
        connection.execute(
            update(blob)
            .where(blob.c.id == key)
            .values(state=int(State.CORRUPT), problem=reading.problem, verified=None)
        )


def _withdraw(connection: Connection, document: int, target: int) -> None:
    own = blob_package.c.document_id == document
    packages.withdraw(connection, own & (blob_package.c.blob_id == target))


def _targets(connection: Connection, documents: Iterable[int]) -> dict[int, set[int]]:
    """Return the blobs that documents describe."""
    found: dict[int, set[int]] = defaultdict(set)
    for batch in chunks(documents):
        found |= {key: want.targets for key, want in _wanted(connection, batch).items()}
    return found


def _every(connection: Connection) -> set[int]:
    """Return the ids of all that is, or was, a document."""
    known = select(sbom.c.document_id)
    listed = select(link.c.child_id).where(_is_to_document())
    return {*connection.scalars(known), *connection.scalars(listed)}


def _affected(connection: Connection, ids: set[int]) -> set[int]:
    """Return the ids of documents for which it may matter what has changed about some blobs.

    They are these themselves, what these list, and what describes these.
    """
    found: set[int] = set()
    manifests = set(ids)
    for batch in chunks(ids):
        known = select(sbom.c.document_id).where(sbom.c.document_id.in_(batch))
        listed = select(link.c.child_id).where(link.c.child_id.in_(batch), _is_to_document())
        found |= {*connection.scalars(known), *connection.scalars(listed)}
        for pairs in _subjects(), _siblings():
            manifest, target = pairs.selected_columns
            about = pairs.with_only_columns(manifest).where(target.in_(batch))
            manifests.update(connection.scalars(about))
    for batch in chunks(manifests):
        layers = select(link.c.child_id).where(link.c.parent_id.in_(batch), _is_to_document())
        found.update(connection.scalars(layers))
    return found


def _settle(connection: Connection, batch: list[int]) -> None:
    wanted = _wanted(connection, batch)
    known = {
        row.document_id: row
        for row in connection.execute(select(sbom).where(sbom.c.document_id.in_(batch)))
    }
    entered = _entered(connection, list(known))
    to_read = {
        key
        for key, want in wanted.items()
        if key not in known or not _moves(connection, known[key], want, entered[key])
    }
    _forget_documents(connection, [key for key in known if key not in wanted or key in to_read])
    if to_read:
        connection.execute(
            insert(sbom),
            [
                {
                    "document_id": key,
                    "media_type": wanted[key].media_type,
                    "predicate_type": wanted[key].predicate_type,
                }
                for key in sorted(to_read)
            ],
        )


def _forget_documents(connection: Connection, documents: list[int]) -> None:
    if documents:
        packages.withdraw(connection, blob_package.c.document_id.in_(documents))
        connection.execute(delete(sbom).where(sbom.c.document_id.in_(documents)))


def _moves(connection: Connection, row: Row[Any], want: _Wanted, entered: set[int]) -> bool:
    """Enter the packages of a document where they belong now; False if it has to be read."""
    if not want.is_as(row):
        return False
    for surplus in entered - want.targets:
        _withdraw(connection, row.document_id, surplus)
    if not row.packages:  # it names none, or waits to be read
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
    pairs = (
        select(blob_package.c.document_id, blob_package.c.blob_id)
        .where(blob_package.c.document_id.in_(documents))
        .distinct()
    )
    for key, target in connection.execute(pairs):
        found[key].add(target)
    return found


def _wanted(connection: Connection, batch: list[int]) -> dict[int, _Wanted]:
    """Return as what documents are to be read, and what they describe, as things stand."""
    claims = _claims(connection, link.c.child_id.in_(batch))
    described = _described(connection, {row.parent_id for row in claims})
    wanted: dict[int, _Wanted] = {}
    # Claims may differ. The first by name counts, so that the order of arrival does not matter.
    for row in sorted(claims, key=lambda row: (row.media_type, row.predicate_type)):
        if targets := described[row.parent_id]:
            want = wanted.setdefault(row.child_id, _Wanted(row.media_type, row.predicate_type))
            want.targets |= targets
    return wanted


def _claims(connection: Connection, condition: ColumnElement[bool]) -> list[Row[Any]]:
    """Return the links to documents that have a file and may name packages."""
    stated = func.coalesce(link_annotation.c.value, "").label("predicate_type")
    rows: Iterable[Row[Any]] = connection.execute(
        select(link.c.parent_id, link.c.child_id, link.c.media_type, stated, blob.c.digest)
        .join(blob, blob.c.id == link.c.child_id)
        .outerjoin(
            link_annotation,
            (link_annotation.c.link_id == link.c.id)
            & (link_annotation.c.key == attestation.PREDICATE_TYPE),
        )
        .where(condition, _IS_HERE, _is_to_document())
        .order_by(link.c.parent_id, link.c.position)
    )
    return [row for row in rows if may_hold_packages(row.media_type, row.predicate_type)]


def _is_to_document() -> ColumnElement[bool]:
    media_type = func.lower(link.c.media_type)
    is_known = media_type.in_(sorted(MEDIA_TYPES)) | media_type.startswith(BUNDLES)
    return (link.c.role == int(Role.LAYER)) & is_known


def _described(connection: Connection, manifests: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for batch in chunks(sorted(manifests)):
        for pairs in _subjects(), _siblings():
            manifest = pairs.selected_columns[0]
            for key, target in connection.execute(pairs.where(manifest.in_(batch), _IS_HERE)):
                found[key].add(target)
    return found


def _subjects() -> Select[int, int]:
    """Pair manifests with their subjects."""
    return (
        select(link.c.parent_id, link.c.child_id)
        .join(blob, blob.c.id == link.c.child_id)
        .where(link.c.role == int(Role.SUBJECT))
    )


def _siblings() -> Select[int, int]:
    """Pair attestations with what is listed beside them and they are about.

    An index says what its attestations are about, and it speaks for nothing that it does not
    list.
    """
    listed, sibling = link.alias("listed"), link.alias("sibling")
    kind, about = link_annotation.alias("kind"), link_annotation.alias("about")
    # By way of the edge, of which there is one: an index may list a manifest many times.
    is_listed = (
        select(sibling.c.id)
        .where(
            sibling.c.parent_id == edge.c.parent_id,
            sibling.c.child_id == edge.c.child_id,
            sibling.c.role == int(Role.MANIFEST),
        )
        .exists()
    )
    return (
        select(listed.c.child_id, edge.c.child_id)
        .select_from(listed)
        .join(kind, kind.c.link_id == listed.c.id)
        .join(about, about.c.link_id == listed.c.id)
        .join(edge, edge.c.parent_id == listed.c.parent_id)
        .join(blob, (blob.c.id == edge.c.child_id) & (blob.c.digest == about.c.value))
        .where(
            listed.c.role == int(Role.MANIFEST),
            is_listed,
            kind.c.key == attestation.REFERENCE_TYPE,
            kind.c.value == attestation.ATTESTATION_MANIFEST,
            about.c.key == attestation.REFERENCE_DIGEST,
        )
    )


def _unread() -> Select[*tuple[Any, ...]]:
    return (
        select(blob.c.id, blob.c.digest, blob.c.touched, sbom.c.media_type, sbom.c.predicate_type)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.packages.is_(None))
    )


def _as_unread(row: Row[Any]) -> Unread:
    return Unread(
        digest=Digest.declared(row.digest),
        touched=row.touched,
        media_type=row.media_type,
        predicate_type=row.predicate_type,
    )
