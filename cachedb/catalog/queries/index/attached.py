"""Pairs of an attached manifest and its subject, by tag or kind of its entry in index.json.

cosign 2 gives an attachment a tag with the digest of its subject; cosign and hauler save it under
the name of its image, with the annotation ``kind``. Neither has a ``subject``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, or_, select, union_all

from cachedb.catalog.queries.definition import among_ids
from cachedb.catalog.schema import blob, ref, ref_annotation
from cachedb.oci.names import cosign_tag
from cachedb.oci.names.entry_name import IMAGE_KINDS, KIND
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, CompoundSelect, FromClause, Select


class Attachments(NamedTuple):
    """One type of attachment: the suffixes of its tags, and the last words of its kinds."""

    suffixes: tuple[str, ...]
    """Suffixes of the tags that cosign 2 gives, as ``.sig``."""
    kinds: tuple[str, ...]
    """Last words of the annotation ``kind``, as ``sigs``."""


SIGNATURES = Attachments((cosign_tag.SIGNATURE,), ("sigs",))
DOCUMENTS = Attachments((cosign_tag.ATTESTATIONS, cosign_tag.SBOM), ("atts", "sboms"))
"""Attestations and SBOMs, which may name packages."""


def pairs(sort: Attachments) -> CompoundSelect[int, int]:
    """Pair attached manifests with their subjects; costs a scan of an index of refs."""
    # The rows of that index are read, and not those of the table, which hold whole entries.
    tags = ref.alias("tags")
    tagged = select(tags.c.id).where(_has_suffix(tags, sort.suffixes))
    by_tag = _by_tag(sort.suffixes).where(ref.c.id.in_(tagged))
    return union_all(by_tag, _by_kind(sort.kinds))


def pairs_from(sort: Attachments, manifests: str) -> CompoundSelect[int, int]:
    """Pair the attached manifests of bound ids with their subjects; costs lookups in indexes."""
    by_tag = _by_tag(sort.suffixes).where(_has_suffix(ref, sort.suffixes))
    is_chosen = among_ids(ref.c.target_id, manifests)
    return union_all(by_tag.where(is_chosen), _by_kind(sort.kinds).where(is_chosen))


def is_attached(manifest: ColumnElement[int], sort: Attachments) -> ColumnElement[bool]:
    """Return the condition that an entry attaches a manifest, by its tag or its kind."""
    found = (
        select(ref.c.id)
        .outerjoin(
            ref_annotation, (ref_annotation.c.ref_id == ref.c.id) & (ref_annotation.c.key == KIND)
        )
        .where(
            ref.c.target_id == manifest,
            or_(_has_suffix(ref, sort.suffixes), _is_kind(ref_annotation, sort.kinds)),
        )
    )
    return found.exists()


def _by_tag(suffixes: tuple[str, ...]) -> Select[int, int]:
    tag = ref.c.tag
    lengths = [(_ends_with(tag, suffix), len(suffix)) for suffix in suffixes]
    subject = func.substr(tag, 1, func.length(tag) - case(*lengths, else_=0))
    return select(ref.c.target_id.label("manifest_id"), blob.c.id.label("target_id")).join(
        blob, blob.c.digest == func.replace(subject, "-", ":")
    )


def _by_kind(kinds: tuple[str, ...]) -> Select[int, int]:
    """Pair an attached entry with the image of its name."""
    kind, image, image_kind = (
        ref_annotation.alias("kind"),
        ref.alias("image"),
        ref_annotation.alias("image_kind"),
    )
    other = (
        select(image_kind.c.ref_id)
        .where(
            image_kind.c.ref_id == image.c.id,
            image_kind.c.key == KIND,
            ~_is_kind(image_kind, IMAGE_KINDS),
        )
        .correlate(image)
    )
    return (
        select(ref.c.target_id.label("manifest_id"), image.c.target_id.label("target_id"))
        .join(kind, (kind.c.ref_id == ref.c.id) & (kind.c.key == KIND))
        .join(image, image.c.name == ref.c.name)
        .where(_is_kind(kind, kinds), ~other.exists())
    )


def _has_suffix(table: FromClause, suffixes: Iterable[str]) -> ColumnElement[bool]:
    return or_(*(_ends_with(table.c.tag, suffix) for suffix in suffixes))


def _is_kind(annotation: FromClause, words: Iterable[str]) -> ColumnElement[bool]:
    value = annotation.c.value
    return or_(*(or_(value == word, _ends_with(value, f"/{word}")) for word in words))


def _ends_with(text: ColumnElement[Any], suffix: str) -> ColumnElement[bool]:
    return func.substr(text, func.length(text) - (len(suffix) - 1)) == suffix
