"""Statements on documents that name packages, and on packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select

from cachedb.catalog.enums import DOCUMENTS, Kind
from cachedb.catalog.queries import graph
from cachedb.catalog.queries.definition import among_ids, defines
from cachedb.catalog.schema import blob, blob_package, package, ref, sbom
from cachedb.catalog.statements import sboms

if TYPE_CHECKING:
    from sqlalchemy import Select


@defines(sboms.UNREAD)
def unread() -> Select[int]:
    """Select one document that was not read yet."""
    return select(sbom.c.document_id).where(sbom.c.packages.is_(None)).limit(1)


@defines(sboms.PACKAGES)
def packages() -> Select[*tuple[Any, ...]]:
    """Select the packages of some blobs."""
    return (
        select(
            blob_package.c.blob_id,
            package.c.name,
            package.c.version,
            package.c.type,
            package.c.license,
            package.c.purl,
            package.c.vkey,
            package.c.id,
        )
        .join(package, package.c.id == blob_package.c.package_id)
        .where(among_ids(blob_package.c.blob_id, "targets"))
        .distinct()
        .order_by(package.c.name, package.c.vkey, package.c.id)
    )


@defines(sboms.COVERAGE)
def coverage() -> Select[int, int, int]:
    """Count refs of images, those without packages, and SBOMs that were not read as a whole."""
    described = select(blob.c.id).where(
        blob.c.kind.in_(sorted(map(int, DOCUMENTS))),
        exists(select(1).where(blob_package.c.blob_id == blob.c.id)),
    )
    covered = graph.ancestors(described, "covered")
    images = (
        select(func.count())
        .select_from(ref)
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.artifact_type.is_(None), blob.c.kind != int(Kind.ATTESTATION))
    )
    # Not `graph.outside`: SQLite would walk again for every ref.
    with_packages = images.join(covered, covered.c.id == ref.c.target_id)
    unread = select(func.count()).where(sbom.c.problem.is_not(None) | sbom.c.packages.is_(None))
    return select(
        images.scalar_subquery().label("refs"),
        (images.scalar_subquery() - with_packages.scalar_subquery()).label("without"),
        unread.scalar_subquery().label("unreadable"),
    )
