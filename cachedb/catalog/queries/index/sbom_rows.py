"""Statements on SBOM documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, union, union_all, update

from cachedb.catalog.enums import Role, State
from cachedb.catalog.queries.definition import among_ids, among_texts, defines
from cachedb.catalog.queries.index import attached
from cachedb.catalog.schema import annotation, blob, edge, link, link_annotation, sbom
from cachedb.catalog.statements.index import sbom_rows
from cachedb.oci import attestation
from cachedb.packages.document_types import PREDICATE_TYPE_ANNOTATIONS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Delete, Insert, Select, Update

_HAS_FILE = blob.c.touched.is_not(None)


@defines(sbom_rows.UNREAD)
def unread() -> Select[*tuple[Any, ...]]:
    """Select the documents that were not read."""
    return _unread().order_by(blob.c.digest)


@defines(sbom_rows.UNREAD_OF)
def unread_of() -> Select[*tuple[Any, ...]]:
    """Select the unread ones of some documents."""
    return _unread().where(among_texts(blob.c.digest, "digests"))


@defines(sbom_rows.OF_IDS)
def of_ids() -> Select[*tuple[Any, ...]]:
    """Select documents."""
    columns = (sbom.c[name] for name in sbom_rows.SbomRow._fields)
    return select(*columns).where(among_ids(sbom.c.document_id, "ids"))


@defines(sbom_rows.UNREADABLE)
def unreadable() -> Select[str, str, str | None, int | None]:
    """Select the documents that were not read, or only in part."""
    return (
        select(blob.c.digest, sbom.c.media_type, sbom.c.problem, sbom.c.packages)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.problem.is_not(None) | sbom.c.packages.is_(None))
        .order_by(blob.c.digest)
    )


@defines(sbom_rows.ALL_IDS)
def all_ids() -> CompoundSelect[int]:
    """Select every document, and every layer that links declare as one."""
    return union(
        select(sbom.c.document_id.label("id")),
        select(link.c.child_id.label("id")).where(_is_of_describing_manifest()),
    )


@defines(sbom_rows.CALLED_SO)
def called_so() -> CompoundSelect[int]:
    """Select those of some blobs that are documents, or that links declare as such."""
    return union(
        select(sbom.c.document_id.label("id")).where(among_ids(sbom.c.document_id, "ids")),
        select(link.c.child_id.label("id")).where(
            among_ids(link.c.child_id, "ids"), _is_of_describing_manifest()
        ),
    )


@defines(sbom_rows.LISTED_BY)
def listed_by() -> Select[int]:
    """Select the documents of manifests, also of those that an entry attached before."""
    was_read = select(sbom.c.document_id).where(sbom.c.document_id == link.c.child_id)
    return select(link.c.child_id).where(
        among_ids(link.c.parent_id, "ids"),
        _is_of_describing_manifest() | was_read.correlate(link).exists(),
    )


@defines(sbom_rows.CLAIMS_TO)
def claims_to() -> Select[*tuple[Any, ...]]:
    """Select the links to documents."""
    return _claims(among_ids(link.c.child_id, "ids"))


@defines(sbom_rows.CLAIMS_OF)
def claims_of() -> Select[*tuple[Any, ...]]:
    """Select the links of manifests to documents."""
    return _claims(among_ids(link.c.parent_id, "ids"))


@defines(sbom_rows.DESCRIBED_BY)
def described_by() -> CompoundSelect[*tuple[Any, ...]]:
    """Select the subjects of manifests."""
    return union_all(
        *(
            pairs.where(among_ids(pairs.selected_columns[0], "ids"), _HAS_FILE)
            for pairs in (_subjects(), _siblings())
        ),
        _attached(attached.pairs_from(attached.DOCUMENTS, "ids")).where(_HAS_FILE),
    )


@defines(sbom_rows.DESCRIBING)
def describing() -> CompoundSelect[*tuple[Any, ...]]:
    """Select the manifests that are about blobs."""
    return union_all(
        *(
            pairs.where(among_ids(pairs.selected_columns[1], "ids"), _HAS_FILE)
            for pairs in (_subjects(), _siblings())
        ),
        _attached(attached.pairs(attached.DOCUMENTS)).where(
            among_ids(blob.c.id, "ids"), _HAS_FILE
        ),
    )


@defines(sbom_rows.NEAR)
def near() -> CompoundSelect[int]:
    """Select the manifests that are about blobs, with a file or without."""
    found = []
    for pairs in (_subjects(), _siblings()):
        manifest, target = pairs.selected_columns
        found.append(pairs.with_only_columns(manifest).where(among_ids(target, "ids")))
    named = attached.pairs(attached.DOCUMENTS).cte("attached")
    found.append(select(named.c.manifest_id).where(among_ids(named.c.target_id, "ids")))
    return union_all(*found)


@defines(sbom_rows.INSERT)
def insert_documents() -> Insert:
    """Insert documents that were not read."""
    return insert(sbom)


@defines(sbom_rows.SET_READ)
def set_read() -> Update:
    """Update the number of read packages of a document, and its unreadable elements."""
    return (
        update(sbom)
        .where(sbom.c.document_id == bindparam("document_id"))
        .values(packages=bindparam("packages"), problem=bindparam("problem"))
    )


@defines(sbom_rows.SET_PROBLEM)
def set_problem() -> Update:
    """Update the reason why a document cannot be read."""
    return (
        update(sbom)
        .where(sbom.c.document_id == bindparam("document_id"))
        .values(packages=0, problem=bindparam("problem"))
    )


@defines(sbom_rows.SET_CORRUPT)
def set_corrupt() -> Update:
    """Update that a file is corrupt."""
    return (
        update(blob)
        .where(blob.c.id == bindparam("document_id"))
        .values(state=int(State.CORRUPT), problem=bindparam("problem"), verified=None)
    )


@defines(sbom_rows.DELETE)
def delete_documents() -> Delete:
    """Delete documents."""
    return delete(sbom).where(among_ids(sbom.c.document_id, "ids"))


def _claims(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select the layers that may be documents and have a file."""
    parent, config = blob.alias("parent"), link.alias("config")
    config_type = (
        select(func.min(config.c.media_type))
        .where(config.c.parent_id == link.c.parent_id, config.c.role == int(Role.CONFIG))
        .correlate(link)
        .scalar_subquery()
    )
    return (
        select(
            link.c.parent_id,
            link.c.child_id,
            blob.c.digest,
            link.c.media_type.label("layer_type"),
            func.coalesce(parent.c.artifact_type, "").label("artifact_type"),
            func.coalesce(config_type, "").label("config_type"),
            _predicate_type().label("predicate_type"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .join(parent, parent.c.id == link.c.parent_id)
        .where(condition, _HAS_FILE, _is_of_describing_manifest())
        .order_by(link.c.parent_id, link.c.position)
    )


def _predicate_type() -> ColumnElement[str]:
    """Return the predicate type in annotations of the descriptor, else of the manifest."""
    of_layer = select(func.min(link_annotation.c.value)).where(
        link_annotation.c.link_id == link.c.id,
        link_annotation.c.key.in_(PREDICATE_TYPE_ANNOTATIONS),
    )
    of_manifest = select(func.min(annotation.c.value)).where(
        annotation.c.blob_id == link.c.parent_id,
        annotation.c.key.in_(PREDICATE_TYPE_ANNOTATIONS),
    )
    found: ColumnElement[str] = func.coalesce(
        of_layer.correlate(link).scalar_subquery(),
        of_manifest.correlate(link).scalar_subquery(),
        "",
    )
    return found


def _is_of_describing_manifest() -> ColumnElement[bool]:
    """Return the condition that a link is to a layer of a manifest that has a subject.

    The types of the layer are left to `DocumentTypes`: four places may state them.
    """
    subject, listed = link.alias("subject"), link.alias("listed_attestation")
    kind = link_annotation.alias("kind_of_entry")
    has_subject = select(subject.c.id).where(
        subject.c.parent_id == link.c.parent_id, subject.c.role == int(Role.SUBJECT)
    )
    is_listed_attestation = (
        select(listed.c.id)
        .join(kind, kind.c.link_id == listed.c.id)
        .where(
            listed.c.child_id == link.c.parent_id,
            listed.c.role == int(Role.MANIFEST),
            kind.c.key == attestation.REFERENCE_TYPE,
            kind.c.value == attestation.ATTESTATION_MANIFEST,
        )
    )
    return (link.c.role == int(Role.LAYER)) & or_(
        has_subject.correlate(link).exists(),
        is_listed_attestation.correlate(link).exists(),
        attached.is_attached(link.c.parent_id, attached.DOCUMENTS),
    )


def _subjects() -> Select[int, int]:
    """Pair manifests with their subjects."""
    return (
        select(link.c.parent_id.label("manifest_id"), link.c.child_id.label("target_id"))
        .join(blob, blob.c.id == link.c.child_id)
        .where(link.c.role == int(Role.SUBJECT))
    )


def _siblings() -> Select[int, int]:
    """Pair attestations with the manifests beside them in an index that they describe.

    An index states the subjects of its attestations, and only for manifests that it lists.
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
        select(listed.c.child_id.label("manifest_id"), edge.c.child_id.label("target_id"))
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


def _attached(pairs: CompoundSelect[int, int]) -> Select[int, int]:
    """Join pairs with the files of the subjects of the attachments."""
    found = pairs.cte("attached")
    return select(found.c.manifest_id, found.c.target_id).join(
        blob, blob.c.id == found.c.target_id
    )


def _unread() -> Select[*tuple[Any, ...]]:
    return (
        select(blob.c.id, blob.c.digest, blob.c.touched, sbom.c.media_type, sbom.c.predicate_type)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.packages.is_(None))
    )
