"""Working set of one reconciliation: rows of blobs in memory, and pending writes.

New rows stay in memory until `flush`, so that a reconciliation takes the memory of one batch.
The database is queried only for blobs that have a row. Everything runs inside one write
transaction of the caller.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind, Reading, Role, State
from cachedb.catalog.index import config_rows, link_rows
from cachedb.catalog.index.blob_rows import COLUMNS, BlobRow, Claim, NewLink
from cachedb.catalog.index.removal import drop_unclaimed
from cachedb.catalog.statement import many
from cachedb.catalog.statements import repositories
from cachedb.catalog.statements.index import documents, links, stored_blobs, stored_refs
from cachedb.errors import CatalogMismatch
from cachedb.oci import MediaType, graph
from cachedb.oci import manifest as oci_manifest

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence

    from cachedb.catalog.executor import Bound, Connection
    from cachedb.catalog.index.removal import Dropped
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.index.stored_blobs import StoredBlob
    from cachedb.oci.config import ImageConfig
    from cachedb.oci.graph import AnyDocument
    from cachedb.oci.platform.model import Platform


_ROLES = {
    oci_manifest.ChildRole.MANIFEST: Role.MANIFEST,
    oci_manifest.ChildRole.CONFIG: Role.CONFIG,
    oci_manifest.ChildRole.LAYER: Role.LAYER,
    oci_manifest.ChildRole.SUBJECT: Role.SUBJECT,
}


_SIZE_BITS = 63
_SIZE = (1 << _SIZE_BITS) - 1


def packed(size: int, touched: int) -> int:
    """Return size and time of a file as one integer, a third of the memory of a tuple."""
    return touched << _SIZE_BITS | size


def size_in(file: int) -> int:
    """Return the size of a file that is `packed`, in bytes."""
    return file & _SIZE


class WorkingSet:
    """The blobs of a catalog, as one reconciliation changes them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.refs: dict[int, list[Claim]] = {}
        """The claims of index.json, by the id of the blob; after `load_refs_but`, some of them."""
        self._replaced_refs: Container[int] | None = None
        self._with_refs: set[int] = set()
        """The ids of blobs whose claims of stored refs are in `refs`."""
        self.arrivals: dict[str, int] = {}
        """Size and time of files, `packed`, whose rows are not in memory or not made yet."""
        self._arrived: set[int] = set()
        self._next_id = connection.value(stored_blobs.NEXT_ID) or 1
        self._was_empty = self._next_id == 1
        self._has_rows = not self._was_empty
        self._by_digest: dict[str, BlobRow] = {}
        self._by_id: dict[int, BlobRow] = {}
        self._platforms: dict[tuple[str, str, str, str], int] = {}
        self._stated_platforms: dict[tuple[str, str, str, str], int] = {}
        self._documents: dict[int, Mapping[str, str]] = {}
        """The annotations of the documents that were put since the last eviction."""
        self._configs: dict[int, ImageConfig] = {}
        # Links in the database, by the id of the blob, after `prepare`.
        self._stored_claims: dict[int, list[Claim]] = {}
        self._dropped: list[int] = []
        """The ids of rows to delete that were never in memory."""
        self._stored_manifests: dict[int, list[BlobRow]] = {}
        self._stored_content: dict[int, list[tuple[Role, str, BlobRow]]] = {}
        self._is_sparse: dict[int, bool] = {}

    # -- blobs -----------------------------------------------------------------------------

    def known_files(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file that the catalog knows, by digest."""
        if self._was_empty:
            return {}
        return {
            digest: (size, touched)
            for digest, size, touched in self.connection.each(stored_blobs.FILES)
        }

    def load(self, digests: Iterable[str]) -> None:
        """Take the rows of some digests into memory."""
        if not self._has_rows:
            return
        # In a catalog that began empty, a pending file has no row.
        unmade = self.arrivals if self._was_empty else ()
        missing = [key for key in digests if key not in self._by_digest and key not in unmade]
        if missing:
            self._take(stored_blobs.OF_DIGESTS, digests=many(missing))

    def load_ids(self, ids: Iterable[int]) -> None:
        """Take the rows of some ids into memory."""
        missing = [key for key in ids if key not in self._by_id]
        if missing:
            self._take(stored_blobs.OF_IDS, ids=many(missing))

    def find(self, digest: str) -> BlobRow | None:
        """Return a row in memory."""
        row = self._by_digest.get(digest)
        return None if row is None or row.is_gone else row

    def find_id(self, key: int) -> BlobRow | None:
        """Return the loaded row of an id; None without one."""
        row = self._by_id.get(key)
        return None if row is None or row.is_gone else row

    def ensure(self, sizes: Mapping[str, int]) -> None:
        """Make rows for the digests that have none, with the sizes declared."""
        self.load(sizes)
        # Sorted: inserting into a unique index in order is three times faster.
        for digest in sorted(sizes):
            row = self._by_digest.get(digest)
            if row is None:
                key = self._next_id
                row = BlobRow(key, digest, sizes[digest])
                self._by_id[key] = self._by_digest[digest] = row
                self._next_id = key + 1
                self._give_file(row)
            elif row.is_gone:
                row.is_gone, row.size = False, sizes[digest]

    def take_arrived(self) -> set[int]:
        """Return the ids of the rows that were given their file since the last call."""
        arrived, self._arrived = self._arrived, set()
        return arrived

    def forget(self, rows: Iterable[BlobRow]) -> None:
        """Drop rows that no ref, link or file needs."""
        for row in rows:
            row.forget()
            row.is_gone = True

    def drop(self, digests: Collection[str]) -> Dropped:
        """Let rows of blobs without files go as `drop_unclaimed` does; none is in memory yet."""
        dropped = drop_unclaimed(self.connection, digests)
        self._dropped += dropped.ids
        return dropped

    # -- links -----------------------------------------------------------------------------

    def prepare(self, rows: Iterable[BlobRow]) -> None:
        """Load the links to and from some blobs."""
        stored = [row for row in rows if row.stored is not None]
        unknown = [row.id for row in stored if row.id not in self._stored_claims]
        self._load_claims(unknown)
        self._load_refs(unknown)
        self._load_content(
            row.id
            for row in stored
            if row.parsed and row.id not in self._documents and row.id not in self._stored_content
        )
        listing = {
            claim.parent.id
            for key in unknown
            for claim in self._stored_claims[key]
            if claim.role is Role.MANIFEST and claim.parent is not None
        }
        self._load_manifests(listing - self._stored_manifests.keys() - self._documents.keys())

    def load_refs_but(self, replaced: Container[int]) -> None:
        """Load the claims of refs when their blob is prepared, except those of these ids."""
        self._replaced_refs = replaced

    def claims(self, row: BlobRow) -> Iterable[Claim]:
        """Return every claim of refs and links about a blob, which has been prepared."""
        refs = self.refs.get(row.id, ())
        stored = self._stored_claims.get(row.id, ())
        return chain(refs, stored, row.claims) if refs or stored else row.claims

    def content(self, row: BlobRow) -> Iterable[tuple[Role, str, BlobRow]]:
        """Return role, media type and row of the content of a manifest."""
        if row.id in self._documents:
            return ((one.role, one.media_type, one.child) for one in row.links if one.role)
        return self._stored_content.get(row.id, ())

    def manifests(self, row: BlobRow) -> Iterable[BlobRow]:
        """Return the manifests of an index, of which one has been prepared."""
        if row.id in self._documents:
            return [one.child for one in row.links if one.role is Role.MANIFEST]
        return self._stored_manifests.get(row.id, ())

    def is_sparse(self, row: BlobRow) -> bool:
        """Return whether a manifest of an index is present, so that the others may be absent."""
        if row.id not in self._is_sparse:
            self._is_sparse[row.id] = any(child.has_file for child in self.manifests(row))
        return self._is_sparse[row.id]

    def is_of_layers(self, row: BlobRow) -> bool:
        """Return whether an index lists no document, so that it needs every blob that it lists."""
        if row.id in self._documents:
            types = [one.media_type for one in row.links if one.role is Role.MANIFEST]
        else:
            types = [child.media_type for child in self._stored_manifests.get(row.id, ())]
        return not any(graph.is_document(MediaType(text)) for text in types if text)

    # -- documents -------------------------------------------------------------------------

    def forget_documents(self, rows: Iterable[BlobRow]) -> set[int]:
        """Forget the claims of changed documents; return the ids of their children."""
        children: set[int] = set()
        stored = []
        for row in rows:
            children.update(one.child.id for one in row.links)
            for child in {one.child.id: one.child for one in row.links}.values():
                child.claims = [one for one in child.claims if one.parent is not row]
            row.links = []
            if row.parsed and row.state is State.CORRUPT:
                row.state = State.PRESENT  # until it is read again
            row.parsed, row.artifact_type, row.problem = Reading.NO, None, None
            if row.kind is Kind.CONFIG:
                row.platform_id = None
            self._configs.pop(row.id, None)
            if self._documents.pop(row.id, None) is None and row.stored is not None:
                stored.append(row.id)
            for known in (self._stored_manifests, self._stored_content, self._is_sparse):
                known.pop(row.id, None)
        reached = link_rows.delete_documents(self.connection, stored)
        for key in reached:
            self._stored_claims.pop(key, None)
        return children | reached

    def put_documents(self, found: Sequence[tuple[BlobRow, AnyDocument]]) -> set[int]:
        """Enter the content of documents; return the ids of their children."""
        listed = [(row, document, list(graph.children(document))) for row, document in found]
        self.ensure(
            {
                child.descriptor.digest: child.descriptor.size
                for _, _, children in listed
                for child in children
            }
        )
        reached: set[int] = set()
        for row, document, children in listed:
            row.artifact_type = document.artifact_type
            self._documents[row.id] = document.annotations
            for child in children:
                made = self._link(row, child)
                row.links.append(made)
                made.child.claims.append(made)
                reached.add(made.child.id)
        return reached

    def put_configs(self, found: Iterable[tuple[BlobRow, ImageConfig]]) -> None:
        """Enter the content of image configurations."""
        for row, parsed in found:
            row.platform_id = self.platform_id(parsed.platform)
            self._configs[row.id] = parsed

    # -- platforms -------------------------------------------------------------------------

    def first_platform(self, ids: Collection[int]) -> int | None:
        """Return the id of the platform whose text comes first; None if there are none."""
        if len(ids) < 2:  # noqa: PLR2004
            return next(iter(ids), None)
        texts = {key: text for text, key in self._known_platforms().items()}
        return min(ids, key=lambda key: texts[key])

    def platform_id(self, found: Platform | None) -> int | None:
        """Return the id of a platform, normalised; None if it is empty."""
        if found is None or not (found.os or found.architecture):
            return None
        stated = (found.os, found.architecture, found.variant, found.os_version)
        known_id = self._stated_platforms.get(stated)
        if known_id is None:
            known_id = self._stated_platforms[stated] = self._normal_platform_id(found)
        return known_id

    # -- writing ---------------------------------------------------------------------------

    def flush(self, ids: Iterable[int], pending: Container[int] = ()) -> None:
        """Write the rows of `ids` that are new or changed, and every document put so far.

        Written rows are dropped from memory, except those whose ids are `pending`.
        Rows to be deleted stay until `sweep`.
        """
        new: list[tuple[Any, ...]] = []
        changed: list[dict[str, Any]] = []
        for key in sorted(ids):
            row = self._by_id.get(key)
            if row is None or row.is_gone or (values := row.values()) == row.stored:
                continue
            if row.stored is None:
                new.append((row.id, row.digest, *values))
            else:
                changed.append({"row_id": row.id, **dict(zip(COLUMNS, values, strict=True))})
            row.stored = values
        self.connection.insert(stored_blobs.INSERT, new)
        self.connection.write_each(stored_blobs.UPDATE, changed)
        said = [(self._by_id[key], notes) for key, notes in self._documents.items()]
        link_rows.insert_documents(self.connection, said, may_have_edges=self._has_rows)
        config_rows.insert(self.connection, self._configs)
        self._has_rows = True
        self._evict(pending)

    def sweep(self) -> None:
        """Delete the rows of blobs without ref, link and file."""
        gone = [row.id for row in self._by_id.values() if row.is_gone and row.stored is not None]
        gone += self._dropped
        if gone:
            self.connection.write(repositories.FORGET_BLOBS, ids=many(gone))
            self.connection.write(stored_blobs.DELETE, ids=many(gone))

    # -- internal --------------------------------------------------------------------------

    def _evict(self, pending: Container[int]) -> None:
        kept = [
            row
            for row in self._by_id.values()
            if row.id in pending or (row.stored is None) != row.is_gone
        ]
        # Parents and children point at each other, which only the cyclic collector would free.
        for row in self._by_id.values():
            row.links, row.claims = [], []
        self._by_id = {row.id: row for row in kept}
        self._by_digest = {row.digest: row for row in kept}
        self._documents, self._configs = {}, {}
        self._stored_claims, self._stored_manifests, self._stored_content = {}, {}, {}
        self._is_sparse = {}

    def _take(self, statement: Rows[StoredBlob], **values: Bound) -> None:
        for found in self.connection.each(statement, **values):
            if found.id in self._by_id:
                continue
            try:
                row = BlobRow.load(found)
            except ValueError as error:
                raise CatalogMismatch(f"the catalog is damaged: {error}") from error
            self._by_id[row.id] = self._by_digest[row.digest] = row
            self._give_file(row)

    def _give_file(self, row: BlobRow) -> None:
        """Record the file of a row that had none, if it has arrived."""
        file = self.arrivals.pop(row.digest, None)
        if file is not None:
            row.have(size_in(file), file >> _SIZE_BITS)
            self._arrived.add(row.id)

    def _load_claims(self, ids: list[int]) -> None:
        for key in ids:
            self._stored_claims[key] = []
        if not ids:
            return
        listed = many(ids)
        for layer in self.connection.each(links.LAYER_CLAIMS, ids=listed):
            claim = Claim(layer.media_type, layer.size, role=Role.LAYER)
            claim.is_embedded = bool(layer.embedded)
            self._stored_claims[layer.child_id].append(claim)
        found = self.connection.rows(links.OTHER_CLAIMS, ids=listed)
        self.load_ids({one.parent_id for one in found})
        for one in found:
            claim = Claim(one.media_type, one.size, one.platform_id, codecs.role(one.role))
            claim.parent = self._by_id[one.parent_id]
            claim.is_embedded, claim.is_attestation = bool(one.embedded), bool(one.is_attestation)
            self._stored_claims[one.child_id].append(claim)

    def _load_refs(self, ids: Iterable[int]) -> None:
        missing = [] if self._replaced_refs is None else {*ids} - self._with_refs
        if self._replaced_refs is None or not missing:
            return
        self._with_refs.update(missing)
        for one in self.connection.each(stored_refs.ON_TARGETS, ids=many(missing)):
            if one.id not in self._replaced_refs:
                claim = Claim(one.media_type, one.size, one.platform_id)
                self.refs.setdefault(one.target_id, []).append(claim)

    def _load_content(self, ids: Iterable[int]) -> None:
        found = defaultdict(list)
        for one in self.connection.each(links.CONTENT, ids=many(ids)):
            found[one.parent_id].append(one)
        self.load_ids({one.child_id for rows in found.values() for one in rows})
        for key, rows in found.items():
            self._stored_content[key] = [
                (codecs.role(one.role), one.media_type, self._by_id[one.child_id]) for one in rows
            ]

    def _load_manifests(self, ids: Iterable[int]) -> None:
        pairs = self.connection.rows(links.MANIFESTS, ids=many(ids))
        self.load_ids({child for _, child in pairs})
        for parent, child in pairs:
            self._stored_manifests.setdefault(parent, []).append(self._by_id[child])

    def _link(self, row: BlobRow, child: oci_manifest.Child) -> NewLink:
        target = self._by_digest[child.descriptor.digest]
        platform = child.descriptor.platform
        platform_id = None if platform is None else self.platform_id(platform)
        return NewLink(child, row, target, _ROLES[child.role], platform_id)

    def _normal_platform_id(self, found: Platform) -> int:
        normal = found.normalized()
        key = (normal.os, normal.architecture, normal.variant, normal.os_version)
        known = self._known_platforms()
        if key not in known:
            known[key] = self.connection.insert_one(documents.INSERT_PLATFORM, *key)
        return known[key]

    def _known_platforms(self) -> dict[tuple[str, str, str, str], int]:
        if not self._platforms:
            for row in self.connection.each(documents.PLATFORMS):
                text = (row.os, row.architecture, row.variant, row.os_version)
                self._platforms[text] = row.id
        return self._platforms
