"""Statements that select refs, with the blobs that they point at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, update

from cachedb.catalog.enums import Role
from cachedb.catalog.queries import blobs, graph
from cachedb.catalog.queries.definition import (
    among_ids,
    among_texts,
    defines,
    each_id,
    not_among_ids,
)
from cachedb.catalog.schema import blob, link, ref, ref_annotation
from cachedb.catalog.statements import refs
from cachedb.oci.names import cosign_tag
from cachedb.oci.names.entry_name import KIND

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, Update


@defines(refs.ALL)
def every() -> Select[*tuple[Any, ...]]:
    """Select every ref."""
    return _refs()


@defines(refs.BY_NAME)
def by_name() -> Select[*tuple[Any, ...]]:
    """Select every ref in the order of a listing."""
    return _in_order_of_listing(select(ref.c.id, ref.c.name))


@defines(refs.DIGESTS)
def digests() -> Select[int, str]:
    """Select the digests of all refs in the order of a listing."""
    return _in_order_of_listing(select(ref.c.id, blob.c.digest).select_from(ref))


@defines(refs.OF_IDS)
def of_ids() -> Select[*tuple[Any, ...]]:
    """Select the refs of some ids."""
    return _refs(among_ids(ref.c.id, "ids"))


@defines(refs.OF_NAMES)
def of_names() -> Select[*tuple[Any, ...]]:
    """Select the refs of some names."""
    return _refs(among_texts(ref.c.name, "names"))


@defines(refs.OF_SHARED_NAMES)
def of_shared_names() -> Select[*tuple[Any, ...]]:
    """Select the refs of names that several have; costs a scan of the index of names."""
    other = ref.alias("other")
    several = select(other.c.name).where(other.c.name.is_not(None)).group_by(other.c.name)
    return _refs(ref.c.name.in_(several.having(func.count() > 1)))


@defines(refs.TAGGED)
def tagged() -> Select[*tuple[Any, ...]]:
    """Select the refs with some tags; costs a scan of an index of refs."""
    tags = ref.alias("tags")
    return (
        select(
            ref.c.name,
            ref.c.registry,
            ref.c.repo,
            ref.c.tag,
            blob.c.digest,
            ref.c.media_type,
            ref.c.size,
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .where(ref.c.id.in_(select(tags.c.id).where(among_texts(tags.c.tag, "tags"))))
        .order_by(ref.c.name, blob.c.digest)
    )


@defines(refs.OF_TAG)
def of_tag() -> Select[*tuple[Any, ...]]:
    """Select the refs of a tag, or of none, in a repository."""
    return _refs(
        ref.c.registry == bindparam("registry"),
        ref.c.repo == bindparam("repo"),
        ref.c.tag.is_not_distinct_from(bindparam("tag")),
    )


@defines(refs.OF_DIGESTS)
def of_digests() -> Select[*tuple[Any, ...]]:
    """Select the refs of a range of digests."""
    return _refs(blob.c.digest.between(bindparam("low"), bindparam("high")))


@defines(refs.CONTAINING)
def containing() -> Select[*tuple[Any, ...]]:
    """Select the refs that contain a blob."""
    seed = select(blob.c.id).where(blob.c.id == bindparam("blob_id"))
    return _refs(ref.c.target_id.in_(select(graph.ancestors(seed, "above").c.id)))


@defines(refs.CONTAINING_DIGEST)
def containing_digest() -> Select[*tuple[Any, ...]]:
    """Select the refs that contain the blob of a digest."""
    seed = select(blob.c.id).where(blob.c.digest == bindparam("digest"))
    return _refs(ref.c.target_id.in_(select(graph.ancestors(seed, "above").c.id)))


@defines(refs.RECORD_SOURCE)
def record_source() -> Update:
    """Record the source of refs."""
    return (
        update(ref)
        .where(ref.c.name == bindparam("name"))
        .values(
            source=bindparam("source"),
            origin=bindparam("origin"),
            pulled=bindparam("pulled"),
        )
    )


@defines(refs.PINNED)
def pinned() -> Select[int]:
    """Select the refs with a pin, and the others of their names, or digests without a name."""
    other = ref.alias("other")
    named = select(other.c.name).where(other.c.pinned == 1, other.c.name.is_not(None))
    unnamed = select(other.c.target_id).where(other.c.pinned == 1, other.c.name.is_(None))
    return select(ref.c.id).where(
        (ref.c.pinned == 1)
        | ref.c.name.in_(named)
        | (ref.c.name.is_(None) & ref.c.target_id.in_(unnamed))
    )


@defines(refs.PARTIAL)
def partial() -> Select[*tuple[Any, ...]]:
    """Select the refs that contain a platform that was not pulled."""
    return _refs(ref.c.target_id.in_(blobs.partial()))


@defines(refs.CLAIMS)
def claims() -> Select[str, int]:
    """Select the claims of refs about a blob."""
    return select(ref.c.media_type, ref.c.size).where(ref.c.target_id == bindparam("blob_id"))


@defines(refs.SOURCES)
def sources() -> Select[*tuple[Any, ...]]:
    """Select the sources of the refs that contain a blob."""
    seed = select(blob.c.id).where(blob.c.id == bindparam("blob_id"))
    above = graph.ancestors(seed, "above")
    return (
        select(ref.c.registry, ref.c.repo, ref.c.source, ref.c.origin)
        .where(ref.c.target_id.in_(select(above.c.id)))
        .order_by(ref.c.position)
    )


@defines(refs.UNNAMED_REFERRERS)
def unnamed_referrers() -> Select[int, int, str, str]:
    """Select the unnamed refs to referrers that some refs contain."""
    seed = select(ref.c.target_id).where(among_ids(ref.c.id, "ids"))
    below = graph.descendants(seed, "below")
    about = blob.alias("about")
    return (
        select(
            ref.c.id, blob.c.id.label("blob_id"), blob.c.digest, about.c.digest.label("subject")
        )
        .join_from(ref, blob, blob.c.id == ref.c.target_id)
        .join(link, link.c.parent_id == blob.c.id)
        .join(about, about.c.id == link.c.child_id)
        .where(
            ref.c.name.is_(None),
            link.c.role == int(Role.SUBJECT),
            ref.c.target_id.in_(select(below.c.id)),
        )
        .order_by(ref.c.position)
    )


@defines(refs.UNNAMED_WITHIN)
def unnamed_within() -> Select[*tuple[Any, ...]]:
    """Select the refs without a name that reach part of the content of some refs."""
    targets = select(ref.c.target_id).where(among_ids(ref.c.id, "ids"))
    content = graph.descendants(targets, "content")
    return _refs(
        ref.c.name.is_(None),
        not_among_ids(ref.c.id, "ids"),
        ref.c.target_id.in_(select(content.c.id)),
    )


@defines(refs.TAGGED_AFTER)
def tagged_after() -> Select[*tuple[Any, ...]]:
    """Select the refs whose tag has the digest of a document that only some refs reach."""
    alone = graph.exclusive(each_id("ids"), "alone")
    tagged, about = ref.alias("tagged"), blob.alias("about")
    prefix, hexadecimals = "sha256-", 64  # A digest by sha512 is too long for a tag.
    digest = "sha256:" + func.substr(tagged.c.tag, len(prefix) + 1, hexadecimals)
    suffix = func.substr(tagged.c.tag, len(prefix) + hexadecimals + 1)
    attached = (
        select(tagged.c.id)
        .join(about, about.c.digest == digest)
        .where(
            func.substr(tagged.c.tag, 1, len(prefix)) == prefix,
            suffix.in_(["", *cosign_tag.SUFFIXES]),
            about.c.id.in_(select(alone.c.id)),
        )
    )
    return _refs(ref.c.id.in_(attached), not_among_ids(ref.c.id, "ids"))


@defines(refs.NAMES)
def names() -> Select[str | None]:
    """Select every name."""
    return select(ref.c.name).where(ref.c.name.is_not(None))


def _in_order_of_listing(rows: Select[Any, Any]) -> Select[Any, Any]:
    return rows.join(blob, blob.c.id == ref.c.target_id).order_by(
        ref.c.name.is_(None), ref.c.name, blob.c.digest, ref.c.position
    )


def _refs(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ref.c.id,
            ref.c.name,
            ref.c.media_type,
            ref.c.size,
            blob.c.id.label("blob_id"),
            blob.c.digest,
            blob.c.kind,
            ref.c.pinned,
            ref.c.entry,
            ref_annotation.c.value.label("entry_kind"),
            ref.c.platform_id.label("declared_id"),
            blob.c.platform_id.label("configured_id"),
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .outerjoin(
            ref_annotation,
            (ref_annotation.c.ref_id == ref.c.id) & (ref_annotation.c.key == KIND),
        )
        .where(*conditions)
        .order_by(ref.c.position)
    )
