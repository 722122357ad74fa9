"""Local graph: the documents of images in a layout, and their referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import links
from cachedb.errors import BlobNotFound, CorruptBlob, InvalidManifest
from cachedb.layout.blobs import path_of
from cachedb.limits import CONFIG_BYTES, MANIFEST_BYTES
from cachedb.oci import Descriptor, Digest, Index, Manifest, MediaType, graph, manifest
from cachedb.oci.platform.selection import Clues
from cachedb.oci.salvage import leads_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci import Platform
    from cachedb.oci.graph import ContentGraph, RequiredContent


class LocalDocuments:
    """The documents of a layout, each read and parsed once, and documents made from them.

    Content that a descriptor embeds as `data` counts as present.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._content: dict[Digest, bytes] = {}
        self._parsed: dict[Digest, Index | Manifest | None] = {}

    def content(self, descriptor: Descriptor) -> bytes:
        """Return a document byte for byte.

        Raises:
            BlobNotFound: The blob is not in the layout.
            CorruptBlob: It is not what its digest says.
        """
        digest = descriptor.digest
        if digest not in self._content:
            held = descriptor.data
            self._content[digest] = (
                self._layout.blobs.read(digest, MANIFEST_BYTES) if held is None else held
            )
        return self._content[digest]

    def document(self, descriptor: Descriptor) -> Index | Manifest | None:
        """Return a document as its descriptor declares it; None for an unknown type.

        Raises:
            BlobNotFound: The blob is not in the layout.
            CorruptBlob: It is not what its digest says.
            InvalidManifest: It breaks the rules.
        """
        if not graph.is_document(descriptor.media_type):
            return None
        digest = descriptor.digest
        if digest not in self._parsed:
            try:
                self._parsed[digest] = manifest.parse(
                    self.content(descriptor), descriptor.media_type
                )
            except InvalidManifest as error:
                raise error.of(digest) from error
        return self._parsed[digest]

    def make(self, descriptor: Descriptor, content: bytes) -> None:
        """Keep a document that is in no layout."""
        self._content[descriptor.digest] = content

    def is_here(self, descriptor: Descriptor) -> bool:
        """Return whether content of any size is in the layout, in its descriptor, or was made."""
        if descriptor.data is not None or descriptor.digest in self._content:
            return True
        return self._layout.blobs.stat(descriptor.digest) is not None

    def explore(
        self,
        root: Descriptor,
        referrers: Callable[[Sequence[Descriptor]], Iterable[Sequence[Descriptor]]] | None = None,
    ) -> ContentGraph:
        """Walk an image, or an image and its referrers; documents may be missing.

        Raises:
            LimitExceeded: It is nested too deeply, or has too many documents.
        """
        return graph.explore([root], self._read_level, str(root.digest), referrers)

    def leaves(self, needed: RequiredContent) -> Iterator[Descriptor]:
        """Yield the blobs of a document: all required ones, and the present optional ones."""
        yield from needed.blobs
        yield from filter(self.is_here, needed.optional)

    def refuse_unknown_documents(self, found: ContentGraph) -> None:
        """Refuse present content of an unknown type that points at other content.

        Only indexes list such content. What it needs would stay behind. Reads each such blob of at
        most the size of a manifest.

        Raises:
            InvalidManifest: There is such content.
            CorruptBlob: A blob is not what its digest says.
        """
        for digest in found.documents:
            if isinstance(self.document(found.descriptors[digest]), Index):
                for each in self.leaves(found.content[digest]):
                    if self._leads_on(each):
                        raise InvalidManifest(
                            f"{each.digest} is a document of the unknown type "
                            f"{str(each.media_type)!r}"
                        )

    @property
    def clues(self) -> Clues:
        """Readers of the documents and configs of the layout, for a selection of platforms."""
        return Clues(subject_of=self._subject_of, platform_of=self.platform_of)

    def platform_of(self, descriptor: Descriptor) -> Platform | None:
        """Return the platform in the config of an image; None for other content, and if absent."""
        return graph.configured_platform(self._find(descriptor), self._read_config)

    def _leads_on(self, descriptor: Descriptor) -> bool:
        if descriptor.media_type.is_layer or descriptor.size > MANIFEST_BYTES.value:
            return False
        held = descriptor.data
        if held is None and not self.is_here(descriptor):
            return False
        return leads_on(
            self._layout.blobs.read(descriptor.digest, MANIFEST_BYTES) if held is None else held
        )

    def _subject_of(self, descriptor: Descriptor) -> str | None:
        found = self._find(descriptor)
        return None if found is None or found.subject is None else found.subject.digest

    def _find(self, descriptor: Descriptor) -> Index | Manifest | None:
        try:
            return self.document(descriptor)
        except BlobNotFound:
            return None

    def _read_level(self, level: Sequence[Descriptor]) -> Iterator[RequiredContent | None]:
        for descriptor in level:
            try:
                yield graph.required_content(self.document(descriptor))
            except BlobNotFound:
                yield None

    def _read_config(self, descriptor: Descriptor) -> bytes | None:
        try:
            return read_config(self._layout, descriptor)
        except BlobNotFound:
            return None


class LocalReferrers:
    """Complete referrers of documents of a layout."""

    def __init__(self, catalog: Catalog, documents: LocalDocuments) -> None:
        self._catalog = catalog
        self._documents = documents

    def __call__(self, subjects: Sequence[Descriptor]) -> list[list[Descriptor]]:
        """Return the whole referrers of each document, in the order of their digests."""
        found = self._find([each.digest for each in subjects])
        return [
            [each for each in found.get(subject.digest, ()) if self._is_whole(each)]
            for subject in subjects
        ]

    def _is_whole(self, referrer: Descriptor) -> bool:
        needed = graph.required_content(self._documents.document(referrer))
        return all(map(self._documents.is_here, (*needed.documents, *needed.blobs)))

    def _find(self, subjects: Sequence[Digest]) -> Mapping[str, list[Descriptor]]:
        found: dict[str, list[Descriptor]] = {}
        with self._catalog.reading() as connection:
            for row in connection.each(links.REFERRERS, digests=many(subjects)):
                referrer = Descriptor(
                    media_type=MediaType(row.media_type),
                    digest=codecs.digest(row.digest),
                    size=codecs.size(row.size),
                )
                found.setdefault(row.subject, []).append(referrer)
        return found


def read_config(layout: Layout, config: Descriptor) -> bytes:
    """Return the bytes of a config: those that its descriptor embeds, else those of the blob.

    Raises:
        BlobNotFound: It is not in the layout, nor in its descriptor.
        CorruptBlob: It is not what its digest says.
        LimitExceeded: It is larger than `CONFIG_BYTES`.
    """
    if config.data is not None:
        return config.data
    return layout.blobs.read(config.digest, CONFIG_BYTES)


def check_present(layout: Layout, needed: Iterable[Descriptor]) -> None:
    """Require blobs to be in the layout with their sizes; their bytes are not read.

    Raises:
        BlobNotFound: A blob is neither in the layout nor in its descriptor.
        CorruptBlob: A blob has another size.
    """
    for descriptor in needed:
        if descriptor.data is None and not has_size(layout, descriptor):
            raise BlobNotFound(descriptor.digest)


def has_size(layout: Layout, descriptor: Descriptor) -> bool:
    """Return whether a blob is in the layout, with its size.

    Raises:
        CorruptBlob: The blob has another size.
    """
    file = layout.blobs.stat(descriptor.digest)
    if file is not None and file.size != descriptor.size:
        why = f"has {file.size} bytes instead of {descriptor.size}"
        raise CorruptBlob(descriptor.digest, why, path=path_of(descriptor.digest))
    return file is not None
