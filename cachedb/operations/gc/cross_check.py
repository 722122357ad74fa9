"""Cross-check of the catalog against the files, before garbage is planned or removed.

The catalog is derived, and a fault in it must not cost a blob.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cachedb.catalog import codecs, state
from cachedb.catalog.enums import DOCUMENTS, FINGERPRINT
from cachedb.catalog.statement import many
from cachedb.catalog.statements import garbage as statements
from cachedb.catalog.statements import refs
from cachedb.errors import (
    BlobNotFound,
    CatalogMismatch,
    CorruptBlob,
    InvalidManifest,
    LimitExceeded,
    UnreadableGraph,
)
from cachedb.layout.blobs import path_of
from cachedb.layout.fingerprint import Fingerprint
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import graph
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobStore
    from cachedb.oci.digest import Digest
    from cachedb.operations.gc.mark import Candidate

# Documents between two reports of progress.
_STEP = 500
_DIGEST = lazy(rb"sha(?:256|384|512):[0-9a-f]{64,128}")


def cross_check(
    layout: Layout,
    connection: Connection,
    garbage: Collection[Candidate],
    spared: Collection[Candidate],
    without: Collection[int] = (),
) -> None:
    """Check that no remaining name and document references an unreferenced blob.

    `garbage`, which is to be removed, and `spared` are all blobs that the catalog counts as such.
    Refs of the ids `without` count as removed. Costs one read of index.json and of every document
    that stays, as text: only one with escapes, or with an unreferenced digest, is parsed. So is
    every document of the garbage that has a subject, which may stay. Without garbage, no file is
    read.

    Raises:
        CatalogMismatch: The files reference a blob that the catalog counts as garbage.
        UnreadableGraph: A document that stays cannot be read.
    """
    if not garbage:
        return
    unreferenced = {str(each.digest) for each in (*garbage, *spared)}
    encoded = {digest.encode() for digest in unreferenced}
    rows = connection.each(statements.DOCUMENTS)
    documents = [row.digest for row in rows if row.digest not in unreferenced]
    with layout.blobs.kept_open() as blobs:
        for digest in _named(layout, connection, without):
            _check_stays(blobs, digest, encoded, "index.json")
        with layout.progress.task("check documents", len(documents), "documents") as task:
            for start in range(0, len(documents), _STEP):
                portion = documents[start : start + _STEP]
                for document in portion:
                    _check_document(blobs, codecs.digest(document), encoded)
                task.advance(len(portion))
        subjects = {
            subject: each.digest
            for each in garbage
            if each.kind in DOCUMENTS
            if (subject := _subject(blobs, each.digest)) not in unreferenced
        }
    subjects.pop(None, None)
    if subjects:
        _check_subjects(connection, subjects, without)


def is_unchanged(layout: Layout, connection: Connection, gone: Collection[str]) -> bool:
    """Return whether every document, besides those of `gone`, is the one that was indexed.

    Its size and time prove that: a check of such documents need not be repeated. Costs one `stat`
    for each.
    """
    recorded = Fingerprint.parse(state.read(connection, FINGERPRINT) or "")
    if recorded is None or not recorded.blobs_settled:
        return False
    with layout.blobs.kept_open() as blobs:
        for row in connection.each(statements.DOCUMENTS):
            if row.digest in gone:
                continue
            found = blobs.stat(codecs.digest(row.digest))
            if found is None or (found.size, found.touched_ns) != (row.size, row.touched):
                return False
    return True


def _named(layout: Layout, connection: Connection, without: Collection[int]) -> Iterator[Digest]:
    """Yield the digests in index.json, except those of refs that count as removed."""
    staying = layout.index()
    if without:
        removed = [row.entry for row in connection.each(refs.OF_IDS, ids=many(without))]
        staying, _ = staying.without_entries(removed)
    yield from (ref.descriptor.digest for ref in staying.refs)


def _check_document(blobs: BlobStore, digest: Digest, unreferenced: set[bytes]) -> None:
    try:
        content = blobs.read(digest, MANIFEST_BYTES)
    except BlobNotFound:
        return
    except (CorruptBlob, LimitExceeded) as error:
        raise UnreadableGraph(digest, str(error), path_of(digest)) from error
    # An escape can hide a digest.
    if b"\\" in content or not unreferenced.isdisjoint(_DIGEST.findall(content)):
        for child in graph.owned_digests(content):
            _check_stays(blobs, child, unreferenced, path_of(digest))


def _subject(blobs: BlobStore, digest: Digest) -> str | None:
    """Return the subject of a document that can be read; None without one."""
    with suppress(BlobNotFound, CorruptBlob, LimitExceeded, InvalidManifest):
        content = blobs.read(digest, MANIFEST_BYTES)
        # Without escapes in the document, a key is spelled literally.
        if b"subject" in content or b"\\" in content:
            return graph.subject_digest(content)
    return None


def _check_subjects(
    connection: Connection, subjects: Mapping[str | None, Digest], without: Collection[int]
) -> None:
    """Check that no ref reaches a subject of garbage, each with a document that has it."""
    staying = set(connection.values(statements.REACHABLE, without=many(without)))
    for subject, digest in subjects.items():
        if subject is not None and subject in staying:
            raise _mismatch(subject, digest)


def _check_stays(blobs: BlobStore, digest: Digest, unreferenced: set[bytes], where: str) -> None:
    if digest.encode() in unreferenced and blobs.stat(digest) is not None:
        raise _mismatch(where, digest)


def _mismatch(where: str, digest: Digest) -> CatalogMismatch:
    return CatalogMismatch(
        f"{where} needs {digest}, which the catalog counts as garbage",
        hint="cachedb doctor --rebuild",
    )
