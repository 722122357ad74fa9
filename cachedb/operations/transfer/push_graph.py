"""Outgoing: all that a repository has to hold for an image to be there, and what of it we have."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cachedb.catalog.enums import Role, State
from cachedb.catalog.index.working_set import chunks
from cachedb.catalog.schema import blob, link
from cachedb.errors import BlobNotFound, CorruptBlob, InvalidManifest, PlatformNotFound
from cachedb.limits import CONFIG_BYTES, GRAPH_DEPTH, GRAPH_NODES, MANIFEST_BYTES
from cachedb.oci import (
    Descriptor,
    Digest,
    Index,
    Manifest,
    MediaType,
    Platform,
    config,
    manifest,
)
from cachedb.oci.index_merge import IndexDocument
from cachedb.oci.manifest import Role as ChildRole
from cachedb.operations.transfer.platform_selection import is_offered, select_with_referrers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.oci.index_merge import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An index or a manifest, byte for byte; `parsed` is None if it is of an unknown kind."""

    descriptor: Descriptor
    content: bytes
    parsed: Index | Manifest | None

    @property
    def blobs(self) -> Iterator[Descriptor]:
        """Yield the config and the layers that a registry has to have."""
        if self.parsed is None or isinstance(self.parsed, Index):
            return
        for child in self.parsed.children():
            if child.role is ChildRole.SUBJECT or not child.descriptor.media_type.is_distributable:
                continue
            yield child.descriptor

    @property
    def subject(self) -> Descriptor | None:
        """What it is about."""
        return None if self.parsed is None else self.parsed.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An image to be sent: the documents children first, the root last.

    What is missing is needed and not here; it may be where the image is sent. `referrers` are
    what refers to any of the documents, a subject first.
    """

    documents: tuple[Document, ...]
    referrers: tuple[Document, ...]
    missing_documents: tuple[Descriptor, ...]
    missing_blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Document:
        """The document that gets the tag."""
        return self.documents[-1]

    @property
    def digests(self) -> Iterator[Digest]:
        """Yield the documents and what they contain, missing or not."""
        for document in (*self.documents, *self.referrers):
            yield document.descriptor.digest
            yield from (each.digest for each in document.blobs)

    def images(self) -> Iterator[Descriptor]:
        """Yield the manifests that the index lists, in its order, those of inner indexes too."""
        known = {each.descriptor.digest: each.parsed for each in self.documents}
        yield from _images(self.root.parsed, known, set())


def gather(
    layout: Layout,
    catalog: Catalog,
    name: str,
    root: Descriptor,
    platforms: Sequence[Platform] = (),
) -> Outgoing:
    """Find out what there is to send; of an index with platforms, an index of those is made.

    `name` is what errors call the image.

    Raises:
        BlobNotFound: The root itself is not here.
        PlatformNotFound: The image has no such platform.
        CorruptBlob: Something that is here is not what its name says.
        InvalidManifest: A document breaks the rules.
    """
    gathering = _Gathering(layout, catalog)
    start = gathering.read(root)
    gathering.add(gathering.reduce(start, name, platforms) if platforms else start, depth=0)
    documents = tuple(gathering.found.values())
    gathering.add_referrers(documents)
    return Outgoing(
        documents=documents,
        referrers=tuple(gathering.found.values())[len(documents) :],
        missing_documents=tuple(gathering.missing_documents.values()),
        missing_blobs=tuple(gathering.missing_blobs.values()),
    )


def open_blob(layout: Layout, descriptor: Descriptor, offset: int) -> BinaryIO:
    """Open a blob that is to be sent at an offset; its hash is checked when it is sent whole."""
    if descriptor.data is not None:
        file: BinaryIO = io.BytesIO(descriptor.data)
    else:
        file = layout.blobs.open(descriptor.digest)
    if offset:
        file.seek(offset)
    return file


class _Gathering:
    """The walk over the documents that are here."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout = layout
        self._catalog = catalog
        self._made: dict[Digest, Document] = {}
        self._reduced: dict[Digest, _Reduced] = {}
        self.found: dict[Digest, Document] = {}
        self.missing_documents: dict[Digest, Descriptor] = {}
        self.missing_blobs: dict[Digest, Descriptor] = {}

    def read(self, descriptor: Descriptor) -> Document:
        """Read a document.

        Raises:
            BlobNotFound: It is not here.
        """
        if descriptor.digest in self._made:
            return self._made[descriptor.digest]
        content = descriptor.data
        if content is None:
            content = self._layout.blobs.read(descriptor.digest, MANIFEST_BYTES)
        return _document(descriptor, content)

    def add(self, document: Document, *, depth: int) -> None:
        """Note a document after everything that it contains."""
        digest = document.descriptor.digest
        GRAPH_DEPTH.check(depth, f"the nesting of {digest}")
        GRAPH_NODES.check(len(self.found), f"the number of documents of {digest}")
        if isinstance(document.parsed, Index):
            for child in document.parsed.manifests:
                if child.digest not in self.found and child.digest not in self.missing_documents:
                    self._add_child(child, depth=depth + 1)
        for each in document.blobs:
            self._note_missing(each)
        self.found[digest] = document

    def add_referrers(self, documents: Iterable[Document]) -> None:
        """Note what refers to some documents, and what refers to that, as far as it is whole."""
        subjects = [document.descriptor.digest for document in documents]
        while subjects:
            before = len(self.found)
            for descriptor in self._referrers_of(subjects):
                if descriptor.digest not in self.found:
                    document = self.read(descriptor)
                    if self._is_whole(document):
                        self.add(document, depth=0)
            subjects = list(self.found)[before:]

    def reduce(self, document: Document, name: str, platforms: Sequence[Platform]) -> Document:
        """Return an index of nothing but some platforms, or an image that is for one of them."""
        found = self._reduce(document, platforms, depth=0)
        for platform in platforms:
            if not is_offered(platform, list(found.taken)):
                offered = [each.full for each in found.offered]
                raise PlatformNotFound(name, str(platform), offered)
        return found.document or document

    def _add_child(self, descriptor: Descriptor, *, depth: int) -> None:
        try:
            child = self.read(descriptor)
        except BlobNotFound:
            self.missing_documents[descriptor.digest] = descriptor
            return
        self.add(child, depth=depth)

    def _is_whole(self, document: Document) -> bool:
        needed = list(document.blobs)
        if isinstance(document.parsed, Index):
            needed += document.parsed.manifests
        return all(
            each.data is not None or self._layout.blobs.stat(each.digest) is not None
            for each in needed
        )

    def _note_missing(self, descriptor: Descriptor) -> None:
        if descriptor.data is not None:
            return
        file = self._layout.blobs.stat(descriptor.digest)
        if file is None:
            self.missing_blobs.setdefault(descriptor.digest, descriptor)
        elif file.size != descriptor.size:
            raise CorruptBlob(
                descriptor.digest,
                f"has {file.size} of {descriptor.size} bytes that it should have",
            )

    def _referrers_of(self, subjects: Sequence[Digest]) -> list[Descriptor]:
        about = blob.alias("about")
        found: list[Descriptor] = []
        with self._catalog.reading() as connection:
            for batch in chunks(subjects):
                rows = connection.execute(
                    select(blob.c.digest, blob.c.media_type, blob.c.size)
                    .join(link, link.c.parent_id == blob.c.id)
                    .join(about, about.c.id == link.c.child_id)
                    .where(
                        about.c.digest.in_(batch),
                        link.c.role == int(Role.SUBJECT),
                        blob.c.state == int(State.PRESENT),
                    )
                    .order_by(blob.c.digest)
                )
                found += [
                    Descriptor(media_type=MediaType(kind), digest=Digest(digest), size=size)
                    for digest, kind, size in rows
                ]
        return found

    def _reduce(
        self, document: Document, platforms: Sequence[Platform], *, depth: int
    ) -> _Reduced:
        digest = document.descriptor.digest
        GRAPH_DEPTH.check(depth, f"the nesting of {digest}")
        if digest not in self._reduced:
            self._reduced[digest] = self._reduce_once(document, platforms, depth=depth)
        return self._reduced[digest]

    def _reduce_once(
        self, document: Document, platforms: Sequence[Platform], *, depth: int
    ) -> _Reduced:
        if not isinstance(document.parsed, Index):
            offered = dict.fromkeys([self._platform_of(document)])
            return _Reduced(document=document, taken=offered, offered=offered)
        whole = IndexDocument.parse(document.content, document.descriptor.media_type)
        chosen = {d.digest for d in select_with_referrers(document.parsed, platforms, self._about)}
        kept: list[Entry] = []
        found = _Reduced(document=None, taken={}, offered={})
        for entry in whole.entries:
            child = entry.descriptor
            if child.media_type.is_index:
                inner = self._reduce(self.read(child), platforms, depth=depth + 1)
                found.taken |= inner.taken
                found.offered |= inner.offered
                if inner.document is not None:
                    kept.append(entry.pointing_at(inner.document.descriptor))
                continue
            known: dict[Platform, None] = {}
            if child.platform is not None and not child.platform.is_unknown:
                known[child.platform] = None
            found.offered |= known
            if child.digest in chosen:
                kept.append(entry)
                found.taken |= known
        if found.taken:
            same = kept == list(whole.entries)
            found.document = document if same else self._make(document, whole.listing(kept))
        return found

    def _make(self, document: Document, index: IndexDocument) -> Document:
        """Keep an index that is in no layout, for whoever reads it later."""
        made = _document(
            Descriptor(
                media_type=document.descriptor.media_type,
                digest=Digest.of(index.content),
                size=len(index.content),
                artifact_type=document.descriptor.artifact_type,
            ),
            index.content,
        )
        self._made[made.descriptor.digest] = made
        return made

    def _about(self, descriptor: Descriptor) -> str | None:
        try:
            subject = self.read(descriptor).subject
        except BlobNotFound:
            return None
        return None if subject is None else subject.digest

    def _platform_of(self, document: Document) -> Platform:
        """Return what the config of an image says; a document of another kind is for nothing."""
        parsed = document.parsed
        if not isinstance(parsed, Manifest) or not parsed.is_image or parsed.config is None:
            return Platform(os="unknown", architecture="unknown")
        return config.parse(self._layout.blobs.read(parsed.config.digest, CONFIG_BYTES)).platform


@dataclass(slots=True, kw_only=True)
class _Reduced:
    """What is left of a document, what that is for, and what the whole is for, in order."""

    document: Document | None
    taken: dict[Platform, None]
    offered: dict[Platform, None]


def _document(descriptor: Descriptor, content: bytes) -> Document:
    kind = descriptor.media_type
    if not (kind.is_index or kind.is_manifest):
        return Document(descriptor=descriptor, content=content, parsed=None)
    try:
        parsed = manifest.parse(content, kind)
    except InvalidManifest as error:
        raise error.of(descriptor.digest) from error
    return Document(descriptor=descriptor, content=content, parsed=parsed)


def _images(
    parsed: Index | Manifest | None,
    known: Mapping[Digest, Index | Manifest | None],
    seen: set[Digest],
) -> Iterator[Descriptor]:
    if not isinstance(parsed, Index):
        return
    for child in parsed.manifests:
        if child.media_type.is_index:
            if child.digest not in seen:
                seen.add(child.digest)
                yield from _images(known.get(child.digest), known, seen)
        elif child.media_type.is_manifest:
            yield child
