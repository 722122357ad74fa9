"""Statements on SBOM documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, union, union_all, update

from cachedb.catalog.enums import Role, State
from cachedb.catalog.queries.definition import defines, each_id, each_text
from cachedb.catalog.schema import blob, edge, link, link_annotation, sbom
from cachedb.catalog.statements.index import sbom_rows
from cachedb.oci import attestation
from cachedb.packages.sbom_documents import BUNDLES, MEDIA_TYPES

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Delete, Insert, Select, Update

_HAS_FILE = blob.c.touched.is_not(None)


@defines(sbom_rows.UNREAD)
def unread() -> Select[*tuple[Any, ...]]:
    """Select the documents that were not read."""
    return _unread().order_by(blob.c.digest)


@defines(sbom_rows.UNREAD_OF)
def unread_of() -> Select[*tuple[Any, ...]]:
    """Select which of some documents were not read."""
    return _unread().where(blob.c.digest.in_(each_text("digests")))


@defines(sbom_rows.OF_IDS)
def of_ids() -> Select[*tuple[Any, ...]]:
    """Select documents."""
    columns = (sbom.c[name] for name in sbom_rows.SbomRow._fields)
    return select(*columns).where(sbom.c.document_id.in_(each_id("ids")))


@defines(sbom_rows.UNREADABLE)
def unreadable() -> Select[str, str, str | None]:
    """Select the documents that cannot be read and why, or that have not been read."""
    return (
        select(blob.c.digest, sbom.c.media_type, sbom.c.problem)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.problem.is_not(None) | sbom.c.packages.is_(None))
        .order_by(blob.c.digest)
    )


@defines(sbom_rows.ALL_IDS)
def all_ids() -> CompoundSelect[int]:
    """Select every document, and what links call one."""
    return union(
        select(sbom.c.document_id.label("id")),
        select(link.c.child_id.label("id")).where(_is_to_document()),
    )


@defines(sbom_rows.CALLED_SO)
def called_so() -> CompoundSelect[int]:
    """Select which of some blobs are documents, or are called so."""
    return union(
        select(sbom.c.document_id.label("id")).where(sbom.c.document_id.in_(each_id("ids"))),
        select(link.c.child_id.label("id")).where(
            link.c.child_id.in_(each_id("ids")), _is_to_document()
        ),
    )


@defines(sbom_rows.LISTED_BY)
def listed_by() -> Select[int]:
    """Select what manifests call a document."""
    return select(link.c.child_id).where(link.c.parent_id.in_(each_id("ids")), _is_to_document())


@defines(sbom_rows.CLAIMS_TO)
def claims_to() -> Select[*tuple[Any, ...]]:
    """Select the links to documents."""
    return _claims(link.c.child_id.in_(each_id("ids")))


@defines(sbom_rows.CLAIMS_OF)
def claims_of() -> Select[*tuple[Any, ...]]:
    """Select the links of manifests to documents."""
    return _claims(link.c.parent_id.in_(each_id("ids")))


@defines(sbom_rows.DESCRIBED_BY)
def described_by() -> CompoundSelect[*tuple[Any, ...]]:
    """Select what manifests are about."""
    return union_all(
        *(
            pairs.where(pairs.selected_columns[0].in_(each_id("ids")), _HAS_FILE)
            for pairs in (_subjects(), _siblings())
        )
    )


@defines(sbom_rows.DESCRIBING)
def describing() -> CompoundSelect[*tuple[Any, ...]]:
    """Select the manifests that are about blobs."""
    return union_all(
        *(
            pairs.where(pairs.selected_columns[1].in_(each_id("ids")), _HAS_FILE)
            for pairs in (_subjects(), _siblings())
        )
    )


@defines(sbom_rows.NEAR)
def near() -> CompoundSelect[int]:
    """Select the manifests that are about blobs, with a file or without."""
    found = []
    for pairs in (_subjects(), _siblings()):
        manifest, target = pairs.selected_columns
        found.append(pairs.with_only_columns(manifest).where(target.in_(each_id("ids"))))
    return union_all(*found)


@defines(sbom_rows.INSERT)
def insert_documents() -> Insert:
    """Insert documents that were not read."""
    return insert(sbom)


@defines(sbom_rows.SET_READ)
def set_read() -> Update:
    """Update how many packages a document names."""
    return (
        update(sbom)
        .where(sbom.c.document_id == bindparam("document_id"))
        .values(packages=bindparam("packages"))
    )


@defines(sbom_rows.SET_PROBLEM)
def set_problem() -> Update:
    """Update why a document cannot be read."""
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
    return delete(sbom).where(sbom.c.document_id.in_(each_id("ids")))


def _claims(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select the links to documents that have a file."""
    stated = func.coalesce(link_annotation.c.value, "").label("predicate_type")
    return (
        select(link.c.parent_id, link.c.child_id, link.c.media_type, stated, blob.c.digest)
        .join(blob, blob.c.id == link.c.child_id)
        .outerjoin(
            link_annotation,
            (link_annotation.c.link_id == link.c.id)
            & (link_annotation.c.key == attestation.PREDICATE_TYPE),
        )
        .where(condition, _HAS_FILE, _is_to_document())
        .order_by(link.c.parent_id, link.c.position)
    )


def _is_to_document() -> ColumnElement[bool]:
    media_type = func.lower(link.c.media_type)
    is_known = media_type.in_(sorted(MEDIA_TYPES)) | media_type.startswith(BUNDLES)
    return (link.c.role == int(Role.LAYER)) & is_known


def _subjects() -> Select[int, int]:
    """Pair manifests with their subjects."""
    return (
        select(link.c.parent_id.label("manifest_id"), link.c.child_id.label("target_id"))
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


def _unread() -> Select[*tuple[Any, ...]]:
    return (
        select(blob.c.id, blob.c.digest, blob.c.touched, sbom.c.media_type, sbom.c.predicate_type)
        .join(blob, blob.c.id == sbom.c.document_id)
        .where(sbom.c.packages.is_(None))
    )
