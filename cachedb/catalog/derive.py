"""What a blob is and how it fares, derived from who points at it and from its file.

Kind, media type, state and platform of a blob are functions of the refs, the links and the files;
they are stored because questions ask for them. After a change they are derived again for the blobs
that the change can have reached, and the result is the same as for a catalog made from nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select

from cachedb.catalog.ingest import chunks
from cachedb.catalog.schema import (
    Kind,
    Reading,
    Role,
    State,
    blob,
    link,
    link_annotation,
    ref,
)
from cachedb.oci import attestation
from cachedb.oci.media_type import MediaType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row, Select

    from cachedb.catalog.ingest import BlobRow, Ingest

DOCUMENTS = frozenset({Kind.INDEX, Kind.MANIFEST, Kind.ATTESTATION})
"""The kinds that point at other blobs."""

_STRENGTH = {
    kind: place
    for place, kind in enumerate((Kind.INDEX, Kind.MANIFEST, Kind.CONFIG, Kind.LAYER, Kind.OTHER))
}


@dataclass(slots=True)
class _Claims:
    """All that refs and links say of one blob."""

    kinds: list[tuple[int, str, int, Kind]] = field(default_factory=list)
    """By strength, media type and size, so that the first one does not depend on any order."""
    platforms: list[int] = field(default_factory=list)
    is_needed: bool = False
    """Some ref, or some parent that is here, does not work without it."""
    is_listed: bool = False
    """Index.json or an index lists it, as only a document should be."""
    may_be_absent: bool = False
    """Every parent can do without it because of what it is."""
    is_attestation: bool = False

    def add(self, kind: Kind, media_type: str, size: int, platform_id: int | None = None) -> None:
        self.kinds.append((_STRENGTH[kind], media_type, size, kind))
        if platform_id is not None:
            self.platforms.append(platform_id)


def derive(ingest: Ingest, ids: Iterable[int]) -> tuple[list[BlobRow], set[int]]:
    """Derive the rows of `ids` again.

    Returns the blobs whose content has to be read now, and the ids of those that a change of
    these can have reached in turn. Rows that nothing stands for any longer are deleted.
    """
    affected = sorted(set(ids))
    ingest.load_ids(affected)
    claims: dict[int, _Claims] = {}
    for batch in chunks(affected):
        claims |= _claims(ingest, batch)
    # One that stood for nothing any longer may have been deleted in an earlier round.
    rows = [row for row in map(ingest.find_id, affected) if row is not None]
    gone = [row for row in rows if row.id not in claims and not row.has_file]
    kept = [row for row in rows if row.id in claims or row.has_file]
    reached = _identify(ingest, kept, claims)
    configured = _configured_platforms(ingest, kept)
    for row in kept:
        found = claims.get(row.id)
        if row.kind is not Kind.CONFIG:
            declared = ingest.first_platform(found.platforms) if found else None
            row.platform_id = configured.get(row.id, declared)
        row.state = _state(row, found)
        if found is not None and not row.has_file:
            row.size = min(found.kinds)[2]
    ingest.flush()
    if gone:
        reached |= ingest.forget_documents(gone)
        ingest.forget(gone)
        reached -= {row.id for row in gone}
    return [row for row in kept if _has_to_be_read(row, claims.get(row.id))], reached


def neighbours(ingest: Ingest, ids: set[int]) -> set[int]:
    """Return the ids whose state hangs on whether the files of `ids` are there.

    They are their children, the other manifests of their indexes, and their parents.
    """
    above = parents(ingest, ids)
    return above | _children(ingest, ids) | _children(ingest, above)


def parents(ingest: Ingest, ids: Iterable[int]) -> set[int]:
    """Return the ids of the documents that point at a blob of `ids`."""
    found: set[int] = set()
    for batch in chunks(set(ids)):
        found.update(
            ingest.connection.scalars(select(link.c.parent_id).where(link.c.child_id.in_(batch)))
        )
    return found


def with_wrong_size(ingest: Ingest, ids: Iterable[int]) -> list[BlobRow]:
    """Return the blobs, not verified yet, whose file has another size than somebody declares."""
    found: set[int] = set()
    for batch in chunks(set(ids)):
        for declared in (ref.c.target_id, ref.c.size), (link.c.child_id, link.c.size):
            target, size = declared
            found.update(
                ingest.connection.scalars(
                    select(target)
                    .join(blob, blob.c.id == target)
                    .where(
                        target.in_(batch),
                        size != blob.c.size,
                        blob.c.state == int(State.PRESENT),
                        blob.c.parsed == int(Reading.NO),
                        blob.c.verified.is_(None),
                    )
                )
            )
    ingest.load_ids(found)
    return [ingest.get(key) for key in sorted(found)]


def _children(ingest: Ingest, ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for batch in chunks(set(ids)):
        found.update(
            ingest.connection.scalars(select(link.c.child_id).where(link.c.parent_id.in_(batch)))
        )
    return found


def _claims(ingest: Ingest, batch: list[int]) -> dict[int, _Claims]:
    claims: dict[int, _Claims] = defaultdict(_Claims)
    for target, media_type, size, platform_id in ingest.connection.execute(
        select(ref.c.target_id, ref.c.media_type, ref.c.size, ref.c.platform_id).where(
            ref.c.target_id.in_(batch)
        )
    ):
        claims[target].add(_kind_of_document(media_type), media_type, size, platform_id)
        claims[target].is_needed = claims[target].is_listed = True
    for row in ingest.connection.execute(_links_to(batch)):
        _add_link(claims[row.child_id], row)
    return dict(claims)


def _links_to(batch: list[int]) -> Select[*tuple[Any, ...]]:
    parent = blob.alias("parent")
    sibling_link, sibling = link.alias("sibling_link"), blob.alias("sibling")
    is_sparse = exists(
        select(1)
        .select_from(sibling_link)
        .join(sibling, sibling.c.id == sibling_link.c.child_id)
        .where(
            sibling_link.c.parent_id == link.c.parent_id,
            sibling_link.c.role == int(Role.MANIFEST),
            sibling.c.touched.is_not(None),
        )
    )
    is_attestation = exists(
        select(1).where(
            link_annotation.c.link_id == link.c.id,
            link_annotation.c.key == attestation.REFERENCE_TYPE,
            link_annotation.c.value == attestation.ATTESTATION_MANIFEST,
        )
    )
    return (
        select(
            link.c.child_id,
            link.c.role,
            link.c.media_type,
            link.c.size,
            link.c.platform_id,
            link.c.embedded,
            parent.c.kind.label("parent_kind"),
            is_sparse.label("is_sparse"),
            is_attestation.label("is_attestation"),
        )
        .join(parent, parent.c.id == link.c.parent_id)
        .where(link.c.child_id.in_(batch))
    )


def _add_link(claims: _Claims, row: Row[*tuple[Any, ...]]) -> None:
    media_type = MediaType(row.media_type)
    match Role(row.role):
        case Role.MANIFEST:
            claims.add(_kind_of_document(media_type), media_type, row.size, row.platform_id)
            claims.is_attestation |= bool(row.is_attestation)
            claims.is_needed |= not row.is_sparse
            claims.is_listed = True
        case Role.SUBJECT:
            claims.add(_kind_of_document(media_type), media_type, row.size, row.platform_id)
        case Role.CONFIG:
            about_software = media_type.is_config and row.parent_kind != Kind.ATTESTATION
            kind = Kind.CONFIG if about_software else Kind.OTHER
            claims.add(kind, media_type, row.size)
            _need(claims, may_be_absent=bool(row.embedded))
        case Role.LAYER:
            claims.add(Kind.LAYER, media_type, row.size)
            _need(claims, may_be_absent=bool(row.embedded) or not media_type.is_distributable)


def _need(claims: _Claims, *, may_be_absent: bool) -> None:
    if may_be_absent:
        claims.may_be_absent = True
    else:
        claims.is_needed = True


def _kind_of_document(media_type: str) -> Kind:
    checked = MediaType(media_type)
    if checked.is_index:
        return Kind.INDEX
    return Kind.MANIFEST if checked.is_manifest else Kind.OTHER


def _identify(ingest: Ingest, rows: list[BlobRow], claims: dict[int, _Claims]) -> set[int]:
    """Set kind and media type; returns the ids that a change of these can have reached."""
    statements = _statements(ingest, rows)
    changed: set[int] = set()
    misread: list[BlobRow] = []
    for row in rows:
        kind, media_type = _identity(claims.get(row.id), row, is_statement=row.id in statements)
        if (row.kind, row.media_type) != (kind, media_type):
            changed.add(row.id)
        if (row.parsed and row.parsed is not _reading(claims.get(row.id))) or (
            row.parsed and row.media_type != media_type
        ):
            misread.append(row)
        row.kind, row.media_type = kind, media_type
    reached = _children(ingest, changed)
    return reached | ingest.forget_documents(misread)


def _identity(found: _Claims | None, row: BlobRow, *, is_statement: bool) -> tuple[Kind, str]:
    if found is not None:
        _, media_type, _, kind = min(found.kinds)
    elif row.parsed is Reading.AS_GUESSED:
        # Nothing points at it: it is what its content says, which whoever read it has put here.
        media_type, kind = row.media_type, row.kind
    else:
        return Kind.OTHER, ""
    if kind in {Kind.MANIFEST, Kind.ATTESTATION}:
        annotated = found is not None and found.is_attestation
        kind = Kind.ATTESTATION if annotated or is_statement else Kind.MANIFEST
    return kind, media_type


def _reading(found: _Claims | None) -> Reading:
    return Reading.AS_GUESSED if found is None else Reading.AS_DECLARED


def _state(row: BlobRow, found: _Claims | None) -> State:
    if row.has_file:
        return row.state if row.state is State.CORRUPT else State.PRESENT
    if found is None or not found.is_needed:
        foreign = found is not None and found.may_be_absent
        return State.FOREIGN if foreign else State.ABSENT
    return State.MISSING


def _has_to_be_read(row: BlobRow, found: _Claims | None) -> bool:
    if row.parsed or not row.has_file or row.state is State.CORRUPT:
        return False
    if row.kind in DOCUMENTS or row.kind is Kind.CONFIG:
        return True
    # An orphan may be a referrer of something that is here; a document of a type that we do not
    # know may point at something. Either is found out by looking.
    return found is None or (row.kind is Kind.OTHER and found.is_listed)


def _statements(ingest: Ingest, rows: list[BlobRow]) -> set[int]:
    """Return which manifests hold nothing but statements about other content."""
    layers: dict[int, list[str]] = defaultdict(list)
    for batch in chunks(row.id for row in rows if row.parsed):
        for parent, media_type in ingest.connection.execute(
            select(link.c.parent_id, link.c.media_type).where(
                link.c.parent_id.in_(batch), link.c.role == int(Role.LAYER)
            )
        ):
            layers[parent].append(media_type)
    by_layers = {key for key, types in layers.items() if all(map(attestation.is_statement, types))}
    by_type = {row.id for row in rows if attestation.is_artifact_type(row.artifact_type or "")}
    return by_layers | by_type


def _configured_platforms(ingest: Ingest, rows: list[BlobRow]) -> dict[int, int]:
    """Return the platforms that the configs of manifests name."""
    child = blob.alias("child")
    found: dict[int, int] = {}
    for batch in chunks(row.id for row in rows if row.parsed):
        pairs = ingest.connection.execute(
            select(link.c.parent_id, child.c.platform_id)
            .join(child, child.c.id == link.c.child_id)
            .where(
                link.c.parent_id.in_(batch),
                link.c.role == int(Role.CONFIG),
                child.c.platform_id.is_not(None),
            )
        )
        found.update({parent: key for parent, key in pairs if key is not None})
    return found
