"""Merging indexes: several builders push one platform each, and the tag ends up with them all.

What comes out is what linuxkit's cache makes of the same two documents, byte for byte, as Go
would write it. Three differences, each where linuxkit loses data: an image for another Windows
build or with other features is another platform; an index inside the remote one is carried along
instead of being an error; and so is a document without a platform that is about nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cachedb.oci import attestation, manifest, strict_json
from cachedb.oci.manifest import Index

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
# What Go writes even when it is empty.
_ALWAYS = frozenset(
    {"schemaVersion", "mediaType", "manifests", "size", "digest", "platform", "architecture", "os"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One element of ``manifests``: what it means, and its JSON with all that we do not know."""

    descriptor: Descriptor
    json: Mapping[str, Any]

    def pointing_at(self, target: Descriptor) -> Entry:
        """Return the entry with another document in it; what it says of its platform stays."""
        if target.digest == self.descriptor.digest:
            return self
        moved = replace(self.descriptor, digest=target.digest, size=target.size, data=None)
        json = {name: item for name, item in self.json.items() if name != "data"}
        return Entry(
            descriptor=moved, json=json | {"digest": str(target.digest), "size": target.size}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """An index with its bytes, which are encoded anew only when it comes to list others."""

    content: bytes
    media_type: MediaType
    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, content: bytes, media_type: MediaType) -> IndexDocument:
        """Read an index.

        Raises:
            InvalidManifest: It is not one.
        """
        index = manifest.parse(content, media_type)
        assert isinstance(index, Index)  # the caller looked at the media type
        listed = strict_json.decode_object(content)["manifests"] or ()
        return cls(
            content=content,
            media_type=media_type,
            entries=tuple(
                Entry(descriptor=descriptor, json=value)
                for descriptor, value in zip(index.manifests, listed, strict=True)
            ),
        )

    @property
    def digests(self) -> frozenset[str]:
        """What it lists."""
        return frozenset(entry.descriptor.digest for entry in self.entries)

    def covers(self, other: IndexDocument) -> bool:
        """Whether everything that `other` lists is listed here too."""
        return other.digests <= self.digests

    def listing(self, entries: Iterable[Entry]) -> IndexDocument:
        """Return this index with other entries, written as Go writes it."""
        kept = tuple(entries)
        value = strict_json.decode_object(self.content)
        value["manifests"] = [_ordered_descriptor(entry.json) for entry in kept]
        content = strict_json.encode(_ordered(value, _TOP))
        return IndexDocument(content=content, media_type=self.media_type, entries=kept)


def append_index(
    primary: IndexDocument, secondary: IndexDocument, subjects: Mapping[str, str] | None = None
) -> IndexDocument:
    """Merge two indexes as linuxkit's AppendIndex does: what `primary` has replaces the other's.

    An index that has it all already is returned as it is. `subjects` says what documents of
    `secondary` are about, where only their content tells.
    """
    if secondary.covers(primary):
        return secondary
    return primary.listing((*primary.entries, *additions(primary, secondary, subjects or {})))


def additions(
    primary: IndexDocument, secondary: IndexDocument, subjects: Mapping[str, str]
) -> tuple[Entry, ...]:
    """Return what a merged index keeps of `secondary`: images first, then what is about them.

    An image for a platform that `primary` has as well is out of date, and so is every statement
    about it. Something unknown that is about nothing goes, as linuxkit has it.
    """
    ours = [entry.descriptor.platform for entry in primary.entries]
    kept: dict[str, Entry] = {}
    statements: list[tuple[str, Entry]] = []
    for entry in secondary.entries:
        descriptor = entry.descriptor
        if descriptor.digest in primary.digests:
            continue
        about = attestation.about(descriptor.annotations) or subjects.get(descriptor.digest)
        if about is not None:
            statements.append((about, entry))
        elif not _is_replaced(descriptor.platform, ours):
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
    """Put the fields that Go knows into Go's order, the empty ones left out; others come last."""
    known = {
        name: value[name] for name in names if value.get(name) or name in _ALWAYS & value.keys()
    }
    if "annotations" in known:
        known["annotations"] = dict(sorted(known["annotations"].items()))
    return known | {name: item for name, item in value.items() if name not in names}
