"""Push graph: transitive closure of the content that a push needs, and its missing parts."""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import BlobNotFound, PlatformNotFound
from cachedb.oci import Descriptor, Digest, Index, Manifest, Platform, graph
from cachedb.oci.index_merge import IndexDocument
from cachedb.oci.platform import selection
from cachedb.operations.transfer.local_graph import LocalDocuments, LocalReferrers, has_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci.graph import ContentGraph
    from cachedb.oci.index_merge import IndexEntry


class PushDocument(NamedTuple):
    """An index or a manifest, byte for byte, and the blobs that a registry has to have before it.

    They include the present optional blobs.
    """

    descriptor: Descriptor
    content: bytes
    """Bytes, of which the digest is the hash."""
    parsed: Index | Manifest | None
    """Parsed document; None for one of an unknown kind."""
    blobs: tuple[Descriptor, ...] = ()

    @property
    def subject(self) -> Descriptor | None:
        """Subject of the document."""
        return None if self.parsed is None else self.parsed.subject


class PushGraph(NamedTuple):
    """An image to be pushed: documents in the order of publication, the root last.

    Missing content is required and not in the layout; the registry may have it. `referrers` refer
    to any of the documents, a subject before its referrers.
    """

    documents: tuple[PushDocument, ...]
    referrers: tuple[PushDocument, ...]
    missing_documents: tuple[Descriptor, ...]
    """Required documents that are not in the layout."""
    missing_blobs: tuple[Descriptor, ...]
    """Required blobs that are not in the layout."""
    configured: Mapping[str, Platform] = MappingProxyType({})
    """The platforms of images, by digest, that only their configs state."""

    @property
    def root(self) -> PushDocument:
        """The document that gets the tag."""
        return self.documents[-1]

    @property
    def digests(self) -> Iterator[Digest]:
        """Yield the digests of the documents and of their blobs, missing or not."""
        for document in (*self.documents, *self.referrers):
            yield document.descriptor.digest
            yield from (each.digest for each in document.blobs)

    def images(self) -> Iterator[Descriptor]:
        """Yield the manifests that the index lists, in its order, those of inner indexes too.

        One whose descriptor has no platform gets that of its config.
        """
        known = {each.descriptor.digest: each.parsed for each in self.documents}
        seen: set[Digest] = set()

        def inside(listed: Descriptor) -> tuple[Descriptor, ...] | None:
            """Return the children of an index that is here, once; None for a leaf."""
            found = known.get(listed.digest)
            if not isinstance(found, Index):
                return () if listed.media_type.is_index else None
            is_new = listed.digest not in seen
            seen.add(listed.digest)
            return found.manifests if is_new else ()

        if isinstance(self.root.parsed, Index):
            listed = graph.leaves(self.root.parsed.manifests, inside)
            yield from (
                each.replace(platform=each.platform or self.configured.get(each.digest))
                for each in listed
                if each.media_type.is_manifest
            )


def gather(
    layout: Layout,
    catalog: Catalog,
    name: str,
    root: Descriptor,
    platforms: Sequence[Platform] = (),
) -> PushGraph:
    """Collect the content of a push; with platforms, of an index that is reduced to these.

    All content is read from the layout; `name` names the image in errors.

    Raises:
        BlobNotFound: The root, or an index that has to be reduced, is not in the layout.
        PlatformNotFound: The image has no such platform.
        CorruptBlob: A present blob has another hash or another size.
        InvalidManifest: A document is malformed, or content of an unknown type is one.
        LimitExceeded: The image is nested too deeply, or has too many documents.
    """
    documents = LocalDocuments(layout)
    documents.content(root)
    if platforms:
        root = _Reduction(documents, platforms).reduce(root, name)
    own = documents.explore(root)
    whole = documents.explore(root, LocalReferrers(catalog, documents))
    documents.refuse_unknown_documents(whole)
    return PushGraph(
        documents=tuple(_described(documents, own, own.documents)),
        referrers=tuple(
            _described(documents, whole, (d for d in whole.documents if d not in own.content))
        ),
        missing_documents=whole.missing,
        missing_blobs=tuple(_missing_blobs(layout, whole)),
        configured=_configured(documents, own),
    )


def open_blob(layout: Layout, descriptor: Descriptor, offset: int) -> BinaryIO:
    """Open a blob for sending at an offset; a blob that is sent whole is hashed on the way."""
    if descriptor.data is not None:
        file: BinaryIO = io.BytesIO(descriptor.data)
    else:
        file = layout.blobs.open(descriptor.digest)
    if offset:
        file.seek(offset)
    return file


def _described(
    documents: LocalDocuments, found: ContentGraph, digests: Iterable[Digest]
) -> Iterator[PushDocument]:
    for digest in digests:
        descriptor = found.descriptors[digest]
        yield PushDocument(
            descriptor=descriptor,
            content=documents.content(descriptor),
            parsed=documents.document(descriptor),
            blobs=tuple(documents.leaves(found.content[digest])),
        )


def _configured(documents: LocalDocuments, found: ContentGraph) -> dict[str, Platform]:
    """Return the platforms of the images whose descriptors have none, from their configs."""
    silent = [each for each in found.descriptors.values() if selection.is_silent(each)]
    pairs = ((each.digest, documents.platform_of(each)) for each in silent)
    return {digest: platform for digest, platform in pairs if platform is not None}


def _missing_blobs(layout: Layout, found: ContentGraph) -> Iterator[Descriptor]:
    """Yield the required blobs that are not here, after comparing the sizes of all that are."""
    for digest, each in (found.blobs | found.optional).items():
        is_here = each.data is not None or has_size(layout, each)
        if not is_here and digest in found.blobs:
            yield each


class _Reduced:
    """Reduced document, its platforms, and those of the whole document, in order."""

    def __init__(
        self,
        *,
        root: Descriptor | None,
        taken: dict[Platform, None],
        offered: dict[Platform, None],
    ) -> None:
        self.root = root
        self.taken = taken
        self.offered = offered


class _Reduction:
    """Indexes reduced to some platforms, inner ones before those that list them."""

    def __init__(self, documents: LocalDocuments, platforms: Sequence[Platform]) -> None:
        self._documents = documents
        self._platforms = platforms
        self._reduced: dict[Digest, _Reduced] = {}

    def reduce(self, root: Descriptor, name: str) -> Descriptor:
        """Return an index of some platforms only, or an image that is for one of them.

        Raises:
            BlobNotFound: An inner index is not in the layout.
            PlatformNotFound: The image has no such platform.
        """
        whole = self._documents.explore(root)
        for missing in whole.missing:
            if missing.media_type.is_index:
                raise BlobNotFound(missing.digest)
        for descriptor in map(whole.descriptors.__getitem__, whole.documents):
            if descriptor.media_type.is_index or descriptor.digest == root.digest:
                self._reduced[descriptor.digest] = self._reduce(descriptor)
        found = self._reduced[root.digest]
        for platform in self._platforms:
            if not selection.is_offered(platform, list(found.taken)):
                offered = [each.full for each in found.offered]
                raise PlatformNotFound(name, str(platform), offered)
        return found.root or root

    def _reduce(self, descriptor: Descriptor) -> _Reduced:
        document = self._documents.document(descriptor)
        if isinstance(document, Index):
            return self._reduce_index(descriptor, document)
        own = self._documents.platform_of(descriptor)
        offered = dict.fromkeys([] if own is None else [own])
        return _Reduced(root=descriptor, taken=offered, offered=offered)

    def _reduce_index(self, descriptor: Descriptor, index: Index) -> _Reduced:
        whole = IndexDocument.parse(self._documents.content(descriptor), descriptor.media_type)
        selected = selection.select(index, self._platforms, self._documents.clues)
        found = _Reduced(
            root=None,
            taken=dict.fromkeys(selected.taken),
            offered=dict.fromkeys(selected.offered),
        )
        chosen = {each.digest for each in selected.chosen}
        kept = [
            entry
            for listed in whole.entries
            if (entry := self._kept(listed, chosen, found)) is not None
        ]
        if found.taken:
            same = kept == list(whole.entries)
            found.root = descriptor if same else self._make(descriptor, whole.listing(kept))
        return found

    def _kept(self, entry: IndexEntry, chosen: set[Digest], found: _Reduced) -> IndexEntry | None:
        """Return the reduced entry; content that is not a document belongs to all platforms."""
        child = entry.descriptor
        if not child.media_type.is_index:
            is_kept = child.digest in chosen or not graph.is_document(child.media_type)
            return entry if is_kept else None
        inner = self._reduced[child.digest]
        found.taken |= inner.taken
        found.offered |= inner.offered
        return None if inner.root is None else entry.pointing_at(inner.root)

    def _make(self, descriptor: Descriptor, index: IndexDocument) -> Descriptor:
        """Keep an index that is in no layout, and return its descriptor."""
        made = Descriptor(
            media_type=descriptor.media_type,
            digest=Digest.of(index.content),
            size=len(index.content),
            artifact_type=descriptor.artifact_type,
        )
        self._documents.make(made, index.content)
        return made
