"""Merging of image indexes: several builders push one platform each to one tag.

The result equals that of linuxkit's cache for the same two documents, byte for byte, as Go encodes
it. It differs where linuxkit loses data: an image for another Windows build or with other features
is another platform; an inner index of the remote index is kept instead of being an error; and so
is a document without a platform that describes no manifest of this index.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cachedb.oci import attestation, manifest, strict_json
from cachedb.oci.manifest import Index
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.media_type import MediaType
    from cachedb.oci.platform.model import Platform

_TOP = ("schemaVersion", "mediaType", "manifests", "annotations", "subject")
_DESCRIPTOR = (
    "mediaType",
    "size",
    "digest",
    "data",
    "urls",
    "annotations",
    "platform",
    "artifactType",
)
_PLATFORM = ("architecture", "os", "os.version", "os.features", "variant", "features")
# Go writes these even when they are empty.
_ALWAYS = frozenset(
    {"schemaVersion", "mediaType", "manifests", "size", "digest", "platform", "architecture", "os"}
)


class IndexEntry(NamedTuple):
    """One element of ``manifests``: its descriptor, and its JSON with unknown fields."""

    descriptor: Descriptor
    json: Mapping[str, Any]
    """Object as decoded, with the fields that cachedb does not know."""

    def pointing_at(self, target: Descriptor) -> IndexEntry:
        """Return the entry with the digest and size of another document; its platform stays."""
        if target.digest == self.descriptor.digest:
            return self
        moved = self.descriptor.replace(digest=target.digest, size=target.size, data=None)
        json = {name: item for name, item in self.json.items() if name != "data"}
        return IndexEntry(
            descriptor=moved, json=json | {"digest": str(target.digest), "size": target.size}
        )


class IndexDocument(NamedTuple):
    """An index with its bytes, which are encoded again only when its entries change."""

    content: bytes
    """Bytes of the document, of which its digest is the hash."""
    media_type: MediaType
    entries: tuple[IndexEntry, ...]
    """Elements of ``manifests``, in their order."""

    @classmethod
    def parse(cls, content: bytes, media_type: MediaType) -> IndexDocument:
        """Parse an index.

        Raises:
            InvalidManifest: The content is not an index.
        """
        index = manifest.parse(content, media_type)
        assert isinstance(index, Index)  # the caller has checked the media type
        listed = strict_json.decode_object(content)["manifests"] or ()
        return cls(
            content=content,
            media_type=media_type,
            entries=tuple(
                IndexEntry(descriptor=descriptor, json=value)
                for descriptor, value in zip(index.manifests, listed, strict=True)
            ),
        )

    @property
    def digests(self) -> frozenset[str]:
        """The digests of all entries."""
        return frozenset(entry.descriptor.digest for entry in self.entries)

    def covers(self, other: IndexDocument) -> bool:
        """Return whether every digest that `other` lists is listed here too."""
        return other.digests <= self.digests

    def listing(self, entries: Iterable[IndexEntry]) -> IndexDocument:
        """Return the index with other entries, encoded as Go encodes it.

        Fields of the document that cachedb does not know stay.
        """
        kept = tuple(entries)
        value = strict_json.decode_object(self.content)
        value["manifests"] = [_ordered_descriptor(entry.json) for entry in kept]
        content = strict_json.encode(_ordered(value, _TOP))
        return IndexDocument(content=content, media_type=self.media_type, entries=kept)


class MergeClues(NamedTuple):
    """Properties of listed documents that only their content states, by digest.

    `subjects` maps artifacts to their subjects; `platforms` maps images whose descriptors have no
    platform to that of their configs.
    """

    subjects: Mapping[str, str] = MappingProxyType({})
    platforms: Mapping[str, Platform] = MappingProxyType({})

    def platform_of(self, descriptor: Descriptor) -> Platform | None:
        """Return the platform of a listed document: that of its descriptor, else its config's."""
        return descriptor.platform or self.platforms.get(descriptor.digest)


NO_CLUES = MergeClues()


def append_index(
    primary: IndexDocument, secondary: IndexDocument, clues: MergeClues = NO_CLUES
) -> IndexDocument:
    """Merge two indexes as linuxkit's AppendIndex does; entries of `primary` win.

    If `secondary` lists every digest of `primary`, it is returned unchanged.
    """
    if secondary.covers(primary):
        return secondary
    return primary.listing((*primary.entries, *additions(primary, secondary, clues)))


def additions(
    primary: IndexDocument, secondary: IndexDocument, clues: MergeClues
) -> tuple[IndexEntry, ...]:
    """Return the entries of `secondary` that a merged index keeps: images, then attestations.

    An image for a platform of `primary` is replaced, and so is every attestation about it. An
    entry for an unknown platform that describes no manifest is dropped, as in linuxkit.
    """
    ours = [clues.platform_of(entry.descriptor) for entry in primary.entries]
    kept: dict[str, IndexEntry] = {}
    statements: list[tuple[str, IndexEntry]] = []
    for entry in secondary.entries:
        descriptor = entry.descriptor
        if descriptor.digest in primary.digests:
            continue
        about = attestation.about(descriptor.annotations)
        about = about or clues.subjects.get(descriptor.digest)
        if about is not None:
            statements.append((about, entry))
        elif not _is_replaced(clues.platform_of(descriptor), ours):
            kept.setdefault(descriptor.digest, entry)
    for about, entry in statements:
        if about in primary.digests or about in kept:
            kept.setdefault(entry.descriptor.digest, entry)
    return tuple(kept.values())


def _is_replaced(platform: Platform | None, ours: Sequence[Platform | None]) -> bool:
    if platform is None:
        return False
    return platform.is_unknown or any(
        mine is not None and mine.is_same_as(platform) and _features(mine) == _features(platform)
        for mine in ours
    )


def _features(platform: Platform) -> tuple[str, ...]:
    return platform.normalized().os_features


def _ordered_descriptor(value: Mapping[str, Any]) -> dict[str, Any]:
    found = _ordered(value, _DESCRIPTOR)
    if isinstance(found.get("platform"), dict):
        found["platform"] = _ordered(found["platform"], _PLATFORM)
    return found


def _ordered(value: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Order the fields that Go knows as Go does, without empty ones; others come last."""
    known = {
        name: value[name] for name in names if value.get(name) or name in _ALWAYS & value.keys()
    }
    if "annotations" in known:
        known["annotations"] = dict(sorted(known["annotations"].items()))
    return known | {name: item for name, item in value.items() if name not in names}
