"""Update of a tag with another digest in the registry: merge, extend, replace or refuse."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from cachedb.errors import BlobNotFound, InvalidManifest, RefNotFound, Refused
from cachedb.oci import Descriptor, Digest, Manifest, index_merge, manifest
from cachedb.oci.index_merge import IndexDocument, MergeClues
from cachedb.oci.platform import selection
from cachedb.operations.transfer.push_graph import PushDocument
from cachedb.operations.transfer.remote_config import configured_platform
from cachedb.operations.transfer.workers import run_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from cachedb.oci import Index, Platform, Reference
    from cachedb.operations.transfer.push_graph import PushGraph
    from cachedb.registry.registry import Registry


class Conflict(StrEnum):
    """Action if the tag has another digest in the registry."""

    MERGE = "merge"
    """Merge two indexes, in which the pushed one has precedence; refuse other documents."""
    REPLACE = "replace"
    """Move the tag to the pushed image."""
    EXTEND = "extend"
    """Keep a manifest with all pushed layers, replace one without others; refuse the rest.

    The signatures of an image are the layers of one manifest, which each signing extends.
    """


class TagUpdate:
    """Decision about the document that a tag is set to; sends only requests that read."""

    def __init__(
        self, registry: Registry, target: Reference, pool: Executor, conflict: Conflict
    ) -> None:
        self._registry = registry
        self._target = target
        self._pool = pool
        self._conflict = conflict

    def settle(self, graph: PushGraph, there: Descriptor | None) -> PushDocument:
        """Return the document that the tag is set to: the pushed root, or two indexes merged.

        Raises:
            Refused: The tag has another digest, and the two cannot be merged.
        """
        ours = graph.root.descriptor
        if there is None or ours.digest == there.digest:
            return graph.root
        if self._conflict is Conflict.REPLACE:
            return graph.root
        if self._conflict is Conflict.EXTEND:
            theirs = self._published(there)
            if _has_layers_of(theirs, graph.root):
                return theirs
            if _has_layers_of(graph.root, theirs):
                return graph.root
        elif ours.media_type.is_index and there.media_type.is_index:
            return self._merge(graph, there)
        raise Refused(
            f"{self._target.familiar!r} resolves to {there.digest} already",
            hint="--override replaces it",
        )

    def _published(self, there: Descriptor) -> PushDocument:
        _, content = self._registry.manifest(self._target.path, there)
        try:
            parsed = manifest.parse(content, there.media_type)
        except InvalidManifest as error:
            raise error.of(self._target.familiar) from error
        return PushDocument(descriptor=there, content=content, parsed=parsed)

    def _merge(self, graph: PushGraph, there: Descriptor) -> PushDocument:
        root = graph.root
        _, content = self._registry.manifest(self._target.path, there)
        try:
            theirs = IndexDocument.parse(content, there.media_type)
        except InvalidManifest as error:
            raise error.of(self._target.familiar) from error
        ours = IndexDocument.parse(root.content, root.descriptor.media_type)
        if theirs.covers(ours):
            return _document(theirs)
        clues = self._clues(theirs, ours, graph.configured)
        added = index_merge.additions(ours, theirs, clues)
        return _document(ours.listing((*ours.entries, *added))) if added else root

    def _clues(
        self, theirs: IndexDocument, ours: IndexDocument, configured: Mapping[str, Platform]
    ) -> MergeClues:
        """Read the properties that the descriptors of the other index do not declare."""
        listed = (entry.descriptor for entry in theirs.entries)
        unclear = [d for d in listed if d.digest not in ours.digests and selection.is_unclear(d)]
        documents = run_all(self._pool, self._find_document, unclear)
        pairs = list(zip(unclear, documents, strict=True))
        subjects: dict[str, str] = {
            each.digest: found.subject.digest for each, found in pairs if found and found.subject
        }
        silent = {each.digest: found for each, found in pairs if selection.is_silent(each)}
        platforms = run_all(self._pool, self._platform_of, silent.values())
        told: dict[str, Platform] = {
            digest: platform
            for digest, platform in zip(silent, platforms, strict=True)
            if platform is not None
        }
        return MergeClues(subjects=subjects, platforms={**told, **configured})

    def _platform_of(self, document: Index | Manifest | None) -> Platform | None:
        try:
            return configured_platform(self._registry, self._target.path, document)
        except BlobNotFound:
            return None

    def _find_document(self, descriptor: Descriptor) -> Index | Manifest | None:
        try:
            _, content = self._registry.manifest(self._target.path, descriptor)
        except RefNotFound:
            return None
        try:
            return manifest.parse(content, descriptor.media_type)
        except InvalidManifest as error:
            raise error.of(descriptor.digest) from error


def _has_layers_of(one: PushDocument, other: PushDocument) -> bool:
    """Return whether a manifest has every layer of another one, with its annotations."""
    if not isinstance(one.parsed, Manifest) or not isinstance(other.parsed, Manifest):
        return False
    layers = [each.to_json() for each in one.parsed.layers]
    return all(each.to_json() in layers for each in other.parsed.layers)


def _document(index: IndexDocument) -> PushDocument:
    descriptor = Descriptor(
        media_type=index.media_type, digest=Digest.of(index.content), size=len(index.content)
    )
    parsed = manifest.parse(index.content, index.media_type)
    return PushDocument(descriptor=descriptor, content=index.content, parsed=parsed)
