"""The parts of an image: the manifests that its documents list, and choosing among them.

Told from the documents in the layout, since an archive is made of these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachedb.errors import (
    BlobNotFound,
    CorruptBlob,
    InvalidInput,
    InvalidManifest,
    InvalidReference,
    NotFound,
    PlatformNotFound,
    Refused,
)
from cachedb.layout.blobs import path_of
from cachedb.limits import CONFIG_BYTES, GRAPH_DEPTH, GRAPH_NODES, MANIFEST_BYTES
from cachedb.oci import (
    Descriptor,
    Index,
    Manifest,
    MediaType,
    Platform,
    Reference,
    attestation,
    config,
    manifest,
)
from cachedb.oci.index_merge import Entry, IndexDocument
from cachedb.oci.manifest import Role
from cachedb.oci.platform.match import only
from cachedb.oci.platform.model import this_machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachedb.layout import Layout
    from cachedb.oci import Digest
    from cachedb.operations.read.resolve import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A manifest that is listed by an index, or the one that an image is.

    `document` is None when it is not here; `configured` is the platform that its config says.
    """

    entry: Entry
    document: Manifest | None
    configured: Platform | None
    is_here: bool

    @property
    def descriptor(self) -> Descriptor:
        """What points at it."""
        return self.entry.descriptor

    @property
    def platform(self) -> Platform | None:
        """The platform that the index gives it, or else its config."""
        return self.descriptor.platform or self.configured

    @property
    def may_be_image(self) -> bool:
        """Whether it is an image, or may be one as far as can be told without its manifest."""
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
        """What to call it in a message."""
        return self.platform.full if self.platform else str(self.descriptor.digest)

    def image(self, name: str | None) -> Manifest:
        """Return the manifest, which has to be that of an image.

        Raises:
            InvalidInput: It is that of something else.
        """
        if self.document is None or not self.document.is_image:
            what = name or self.descriptor.digest
            raise InvalidInput(f"{what!r} is not an image that has a file system")
        return self.document


class Documents:
    """The documents of one image in a layout; each is read once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: dict[Digest, bytes] = {}

    def find_parts(self, root: Descriptor, name: str | None) -> list[Part]:
        """Return the parts of an image: what its index lists, or itself."""
        is_index = root.media_type.is_index
        return self.parts(root) if is_index else [self.single(root, name)]

    def single(self, descriptor: Descriptor, name: str | None) -> Part:
        """Return an image that is no index as a part of itself."""
        if not descriptor.media_type.is_manifest:
            raise InvalidInput(f"{name or descriptor.digest!r} is a blob, and not an image")
        if not self._is_here(descriptor):
            raise BlobNotFound(descriptor.digest)
        return self._part(Entry(descriptor=descriptor, json=descriptor.to_json()))

    def parts(self, index: Descriptor) -> list[Part]:
        """Return what an index lists at any depth, in the order of the documents."""
        found: dict[Digest, Part] = {}
        self._collect(index, found, set(), 0)
        return list(found.values())

    def content(self, root: Descriptor) -> tuple[Descriptor, ...]:
        """Return what a document leads to, children before parents, itself last.

        A layer that need not be there, and content that its descriptor holds, are left out unless
        they are there.
        """
        found: dict[Digest, Descriptor] = {}
        self._walk(root, found, set(), 0)
        return tuple(found.values())

    def listing(self, index: Descriptor, kept: Sequence[Part]) -> bytes:
        """Return an index that lists some parts only, with all else that it says."""
        whole = IndexDocument.parse(self._read(index), index.media_type)
        return whole.listing(part.entry for part in kept).content

    def with_statements(self, parts: Sequence[Part], chosen: Sequence[Part]) -> list[Part]:
        """Add what is about the chosen parts and is here, in the order in which all stand."""
        digests = {part.descriptor.digest for part in chosen}
        return [
            part
            for part in parts
            if part.descriptor.digest in digests or (part.is_here and _about(part) in digests)
        ]

    def _collect(
        self, index: Descriptor, found: dict[Digest, Part], seen: set[Digest], depth: int
    ) -> None:
        if index.digest in seen:  # listed twice, level by level, it is met 2^depth times
            return
        seen.add(index.digest)
        GRAPH_DEPTH.check(depth, f"the nesting of {index.digest}")
        for entry in IndexDocument.parse(self._read(index), index.media_type).entries:
            GRAPH_NODES.check(len(found), f"the number of documents of {index.digest}")
            descriptor = entry.descriptor
            if descriptor.media_type.is_index and self._is_here(descriptor):
                self._collect(descriptor, found, seen, depth + 1)
            elif descriptor.digest not in found:
                found[descriptor.digest] = self._part(entry)

    def _part(self, entry: Entry) -> Part:
        descriptor = entry.descriptor
        is_here = self._is_here(descriptor)
        document = None
        if is_here and descriptor.media_type.is_manifest:
            parsed = self._parse(descriptor)
            assert isinstance(parsed, Manifest)  # that is what the media type says
            document = parsed
        return Part(
            entry=entry,
            document=document,
            configured=None if document is None else self._configured(document),
            is_here=is_here,
        )

    def _configured(self, document: Manifest) -> Platform | None:
        if not document.is_image or document.config is None:
            return None
        descriptor = document.config
        if descriptor.data is None and not self._is_here(descriptor):
            return None
        content = descriptor.data or self._layout.blobs.read(descriptor.digest, CONFIG_BYTES)
        try:
            found = config.parse(content).platform
        except InvalidManifest as error:
            raise error.of(descriptor.digest) from error
        return found if found.os or found.architecture else None

    def _walk(
        self, here: Descriptor, found: dict[Digest, Descriptor], seen: set[Digest], depth: int
    ) -> None:
        if here.digest in seen:
            return
        seen.add(here.digest)
        GRAPH_DEPTH.check(depth, f"the nesting of {here.digest}")
        GRAPH_NODES.check(len(seen), f"the number of documents of {here.digest}")
        if here.media_type.is_index or here.media_type.is_manifest:
            for child in self._parse(here).children():
                if child.role is Role.MANIFEST:
                    self._walk(child.descriptor, found, seen, depth + 1)
                elif child.role is not Role.SUBJECT and self._is_needed(child.descriptor):
                    found.setdefault(child.descriptor.digest, child.descriptor)
        found.setdefault(here.digest, here)

    def _is_needed(self, descriptor: Descriptor) -> bool:
        may_lack = descriptor.data is not None or not descriptor.media_type.is_distributable
        return not may_lack or self._is_here(descriptor)

    def _is_here(self, descriptor: Descriptor) -> bool:
        return self._layout.blobs.stat(descriptor.digest) is not None

    def _parse(self, descriptor: Descriptor) -> Index | Manifest:
        try:
            return manifest.parse(self._read(descriptor), descriptor.media_type)
        except InvalidManifest as error:
            raise error.of(descriptor.digest) from error

    def _read(self, descriptor: Descriptor) -> bytes:
        digest = descriptor.digest
        if digest not in self._known:
            self._known[digest] = self._layout.blobs.read(digest, MANIFEST_BYTES)
        return self._known[digest]


def choose(
    parts: Sequence[Part], wanted: Sequence[Platform], name: str | None, *, is_forced: bool
) -> list[Part]:
    """Choose the best part for each platform that is wanted; each part once.

    Raises:
        PlatformNotFound: There is none for one of them.
        NotFound: It is listed, and was never pulled.
        Refused: What it says of itself is another platform.
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
    documents: Documents,
    root: Descriptor,
    wanted: Sequence[Platform],
    name: str | None,
    *,
    is_forced: bool,
) -> Part:
    """Return the one part that is wanted: as asked, else that of this machine, else the only one.

    Raises:
        PlatformNotFound: There is none.
    """
    if not root.media_type.is_index:
        single = documents.single(root, name)
        choose([single], wanted, name, is_forced=is_forced)
        return single
    images = [part for part in documents.parts(root) if part.may_be_image]
    if not wanted and len(images) == 1:
        _refuse_absent(images[0], name)
        return images[0]
    return choose(images, wanted or [this_machine()], name, is_forced=is_forced)[0]


def check_there(layout: Layout, needed: Iterable[Descriptor]) -> None:
    """Make sure that blobs are here, with their sizes; their bytes are not read.

    Raises:
        BlobNotFound: One is not.
        CorruptBlob: One has another size.
    """
    for descriptor in needed:
        if descriptor.data is not None:
            continue
        file = layout.blobs.stat(descriptor.digest)
        if file is None:
            raise BlobNotFound(descriptor.digest)
        if file.size != descriptor.size:
            why = f"has {file.size} bytes instead of {descriptor.size}"
            raise CorruptBlob(descriptor.digest, why, path=path_of(descriptor.digest))


def full_name(name: str) -> Reference | None:
    """Read a name of index.json as that of a repository; a mere tag is none."""
    if "/" not in name and ":" not in name:
        return None
    try:
        return Reference.parse(name).with_default_tag()
    except InvalidReference:
        return None


def described(layout: Layout, root: Root) -> Descriptor:
    """Return the descriptor of a root as index.json has it, else what is known of the blob.

    An entry that gives a wrong size is about the content of its digest all the same.
    """
    found = descriptor_of(root)
    for ref in layout.index().refs:
        if ref.name == root.name and ref.descriptor.digest == root.digest:
            found = ref.descriptor
            break
    file = layout.blobs.stat(root.digest)
    return found if file is None else replace(found, size=file.size)


def descriptor_of(root: Root) -> Descriptor:
    """Return the descriptor of something that index.json does not name."""
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
    """Refuse an image that its index and its config give different machines."""
    declared, configured = part.descriptor.platform, part.configured
    if declared is None or configured is None:
        return
    ours, theirs = declared.normalized(), configured.normalized()
    if (ours.os, ours.architecture) != (theirs.os, theirs.architecture):
        raise Refused(
            f"{name or part.descriptor.digest!r} for {declared} says that it is for {configured}",
            hint="--force takes it all the same",
        )


def _about(part: Part) -> str | None:
    """Return the digest of what a statement is about, by annotation or by its subject."""
    about = attestation.about(part.descriptor.annotations)
    if about is None and part.document is not None and part.document.subject is not None:
        return part.document.subject.digest
    return about
