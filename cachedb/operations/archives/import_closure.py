"""Closures of imported images: their content, and their referrers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cachedb.errors import InvalidArchive, InvalidManifest
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Descriptor, Digest, Index, attestation, graph, manifest
from cachedb.oci.salvage import leads_on

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cachedb.oci import Manifest, Platform
    from cachedb.oci.graph import ContentGraph, RequiredContent


class Intake(Protocol):
    """The blobs that an import can use: those of its source, and those that are present."""

    def hold(self, digests: Iterable[Digest]) -> None:
        """Protect blobs from the collector before their presence is checked; one transaction."""

    def size_of(self, digest: Digest) -> int | None:
        """Return the size of a staged or present blob; None if it is neither."""

    def read(self, digest: Digest) -> bytes | None:
        """Return the bytes of a staged or present document; None if it is neither."""

    def store_embedded(self, digest: Digest, content: bytes) -> int:
        """Stage embedded content of a descriptor; return its size."""

    def small_blobs(self, without: Collection[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Yield the blobs of the source that may be documents, except some."""


class Closure(NamedTuple):
    """Content of one image: `order` has children before parents, `missing` is absent."""

    order: tuple[Digest, ...]
    missing: tuple[Digest, ...]


class ClosureReader:
    """Reader of closures of images from staged and present blobs; parses each document once."""

    def __init__(self, intake: Intake, source: str) -> None:
        self._intake = intake
        self._source = source
        self._parsed: dict[Digest, Index | Manifest] = {}

    def read(self, root: Descriptor) -> Closure:
        """Collect the closure of a root.

        Raises:
            InvalidArchive: No platform of the image is complete, a document is malformed, or a
            blob has another size than its descriptor.
            LimitExceeded: The image is nested too deeply, or has too many documents.
        """
        if not graph.is_document(root.media_type):
            return self._read_blob(root)
        found = graph.explore([root], self._read_level, f"{root.digest} in {self._source}")
        self._intake.hold([*found.blobs, *found.optional])
        order: list[Digest] = []
        missing = [each.digest for each in found.missing]
        broken: set[Digest] = set(missing)
        for digest in found.documents:
            leaves = self._present_leaves(digest, found.content[digest])
            absent = [d.digest for d in found.content[digest].blobs if d.digest not in leaves]
            if absent:
                broken.add(digest)
            missing += absent
            order += [*leaves, digest]
        self._refuse_broken(found, broken, missing)
        return Closure(tuple(dict.fromkeys(order)), tuple(dict.fromkeys(missing)))

    def _read_blob(self, root: Descriptor) -> Closure:
        if not self._is_there(root):
            raise InvalidArchive(self._source, f"{root.digest} is missing")
        self._refuse_unknown_document(root)
        return Closure((root.digest,), ())

    def _read_level(self, level: Sequence[Descriptor]) -> Iterator[RequiredContent | None]:
        self._intake.hold([each.digest for each in level])
        for descriptor in level:
            if self._is_there(descriptor):
                document = self._parse(descriptor)
                self._parsed[descriptor.digest] = document
                yield graph.required_content(document)
            else:
                yield None

    def _present_leaves(self, parent: Digest, needed: RequiredContent) -> list[Digest]:
        """Return the present blobs of a document, optional ones included."""
        found = list(filter(self._is_there, needed.leaves))
        if isinstance(self._parsed[parent], Index):
            for each in found:
                self._refuse_unknown_document(each)
        return [each.digest for each in found]

    def _refuse_broken(
        self, found: ContentGraph, broken: set[Digest], missing: Sequence[Digest]
    ) -> None:
        """Refuse an image without a complete platform.

        An attestation counts as a platform only in an index of attestations alone.
        """
        platforms = [key for key in found.descriptors if self._is_platform(found, key)]
        if missing and broken.issuperset(platforms):
            (root,) = found.roots
            raise InvalidArchive(
                self._source, f"no platform of {root} is complete: {missing[0]} is missing"
            )

    def _is_platform(self, found: ContentGraph, digest: Digest) -> bool:
        if attestation.is_attestation(found.descriptors[digest].annotations):
            return False
        document = self._parsed.get(digest)
        if isinstance(document, Index):
            return bool(found.content[digest].blobs)
        return document is not None and not document.is_attestation

    def _refuse_unknown_document(self, descriptor: Descriptor) -> None:
        """Refuse a document of an unknown type that points at other content.

        Its children cannot be imported, and no collector could find them.
        """
        if descriptor.media_type.is_layer or descriptor.size > MANIFEST_BYTES.value:
            return
        content = self._intake.read(descriptor.digest)
        if content is not None and leads_on(content):
            raise InvalidArchive(
                self._source,
                f"{descriptor.digest} is a document of the unknown type "
                f"{str(descriptor.media_type)!r}",
            )

    def _is_there(self, descriptor: Descriptor) -> bool:
        size = self._intake.size_of(descriptor.digest)
        if size is None and descriptor.data is not None:
            size = self._intake.store_embedded(descriptor.digest, descriptor.data)
        if size is not None and size != descriptor.size:
            raise InvalidArchive(
                self._source,
                f"blob {descriptor.digest} has {size} bytes, and its descriptor declares "
                f"{descriptor.size}",
            )
        return size is not None

    def _parse(self, descriptor: Descriptor) -> Index | Manifest:
        content = self._intake.read(descriptor.digest)
        if content is None:
            raise InvalidArchive(self._source, f"blob {descriptor.digest} cannot be read")
        try:
            return manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise InvalidArchive(self._source, str(error.of(descriptor.digest))) from error

    def as_written(self, entry: Descriptor) -> Descriptor:
        """Return an entry of index.json with the media type of its document.

        linuxkit's export of one platform declares its manifest an index, as the image was before.
        The document decides, if it can be read as one kind only; otherwise the entry is returned
        as it is, and refused when it is read.
        """
        if not graph.is_document(entry.media_type):
            return entry
        self._intake.hold([entry.digest])
        if self._intake.size_of(entry.digest) != entry.size:
            return entry
        content = self._intake.read(entry.digest) or b""
        kind = manifest.guess(content)
        if kind is None or manifest.kind_of(kind) == manifest.kind_of(entry.media_type):
            return entry
        with suppress(InvalidManifest):
            manifest.parse(content, kind)
            return entry.replace(media_type=kind)
        return entry

    def platform_of(self, descriptor: Descriptor) -> Platform | None:
        """Return the platform of a manifest that was read: as declared, or else configured."""
        if descriptor.platform is not None:
            found: Platform | None = descriptor.platform
        else:
            document = self._parsed.get(descriptor.digest)
            found = graph.configured_platform(
                document, lambda each: self._intake.read(each.digest)
            )
        return None if found is None else found.normalized()

    def is_referrer(self, descriptor: Descriptor) -> bool:
        """Return whether a document that was read refers to a subject."""
        found = self._parsed.get(descriptor.digest)
        return found is not None and found.subject is not None

    def referrers(self, needed: Collection[Digest]) -> list[tuple[Descriptor, Closure]]:
        """Find complete referrers of needed content that have no entry in index.json.

        Reads every small blob of the source that is not needed.

        Raises:
            LimitExceeded: Referrers of referrers are nested too deeply.
        """
        about: dict[Digest, list[Digest]] = {}
        listed: dict[Digest, Descriptor] = {}
        for digest, content in self._intake.small_blobs(needed):
            described = _referrer(digest, content)
            if described is not None:
                subject, listed[digest] = described
                about.setdefault(subject, []).append(digest)
        roots = sorted(about.keys() & set(needed))
        found = graph.walk(
            roots, lambda level: [about.get(each, ()) for each in level], self._source
        )
        return [
            pair
            for digest in found
            if digest in listed and (pair := self._complete(listed[digest])) is not None
        ]

    def _complete(self, referrer: Descriptor) -> tuple[Descriptor, Closure] | None:
        with suppress(InvalidArchive):
            closure = self.read(referrer)
            if not closure.missing:
                document = self._parsed[referrer.digest]
                return graph.described_referrer(referrer, document), closure
        return None


def _referrer(digest: Digest, content: bytes) -> tuple[Digest, Descriptor] | None:
    """Return the subject and the descriptor of content, if it is a document with a subject."""
    with suppress(InvalidManifest):
        subject, kind = graph.subject_digest(content), manifest.guess(content)
        if subject is not None and kind is not None and graph.is_document(kind):
            return subject, Descriptor(media_type=kind, digest=digest, size=len(content))
    return None
