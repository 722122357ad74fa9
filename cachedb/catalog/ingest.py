"""Rows in: what the files say, put into the tables.

Everything here runs inside one write transaction of the caller. Rows of blobs are kept in memory
as far as they are touched, so that a change costs what it changes; statements go in batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Table, bindparam, delete, func, insert, select, update

from cachedb.catalog.schema import (
    Kind,
    Reading,
    Role,
    State,
    annotation,
    blob,
    config,
    edge,
    env,
    label,
    link,
    link_annotation,
    platform,
    repository_blob,
)
from cachedb.oci import manifest as oci_manifest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from cachedb.oci.config import ImageConfig
    from cachedb.oci.platform import Platform

_T = TypeVar("_T")


class Document(Protocol):
    """An index or a manifest, or what could be read of one."""

    @property
    def artifact_type(self) -> str | None:
        """What an artifact says it is."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """What it says of itself."""

    def children(self) -> Iterator[oci_manifest.Child]:
        """Yield its descriptors."""


# SQLite stops at 32 766 variables; a few hundred are as fast as any more.
_CHUNK = 500

_ROLES = {
    oci_manifest.Role.MANIFEST: Role.MANIFEST,
    oci_manifest.Role.CONFIG: Role.CONFIG,
    oci_manifest.Role.LAYER: Role.LAYER,
    oci_manifest.Role.SUBJECT: Role.SUBJECT,
}


@dataclass(slots=True)
class BlobRow:
    """A row of `blob` that may be changed; `Ingest.flush` writes what differs."""

    id: int
    digest: str
    size: int
    kind: Kind = Kind.OTHER
    state: State = State.MISSING
    media_type: str = ""
    artifact_type: str | None = None
    platform_id: int | None = None
    parsed: Reading = Reading.NO
    problem: str | None = None
    touched: int | None = None
    verified: int | None = None

    @property
    def has_file(self) -> bool:
        """Whether there is a file in the layout."""
        return self.touched is not None

    def values(self) -> dict[str, Any]:
        """Return the columns that can change."""
        return {
            "size": self.size,
            "kind": int(self.kind),
            "state": int(self.state),
            "media_type": self.media_type,
            "artifact_type": self.artifact_type,
            "platform_id": self.platform_id,
            "parsed": int(self.parsed),
            "problem": self.problem,
            "touched": self.touched,
            "verified": self.verified,
        }


def chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut `items` into lists short enough for one statement."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == _CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


class Ingest:
    """The blobs of a catalog, as one reconciliation changes them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._by_digest: dict[str, BlobRow] = {}
        self._by_id: dict[int, BlobRow] = {}
        self._as_stored: dict[int, dict[str, Any]] = {}
        self._platforms: dict[tuple[str, str, str, str], int] = {}

    # -- blobs -----------------------------------------------------------------------------

    def load_all(self) -> None:
        """Take every row into memory."""
        self._take(self.connection.execute(select(blob)).all())

    def load(self, digests: Collection[str]) -> None:
        """Take the rows of some digests into memory."""
        missing = [digest for digest in digests if digest not in self._by_digest]
        for batch in chunks(missing):
            self._take(self.connection.execute(select(blob).where(blob.c.digest.in_(batch))).all())

    def load_ids(self, ids: Iterable[int]) -> None:
        """Take the rows of some ids into memory."""
        missing = [key for key in ids if key not in self._by_id]
        for batch in chunks(missing):
            self._take(self.connection.execute(select(blob).where(blob.c.id.in_(batch))).all())

    def loaded(self) -> list[BlobRow]:
        """Return the rows in memory."""
        return list(self._by_id.values())

    def find(self, digest: str) -> BlobRow | None:
        """Return a row in memory."""
        return self._by_digest.get(digest)

    def find_id(self, key: int) -> BlobRow | None:
        """Return the row of an id that has been loaded, if there is one."""
        return self._by_id.get(key)

    def get(self, key: int) -> BlobRow:
        """Return the row of an id that has been loaded."""
        return self._by_id[key]

    def ensure(self, sizes: dict[str, int]) -> None:
        """Make rows for the digests that have none, with the sizes declared."""
        self.load(sizes)
        new = [digest for digest in sizes if digest not in self._by_digest]
        if not new:
            return
        # Sorted: inserting into a unique index in order is three times faster.
        self._insert(
            blob,
            [
                {
                    "digest": digest,
                    "size": sizes[digest],
                    "kind": int(Kind.OTHER),
                    "state": int(State.MISSING),
                    "media_type": "",
                    "parsed": 0,
                }
                for digest in sorted(new)
            ],
        )
        self.load(new)

    def flush(self) -> None:
        """Write the rows that have changed."""
        changed = []
        for key, row in self._by_id.items():
            values = row.values()
            if values != self._as_stored[key]:
                changed.append({"key": key, **values})
                self._as_stored[key] = values
        if changed:
            self.connection.execute(update(blob).where(blob.c.id == bindparam("key")), changed)

    def forget(self, rows: Iterable[BlobRow]) -> None:
        """Delete rows that nothing points at."""
        ids = [row.id for row in rows]
        for batch in chunks(ids):
            self._forget_documents(batch)
            for table in (label, env, config, repository_blob):
                self.connection.execute(delete(table).where(table.c.blob_id.in_(batch)))
            self.connection.execute(delete(blob).where(blob.c.id.in_(batch)))
            for key in batch:
                del self._by_digest[self._by_id.pop(key).digest]
                del self._as_stored[key]

    # -- documents -------------------------------------------------------------------------

    def forget_documents(self, rows: Iterable[BlobRow]) -> set[int]:
        """Delete the links of documents that changed; returns the ids of their children."""
        ids = [row.id for row in rows]
        children: set[int] = set()
        for batch in chunks(ids):
            found = self.connection.scalars(
                select(link.c.child_id).where(link.c.parent_id.in_(batch))
            )
            children.update(found)
            self._forget_documents(batch)
            for table in (label, env, config):
                self.connection.execute(delete(table).where(table.c.blob_id.in_(batch)))
        for key in ids:
            row = self._by_id[key]
            if row.parsed and row.state is State.CORRUPT:
                row.state = State.PRESENT  # until it is read again
            row.parsed, row.artifact_type, row.problem = Reading.NO, None, None
            if row.kind is Kind.CONFIG:
                row.platform_id = None
        return children

    def put_documents(self, found: Sequence[tuple[BlobRow, Document]]) -> set[int]:
        """Insert the links of documents; returns the ids of their children."""
        self.ensure(
            {
                child.descriptor.digest: child.descriptor.size
                for _, document in found
                for child in document.children()
            }
        )
        next_id = (self.connection.scalar(select(func.max(link.c.id))) or 0) + 1
        links: list[dict[str, Any]] = []
        edges: set[tuple[int, int]] = set()
        notes: list[dict[str, Any]] = []
        own_notes: list[dict[str, Any]] = []
        children: set[int] = set()
        for row, document in found:
            row.artifact_type = document.artifact_type
            own_notes += [
                {"blob_id": row.id, "key": key, "value": value}
                for key, value in document.annotations.items()
            ]
            for child in document.children():
                target = self._by_digest[child.descriptor.digest].id
                children.add(target)
                links.append(self._link(next_id, row.id, target, child))
                notes += [
                    {"link_id": next_id, "key": key, "value": value}
                    for key, value in child.descriptor.annotations.items()
                ]
                next_id += 1
                about = child.role is oci_manifest.Role.SUBJECT
                edges.add((target, row.id) if about else (row.id, target))
        self._insert(link, links)
        self._insert_edges(edges)
        self._insert(link_annotation, notes)
        self._insert(annotation, own_notes)
        return children

    def put_configs(self, found: Sequence[tuple[BlobRow, ImageConfig]]) -> None:
        """Insert what image configurations say."""
        configs, labels, variables = [], [], []
        for row, parsed in found:
            row.platform_id = self.platform_id(parsed.platform)
            configs.append(
                {
                    "blob_id": row.id,
                    "created": _microseconds(parsed.created_at),
                    "author": parsed.author,
                    "user": parsed.user,
                    "working_dir": parsed.working_dir,
                    "entrypoint": " ".join(parsed.entrypoint),
                    "cmd": " ".join(parsed.cmd),
                }
            )
            labels += [
                {"blob_id": row.id, "key": key, "value": value}
                for key, value in parsed.labels.items()
            ]
            pairs = dict(item.partition("=")[::2] for item in parsed.env)
            variables += [
                {"blob_id": row.id, "key": key, "value": value} for key, value in pairs.items()
            ]
        self._insert(config, configs)
        self._insert(label, labels)
        self._insert(env, variables)

    def first_platform(self, ids: Collection[int]) -> int | None:
        """Return the id of the platform whose text comes first; None if there are none."""
        if len(ids) < 2:  # noqa: PLR2004
            return next(iter(ids), None)
        texts = {key: text for text, key in self._known_platforms().items()}
        return min(ids, key=lambda key: texts[key])

    def platform_id(self, found: Platform | None) -> int | None:
        """Return the id of a platform, normalised; None if it says nothing."""
        if found is None or not (found.os or found.architecture):
            return None
        normal = found.normalized()
        key = (normal.os, normal.architecture, normal.variant, normal.os_version)
        known = self._known_platforms()
        if key not in known:
            names = ("os", "architecture", "variant", "os_version")
            result = self.connection.execute(insert(platform), dict(zip(names, key, strict=True)))
            assert result.inserted_primary_key is not None
            known[key] = int(result.inserted_primary_key[0])
        return known[key]

    # -- inside ----------------------------------------------------------------------------

    def _take(self, rows: Iterable[Any]) -> None:
        for found in rows:
            if found.id in self._by_id:
                continue
            row = BlobRow(
                id=found.id,
                digest=found.digest,
                size=found.size,
                kind=Kind(found.kind),
                state=State(found.state),
                media_type=found.media_type,
                artifact_type=found.artifact_type,
                platform_id=found.platform_id,
                parsed=Reading(found.parsed),
                problem=found.problem,
                touched=found.touched,
                verified=found.verified,
            )
            self._by_id[row.id] = self._by_digest[row.digest] = row
            self._as_stored[row.id] = row.values()

    def _known_platforms(self) -> dict[tuple[str, str, str, str], int]:
        if not self._platforms:
            for row in self.connection.execute(select(platform)):
                text = (row.os, row.architecture, row.variant, row.os_version)
                self._platforms[text] = row.id
        return self._platforms

    def _link(
        self, key: int, parent: int, target: int, child: oci_manifest.Child
    ) -> dict[str, Any]:
        descriptor = child.descriptor
        return {
            "id": key,
            "parent_id": parent,
            "child_id": target,
            "role": int(_ROLES[child.role]),
            "position": child.position,
            "media_type": descriptor.media_type,
            "size": descriptor.size,
            "platform_id": self.platform_id(descriptor.platform),
            "artifact_type": descriptor.artifact_type,
            "embedded": int(descriptor.data is not None),
        }

    def _insert(self, table: Table[Any], rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)

    def _insert_edges(self, pairs: set[tuple[int, int]]) -> None:
        """Insert the edges that are not there: a subject may have claimed one before."""
        known: set[tuple[int, int]] = set()
        for batch in chunks({parent for parent, _ in pairs}):
            known.update(
                self.connection.execute(
                    select(edge.c.parent_id, edge.c.child_id).where(edge.c.parent_id.in_(batch))
                )
            )
        self._insert(
            edge,
            [{"parent_id": parent, "child_id": child} for parent, child in sorted(pairs - known)],
        )

    def _forget_documents(self, batch: list[int]) -> None:
        connection = self.connection
        pairs = connection.execute(
            select(link.c.parent_id, link.c.child_id, link.c.role).where(
                link.c.parent_id.in_(batch)
            )
        ).all()
        links = select(link.c.id).where(link.c.parent_id.in_(batch))
        connection.execute(delete(link_annotation).where(link_annotation.c.link_id.in_(links)))
        connection.execute(delete(link).where(link.c.parent_id.in_(batch)))
        connection.execute(delete(annotation).where(annotation.c.blob_id.in_(batch)))
        self._forget_edges({(p, c) if r != Role.SUBJECT else (c, p) for p, c, r in pairs})

    def _forget_edges(self, pairs: set[tuple[int, int]]) -> None:
        """Delete edges, but for those that another link still claims."""
        gone = set(pairs)
        for batch in chunks({key for pair in pairs for key in pair}):
            rows = self.connection.execute(
                select(link.c.parent_id, link.c.child_id, link.c.role).where(
                    link.c.parent_id.in_(batch)
                )
            )
            gone -= {(p, c) if r != Role.SUBJECT else (c, p) for p, c, r in rows}
        if gone:
            self.connection.execute(
                delete(edge).where(
                    edge.c.parent_id == bindparam("parent"), edge.c.child_id == bindparam("child")
                ),
                [{"parent": parent, "child": child} for parent, child in gone],
            )


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000)
