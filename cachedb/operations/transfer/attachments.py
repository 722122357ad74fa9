"""Attachments of an image by name: by tag, as cosign 2, or by kind, as cosign and hauler save."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from cachedb.catalog import codecs
from cachedb.catalog.index.ref_rows import parts_of
from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs
from cachedb.oci import Descriptor, MediaType
from cachedb.oci.names import cosign_tag
from cachedb.oci.names.entry_name import is_attached_kind
from cachedb.oci.reference import TagName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.refs import TaggedRow
    from cachedb.oci import Digest

_SUFFIXES_OF_KINDS = {
    "sigs": cosign_tag.SIGNATURE,
    "atts": cosign_tag.ATTESTATIONS,
    "sboms": cosign_tag.SBOM,
}


class Attachment(NamedTuple):
    """A manifest that is attached to another one, and its tag beside that in a repository."""

    name: str
    """Name of the entry that attaches it."""
    tag: TagName
    root: Descriptor
    """Descriptor of the manifest."""


def attachments_of(
    connection: Connection, name: str | None, root: Digest, documents: Iterable[Digest]
) -> list[Attachment]:
    """Find the attachments of an image among the entries of index.json, each tag once.

    `name` and `root` are those of the image, `documents` the digests of all of its documents.
    A tag of the repository of `name` has precedence; one that only other repositories have counts
    if it is the same manifest in all of them.
    """
    found = {each.tag: each for each in _by_kind(connection, name, root)}
    found |= {each.tag: each for each in _by_tag(connection, name, documents)}
    return [found[tag] for tag in sorted(found)]


def _by_tag(
    connection: Connection, name: str | None, documents: Iterable[Digest]
) -> Iterator[Attachment]:
    tags = [tag for digest in documents for tag in cosign_tag.cosign_tags(digest)]
    rows: dict[str, list[TaggedRow]] = defaultdict(list)
    for row in connection.each(refs.TAGGED, tags=many(tags)):
        rows[row.tag].append(row)
    own = parts_of(name)[:2]
    for tag, candidates in rows.items():
        beside = [row for row in candidates if (row.registry, row.repo) == own] or candidates
        if len({row.digest for row in beside}) == 1:
            row = beside[0]
            yield Attachment(row.name, TagName(tag), _descriptor(row))


def _by_kind(connection: Connection, name: str | None, root: Digest) -> Iterator[Attachment]:
    if name is None:
        return
    for row in connection.each(refs.OF_NAMES, names=many([name])):
        kind = (row.entry_kind or "").rpartition("/")[2]
        suffix = _SUFFIXES_OF_KINDS.get(kind)
        if suffix is None or not is_attached_kind(row.entry_kind):
            continue
        for tag in cosign_tag.cosign_tags(root):
            if tag.endswith(suffix):
                yield Attachment(name, tag, _descriptor(row))


def _descriptor(row: TaggedRow | refs.RefRow) -> Descriptor:
    return Descriptor(
        media_type=MediaType(row.media_type),
        digest=codecs.digest(row.digest),
        size=codecs.size(row.size),
    )
