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
from cachedb.operations.sync.freshness import has_same_names
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.blobs import BlobStore, OpenStore
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
    unreferenced: set[str] = {each.digest for each in (*garbage, *spared)}
    encoded = set(map(str.encode, unreferenced))
    known = connection.each(statements.DOCUMENTS)
    documents = [digest for digest, _, _ in known if digest not in unreferenced]
    with layout.blobs.in_bulk() as blobs:
        if without or _may_name(layout, connection, encoded):
            for digest in _named(layout, connection, without):
                _check_stays(blobs, digest, encoded, "index.json")
        with layout.progress.task("check documents", len(documents), "documents") as task:
            for start in range(0, len(documents), _STEP):
                portion = documents[start : start + _STEP]
                _check_documents(blobs, portion, encoded)
                task.advance(len(portion))
        removed = [each.digest for each in garbage if each.kind in DOCUMENTS]
        subjects = {
            subject: digest
            for digest, subject in _subjects(blobs, removed)
            if subject not in unreferenced
        }
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
    rows = connection.each(statements.DOCUMENTS)
    with layout.blobs.in_bulk() as blobs:
        return blobs.are_unchanged(row for row in rows if row.digest not in gone)


def _may_name(layout: Layout, connection: Connection, encoded: set[bytes]) -> bool:
    """Return whether index.json may name an unreferenced blob, by its text alone.

    It may if it is not the text that was derived last, which another tool may be writing.
    """
    content = layout.read_index_json()
    is_plain = b"\\" not in content and has_same_names(layout, connection)
    return not is_plain or not encoded.isdisjoint(_DIGEST.findall(content))


def _named(layout: Layout, connection: Connection, without: Collection[int]) -> Iterator[Digest]:
    """Yield the digests in index.json, except those of refs that count as removed."""
    staying = layout.index()
    if without:
        removed = [row.entry for row in connection.each(refs.OF_IDS, ids=many(without))]
        staying, _ = staying.without_entries(removed)
    yield from (ref.descriptor.digest for ref in staying.refs)


def _check_documents(blobs: OpenStore, digests: Sequence[str], unreferenced: set[bytes]) -> None:
    contents = blobs.contents(digests, MANIFEST_BYTES)
    for text, content in zip(digests, contents, strict=True):
        if content is None:
            _refuse_unreadable(blobs, codecs.digest(text))
        # An escape can hide a digest.
        elif b"\\" in content or not unreferenced.isdisjoint(_DIGEST.findall(content)):
            for child in graph.owned_digests(content):
                _check_stays(blobs, child, unreferenced, path_of(codecs.digest(text)))


def _refuse_unreadable(blobs: BlobStore, digest: Digest) -> None:
    """Read a document that could not be read; a missing one has no children."""
    try:
        blobs.read(digest, MANIFEST_BYTES)
    except BlobNotFound:
        return
    except (CorruptBlob, LimitExceeded) as error:
        raise UnreadableGraph(digest, str(error), path_of(digest)) from error


def _subjects(blobs: OpenStore, digests: Sequence[Digest]) -> Iterator[tuple[Digest, str]]:
    """Yield the documents that have a subject, each with it, as far as they can be read."""
    contents = blobs.contents(digests, MANIFEST_BYTES)
    for digest, content in zip(digests, contents, strict=True):
        # Without escapes in the document, a key is spelled literally.
        if content is not None and (b"subject" in content or b"\\" in content):
            with suppress(InvalidManifest):
                subject = graph.subject_digest(content)
                if subject is not None:
                    yield digest, subject


def _check_subjects(
    connection: Connection, subjects: Mapping[str, Digest], without: Collection[int]
) -> None:
    """Check that no ref reaches a subject of garbage, each with a document that has it."""
    staying = set(connection.values(statements.REACHABLE, without=many(without)))
    for subject, digest in subjects.items():
        if subject in staying:
            raise _mismatch(subject, digest)


def _check_stays(blobs: BlobStore, digest: Digest, unreferenced: set[bytes], where: str) -> None:
    if digest.encode() in unreferenced and blobs.stat(digest) is not None:
        raise _mismatch(where, digest)


def _mismatch(where: str, digest: Digest) -> CatalogMismatch:
    return CatalogMismatch(
        f"{where} needs {digest}, which the catalog counts as garbage",
        hint="cachedb doctor --rebuild",
    )
