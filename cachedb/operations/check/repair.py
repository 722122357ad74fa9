"""Repair of corrupt and missing blobs, from another layout or from a registry.

Names are not changed: a blob is addressed by its digest, and any copy of its bytes replaces it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import DOCUMENTS, Kind
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, links, refs
from cachedb.errors import CacheError, InvalidReference
from cachedb.oci import Descriptor, MediaType, Reference, graph
from cachedb.operations.check.verify import verify
from cachedb.operations.transfer.publish import leasing, publish_blobs
from cachedb.operations.transfer.workers import workers
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.layout import Layout
    from cachedb.layout.staging.area import StagingArea
    from cachedb.oci import Digest
    from cachedb.operations.check.verify import BlobFault, Verification
    from cachedb.registry.client import Client

    Connect = Callable[[str], Client]

_JOBS = 4
_CHUNK = 1 << 20
# Children before their parents, the order of publication.
_ORDER = (Kind.LAYER, Kind.OTHER, Kind.CONFIG, Kind.ATTESTATION, Kind.MANIFEST, Kind.INDEX)


class Repair(Record):
    """Outcome of the repair of one blob: its `source`, or `why` it was not repaired."""

    finding: BlobFault
    """Blob that was to be repaired."""
    source: str | None
    why: str = ""


class Sources(Record):
    """Sources of blobs: other layouts first, then registries."""

    copies: tuple[Layout, ...] = ()
    """Other layouts, in the order in which they are tried."""
    connect: Connect | None = None
    """Function that returns a client of a registry; None without network."""


class _Wanted:
    """Blob to repair: its declared sizes and types, and the repositories that had it."""

    def __init__(self, finding: BlobFault, kind: Kind = Kind.OTHER) -> None:
        self.finding = finding
        self.kind = kind
        self.claims: list[tuple[str, int]] = []
        self.repositories: list[tuple[str, str]] = []

    def descriptors(self) -> Iterator[Descriptor]:
        """Yield the descriptors of the blob; two parents can declare different ones."""
        for media_type, size in dict.fromkeys(self.claims):
            yield Descriptor(
                media_type=MediaType(media_type), digest=self.finding.digest, size=size
            )


def repair(
    layout: Layout, catalog: Catalog, found: Verification, sources: Sources
) -> tuple[Repair, ...]:
    """Repair findings of a verification, and faulty blobs below repaired documents.

    Documents are repaired from the roots down, a level at a time: the content of a document is
    known when it has been repaired. Every blob is hashed when it is staged, and replaces the
    corrupt one in one step. When a later level fails, blobs that were repaired stay.

    Raises:
        LimitExceeded: Repaired documents are nested more deeply than `GRAPH_DEPTH`.
    """
    done: dict[Digest, Repair] = {}

    def below(levels: Sequence[tuple[BlobFault, ...]]) -> Iterator[list[tuple[BlobFault, ...]]]:
        """Repair a level, and yield the next: the faults below its documents."""
        for faults in levels:
            repaired, documents = _repair(layout, catalog, faults, sources)
            done.update((each.finding.digest, each) for each in repaired)
            findings = verify(layout, catalog, documents).findings if documents else ()
            left = tuple(finding for finding in findings if finding.digest not in done)
            yield [left] if left else []

    graph.walk([found.findings] if found.findings else [], below, "repaired documents")
    return tuple(done.values())


def _repair(
    layout: Layout, catalog: Catalog, findings: Sequence[BlobFault], sources: Sources
) -> tuple[list[Repair], list[int]]:
    """Repair blobs; return the ids of the documents among them as well."""
    with catalog.reading() as connection:
        wanted = [_wanted(connection, finding) for finding in findings]
    clients = {domain: None for each in wanted for domain, _ in each.repositories}
    connected = _Connected(copies=sources.copies, clients=_connect(sources.connect, clients))
    with layout.staging() as stage, leasing(layout, catalog) as lease:
        lease.hold([each.finding.digest for each in wanted])
        with workers(_JOBS) as pool:
            repairs = list(pool.map(lambda each: connected.bring(each, stage), wanted))
        arrived = [
            each for each, made in zip(wanted, repairs, strict=True) if made.source is not None
        ]
        arrived.sort(key=lambda each: _ORDER.index(each.kind))
        digests = [each.finding.digest for each in arrived]
        if digests:
            publish_blobs(layout, catalog, stage, digests)
    with catalog.reading() as connection:
        documents = _ids_of_documents(connection, digests)
    return repairs, documents


def _connect(connect: Connect | None, domains: Collection[str]) -> dict[str, Client]:
    return {} if connect is None else {domain: connect(domain) for domain in domains}


class _Connected(Record):
    copies: tuple[Layout, ...]
    clients: dict[str, Client]

    def bring(self, wanted: _Wanted, stage: StagingArea) -> Repair:
        """Stage one blob from the first source that has the right bytes."""
        digest, failures = wanted.finding.digest, []
        if not digest.is_verifiable:
            return Repair(
                finding=wanted.finding, source=None, why="its digest algorithm cannot be verified"
            )
        for descriptor in wanted.descriptors():
            for source, bring in self._ways(wanted):
                try:
                    bring(descriptor, stage)
                except CacheError as error:
                    failures.append(f"{source}: {error}")
                else:
                    return Repair(finding=wanted.finding, source=source)
        why = "; ".join(failures) or "no name or origin has a registry"
        return Repair(finding=wanted.finding, source=None, why=why)

    def _ways(
        self, wanted: _Wanted
    ) -> Iterator[tuple[str, Callable[[Descriptor, StagingArea], None]]]:
        for copy in self.copies:
            yield str(copy.root), partial(_copy, copy)
        for domain, path in wanted.repositories:
            client = self.clients.get(domain)
            if client is not None:
                fetch = _fetch_document if wanted.kind in DOCUMENTS else _fetch_blob
                yield f"{domain}/{path}", partial(fetch, client, path)


def _copy(copy: Layout, descriptor: Descriptor, stage: StagingArea) -> None:
    with stage.writing(descriptor.digest, descriptor.size) as writer:
        if writer is None:
            return
        writer.restart()
        with copy.blobs.open(descriptor.digest) as source:
            while chunk := source.read(_CHUNK):
                writer.write(chunk)


def _fetch_document(
    client: Client, repository: str, descriptor: Descriptor, stage: StagingArea
) -> None:
    _, content = client.manifest(repository, descriptor)
    stage.add(descriptor.digest, content)


def _fetch_blob(
    client: Client, repository: str, descriptor: Descriptor, stage: StagingArea
) -> None:
    with stage.writing(descriptor.digest, descriptor.size) as writer:
        if writer is not None:
            client.download_checked(repository, descriptor, writer)


def _wanted(connection: Connection, finding: BlobFault) -> _Wanted:
    row = connection.first(blobs.OF_DIGESTS, low=finding.digest, high=finding.digest)
    if row is None:  # removed since it was found
        return _Wanted(finding=finding)
    found = _Wanted(finding=finding, kind=codecs.kind(row.kind))
    for statement in (refs.CLAIMS, links.CLAIMS):
        for claim in connection.each(statement, blob_id=row.id):
            found.claims.append((claim.media_type, codecs.size(claim.size)))
    if not found.claims:  # no descriptor refers to it: its file tells its size
        found.claims.append((row.media_type, codecs.size(row.size)))
    found.repositories = list(dict.fromkeys(_repositories(connection, row.id)))
    return found


def _repositories(connection: Connection, key: int) -> Iterator[tuple[str, str]]:
    """Yield repositories that may have the blob: origins of its images, then their names."""
    rows = connection.rows(refs.SOURCES, blob_id=key)
    texts = [row.origin for row in rows if row.source == "pull" and row.origin is not None]
    texts += connection.values(blobs.SEEN_IN, blob_id=key)
    for text in texts:
        try:
            reference = Reference.parse(text)
        except InvalidReference:
            continue
        yield reference.domain, reference.path
    for row in rows:
        if row.registry is not None and row.repo is not None:
            yield row.registry, row.repo


def _ids_of_documents(connection: Connection, digests: Collection[Digest]) -> list[int]:
    rows = connection.each(blobs.AMONG, digests=many(digests))
    return [row.id for row in rows if codecs.kind(row.kind) in DOCUMENTS]
