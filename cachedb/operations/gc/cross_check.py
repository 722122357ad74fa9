"""Cross-check of the catalog against the files, before garbage is planned or removed.

The catalog is derived, and a fault in it must not cost a blob.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import DOCUMENTS
from cachedb.catalog.statement import many
from cachedb.catalog.statements import garbage, refs
from cachedb.errors import (
    BlobNotFound,
    CatalogMismatch,
    CorruptBlob,
    InvalidManifest,
    LimitExceeded,
    UnreadableGraph,
)
from cachedb.layout.blobs import path_of
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import graph
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cachedb.catalog.enums import Kind
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobStore
    from cachedb.oci.digest import Digest

_DIGEST = lazy(rb"sha(?:256|384|512):[0-9a-f]{64,128}")


def cross_check(
    layout: Layout,
    connection: Connection,
    garbage_kinds: Mapping[Digest, Kind],
    without: Collection[int] = (),
) -> None:
    """Check that no remaining name and document references a blob that is to be removed.

    Refs of the ids `without` count as removed. Costs one read of index.json and of every document
    that stays, as text: only one with escapes, or with a digest of garbage, is parsed. So is every
    document of the garbage that has a subject, which may stay. Without garbage, no file is read.

    Raises:
        CatalogMismatch: The files reference a blob that the catalog counts as garbage.
        UnreadableGraph: A document that stays cannot be read.
    """
    if not garbage_kinds:
        return
    rows = connection.rows(garbage.REACHABLE, without=many(without))
    staying = {row.digest.encode() for row in rows}
    documents = [row.digest for row in rows if codecs.kind(row.kind) in DOCUMENTS]
    with layout.blobs.kept_open() as blobs:
        for digest in _named(layout, connection, without):
            _check_stays(blobs, digest, staying, "index.json")
        with layout.progress.task("check documents", len(documents), "documents") as task:
            for document in documents:
                _check_document(blobs, codecs.digest(document), staying)
                task.advance()
        for digest, kind in garbage_kinds.items():
            if kind in DOCUMENTS:
                _check_subject(blobs, digest, staying)


def _named(layout: Layout, connection: Connection, without: Collection[int]) -> Iterator[Digest]:
    """Yield the digests in index.json, except those of refs that count as removed."""
    removed = [row.entry for row in connection.each(refs.OF_IDS, ids=many(without))]
    staying, _ = layout.index().without_entries(removed)
    yield from (ref.descriptor.digest for ref in staying.refs)


def _check_document(blobs: BlobStore, digest: Digest, staying: set[bytes]) -> None:
    try:
        content = blobs.read(digest, MANIFEST_BYTES)
    except BlobNotFound:
        return
    except (CorruptBlob, LimitExceeded) as error:
        raise UnreadableGraph(digest, str(error), path_of(digest)) from error
    # An escape can hide a digest.
    if b"\\" in content or not staying.issuperset(_DIGEST.findall(content)):
        for child in graph.owned_digests(content):
            _check_stays(blobs, child, staying, path_of(digest))


def _check_subject(blobs: BlobStore, digest: Digest, staying: set[bytes]) -> None:
    with suppress(BlobNotFound, CorruptBlob, LimitExceeded, InvalidManifest):
        content = blobs.read(digest, MANIFEST_BYTES)
        # Without escapes in the document, a key is spelled literally.
        if b"subject" not in content and b"\\" not in content:
            return
        subject = graph.subject_digest(content)
        if subject is not None and subject.encode() in staying:
            raise _mismatch(subject, digest)


def _check_stays(blobs: BlobStore, digest: Digest, staying: set[bytes], where: str) -> None:
    if digest.encode() not in staying and blobs.stat(digest) is not None:
        raise _mismatch(where, digest)


def _mismatch(where: str, digest: Digest) -> CatalogMismatch:
    return CatalogMismatch(
        f"{where} needs {digest}, which the catalog counts as garbage",
        hint="cachedb doctor --rebuild",
    )
