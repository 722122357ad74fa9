"""Parts of an image: the manifests that its documents in the layout list, and a choice of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import (
    BlobNotFound,
    InvalidInput,
    InvalidReference,
    NotFound,
    PlatformNotFound,
    Refused,
)
from cachedb.oci import (
    Descriptor,
    Manifest,
    MediaType,
    Platform,
    Reference,
    attestation,
    graph,
)
from cachedb.oci.index_merge import IndexDocument, IndexEntry
from cachedb.oci.platform.match import only
from cachedb.oci.platform.model import this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.layout import Layout
    from cachedb.oci import Digest
    from cachedb.operations.read.resolve import ResolvedImage, Root
    from cachedb.operations.transfer.local_graph import LocalDocuments, LocalReferrers


class Part(NamedTuple):
    """A manifest that an index lists, or the one that an image is.

    `document` is None when it is absent; `configured` is the platform in its config.
    """

    entry: IndexEntry
    """Entry of the index, or one made for the image itself."""
    document: Manifest | None
    configured: Platform | None
    is_here: bool
    """Whether the manifest is in the layout."""

    @property
    def descriptor(self) -> Descriptor:
        """Descriptor of the part in its parent."""
        return self.entry.descriptor

    @property
    def platform(self) -> Platform | None:
        """The platform that the index gives it, or else its config."""
        return self.descriptor.platform or self.configured

    @property
    def may_be_image(self) -> bool:
        """Whether it is an image, or may be one if its manifest is absent."""
        if self.document is not None:
            return self.document.is_image and not self.document.is_attestation
        platform = self.descriptor.platform
        return (
            self.descriptor.media_type.is_manifest
            and not attestation.is_attestation(self.descriptor.annotations)
            and not (platform is not None and platform.is_unknown)
        )

    @property
    def label(self) -> str:
        """Name of the part in messages."""
        return self.platform.full if self.platform else str(self.descriptor.digest)

    def image(self, name: str | None) -> Manifest:
        """Return the manifest, which has to be that of an image.

        Raises:
            InvalidInput: The manifest is not that of an image.
        """
        if self.document is None or not self.document.is_image:
            what = name or self.descriptor.digest
            raise InvalidInput(f"{what!r} is not an image that has a file system")
        return self.document


def find_parts(
    documents: LocalDocuments, roots: Sequence[Descriptor], name: str | None
) -> list[Part]:
    """Return the parts of an image: the manifests of its index, itself, or one a platform."""
    if len(roots) > 1:
        return platforms_of(documents, roots)
    (root,) = roots
    is_index = root.media_type.is_index
    return parts_of(documents, root) if is_index else [single(documents, root, name)]


def platforms_of(documents: LocalDocuments, roots: Sequence[Descriptor]) -> list[Part]:
    """Return the manifests of an image that is one manifest a platform; some may be absent."""
    return [_part(documents, IndexEntry(descriptor=root, json=root.to_json())) for root in roots]


def single(documents: LocalDocuments, descriptor: Descriptor, name: str | None) -> Part:
    """Return an image that is not an index as a part of itself.

    Raises:
        InvalidInput: The descriptor is that of a blob.
        BlobNotFound: The image is not in the layout.
    """
    if not descriptor.media_type.is_manifest:
        raise InvalidInput(f"{name or descriptor.digest!r} is a blob, and not an image")
    if not documents.is_here(descriptor):
        raise BlobNotFound(descriptor.digest)
    return _part(documents, IndexEntry(descriptor=descriptor, json=descriptor.to_json()))


def parts_of(documents: LocalDocuments, index: Descriptor) -> list[Part]:
    """Return the manifests of an index at any depth, each once, in the order of the documents.

    An inner index that is absent is a part itself.

    Raises:
        LimitExceeded: The index is nested too deeply, or has too many documents.
    """
    documents.explore(index)
    entered = {index.digest}

    def inside(entry: IndexEntry) -> tuple[IndexEntry, ...] | None:
        inner = entry.descriptor
        if not inner.media_type.is_index or not documents.is_here(inner):
            return None
        is_new = inner.digest not in entered
        entered.add(inner.digest)
        return _entries(documents, inner) if is_new else ()

    found: dict[Digest, Part] = {}
    for entry in graph.leaves(_entries(documents, index), inside):
        if entry.descriptor.digest not in found:
            found[entry.descriptor.digest] = _part(documents, entry)
    return list(found.values())


def content_of(
    documents: LocalDocuments, root: Descriptor, referrers: LocalReferrers | None = None
) -> ImageContent:
    """Return all content of an image in the order of publication, with that of its referrers.

    Optional content is included if present; the presence of required blobs and their sizes are not
    checked (`check_present`).

    Raises:
        BlobNotFound: A document is not in the layout.
        LimitExceeded: The image is nested too deeply, or has too many documents.
    """
    found = documents.explore(root, referrers)
    if found.missing:
        raise BlobNotFound(found.missing[0].digest)
    ordered: dict[Digest, Descriptor] = {}
    for digest in found.documents:
        for each in (*documents.leaves(found.content[digest]), found.descriptors[digest]):
            ordered.setdefault(each.digest, each)
    own = found if referrers is None else documents.explore(root)
    referring = [found.descriptors[key] for key in found.documents if key not in own.content]
    return ImageContent(
        blobs=tuple(ordered.values()),
        referrers=tuple(each for each in referring if found.content[each.digest].subject),
    )


class ImageContent(NamedTuple):
    """All content of an image: `blobs` include the documents, children before parents.

    `referrers` are the manifests that refer to a document of the image and are not part of it.
    """

    blobs: tuple[Descriptor, ...]
    referrers: tuple[Descriptor, ...]


def listing(documents: LocalDocuments, index: Descriptor, kept: Sequence[Part]) -> bytes:
    """Return an index that lists some parts only, and keeps all other fields."""
    whole = IndexDocument.parse(documents.content(index), index.media_type)
    return whole.listing(part.entry for part in kept).content


def with_statements(parts: Sequence[Part], chosen: Sequence[Part]) -> list[Part]:
    """Add the present attestations about the chosen parts, in the order of all parts."""
    digests = {part.descriptor.digest for part in chosen}
    return [
        part
        for part in parts
        if part.descriptor.digest in digests or (part.is_here and _about(part) in digests)
    ]


def _entries(documents: LocalDocuments, index: Descriptor) -> tuple[IndexEntry, ...]:
    return IndexDocument.parse(documents.content(index), index.media_type).entries


def _part(documents: LocalDocuments, entry: IndexEntry) -> Part:
    descriptor = entry.descriptor
    is_here = documents.is_here(descriptor)
    is_image = is_here and descriptor.media_type.is_manifest
    document = documents.document(descriptor) if is_image else None
    return Part(
        entry=entry,
        document=document if isinstance(document, Manifest) else None,
        configured=documents.platform_of(descriptor) if is_image else None,
        is_here=is_here,
    )


def choose(
    parts: Sequence[Part], wanted: Sequence[Platform], name: str | None, *, is_forced: bool
) -> list[Part]:
    """Choose the best part for each wanted platform; each part once.

    Raises:
        PlatformNotFound: No part is for one of them.
        NotFound: The part is listed, and was never pulled.
        Refused: The config names another platform.
    """
    found: dict[Digest, Part] = {}
    for platform in wanted:
        part = _best(parts, platform, name, is_forced=is_forced)
        _refuse_absent(part, name)
        if not is_forced:
            _refuse_contradiction(part, name)
        found[part.descriptor.digest] = part
    return list(found.values())


def find_one(
    documents: LocalDocuments,
    roots: Sequence[Descriptor],
    wanted: Sequence[Platform],
    name: str | None,
    *,
    is_forced: bool,
) -> Part:
    """Return the wanted part: as requested, else that of this machine, else the only one.

    Raises:
        PlatformNotFound: There is none.
    """
    parts = find_parts(documents, roots, name)
    if len(roots) == 1 and not roots[0].media_type.is_index:
        choose(parts, wanted, name, is_forced=is_forced)
        return parts[0]
    images = [part for part in parts if part.may_be_image]
    if not wanted and len(images) == 1:
        _refuse_absent(images[0], name)
        return images[0]
    return choose(images, wanted or [this_machine()], name, is_forced=is_forced)[0]


def full_name(name: str) -> Reference | None:
    """Read a name of index.json as that of a repository; return None for a mere tag."""
    if "/" not in name and ":" not in name:
        return None
    try:
        return Reference.parse(name).with_default_tag()
    except InvalidReference:
        return None


def roots_of(layout: Layout, image: ResolvedImage) -> tuple[Descriptor, ...]:
    """Return the descriptors of the documents of an image, as `described` does for each."""
    return tuple(described(layout, root) for root in image.roots)


def described(layout: Layout, root: Root) -> Descriptor:
    """Return the descriptor of a root in index.json, else one made from the row of the blob.

    An entry with a wrong size still identifies the content of its digest.
    """
    found = descriptor_of(root)
    for ref in layout.index().refs:
        if ref.name == root.name and ref.descriptor.digest == root.digest:
            found = ref.descriptor
            break
    file = layout.blobs.stat(root.digest)
    return found if file is None else found.replace(size=file.size)


def descriptor_of(root: Root) -> Descriptor:
    """Return the descriptor of a blob without an entry in index.json."""
    return Descriptor(
        media_type=MediaType(root.media_type or "application/octet-stream"),
        digest=root.digest,
        size=root.size,
    )


def _best(parts: Sequence[Part], platform: Platform, name: str | None, *, is_forced: bool) -> Part:
    matcher = only(platform)
    images = [part for part in parts if part.may_be_image]
    fitting = [
        (matcher.key(part.platform), position, part)
        for position, part in enumerate(images)
        if part.platform is not None and matcher.matches(part.platform)
    ]
    if fitting:
        return min(fitting, key=lambda each: each[:2])[2]
    if is_forced and len(images) == 1:
        return images[0]
    shown = name or (parts[0].descriptor.digest if parts else "")
    raise PlatformNotFound(shown, str(platform), [part.label for part in images])


def _refuse_absent(part: Part, name: str | None) -> None:
    if not part.is_here:
        raise NotFound(
            f"{name or part.descriptor.digest!r} has {part.label}, which was not pulled",
            hint=f"cachedb pull --platform {part.label} {name or ''}".rstrip(),
        )


def _refuse_contradiction(part: Part, name: str | None) -> None:
    """Refuse an image for which index and config name different machines."""
    declared, configured = part.descriptor.platform, part.configured
    if declared is None or configured is None:
        return
    ours, theirs = declared.normalized(), configured.normalized()
    if (ours.os, ours.architecture) != (theirs.os, theirs.architecture):
        raise Refused(
            f"{name or part.descriptor.digest!r} for {declared} has a config for {configured}",
            hint="--force accepts it",
        )


def _about(part: Part) -> str | None:
    """Return the digest of the subject of a statement, by annotation or ``subject``."""
    about = attestation.about(part.descriptor.annotations)
    if about is None and part.document is not None and part.document.subject is not None:
        return part.document.subject.digest
    return about
