"""Inspection of one image: its names, its size, and how each of its platforms is run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cachedb.catalog.enums import Kind, Role
from cachedb.catalog.queries import statements
from cachedb.catalog.schema import blob, config, env, label, link
from cachedb.operations.read.listing import manifests_below

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachedb.catalog.executor import Connection
    from cachedb.oci import Digest
    from cachedb.operations.read.listing import ManifestEntry
    from cachedb.operations.read.resolve import Root

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """How one platform of an image is run."""

    platform: str
    digest: Digest
    created_at: datetime | None
    author: str
    user: str
    working_dir: str
    entrypoint: str
    cmd: str
    env: Mapping[str, str]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an image says of itself."""

    root: Root
    size: int
    names: tuple[str | None, ...]
    platforms: tuple[RunConfig, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the plain values, for printing."""
        return {
            "name": self.root.name,
            "digest": str(self.root.digest),
            "media_type": self.root.media_type,
            "size": self.size,
            "names": list(self.names),
            "platforms": [
                {
                    "platform": each.platform,
                    "digest": str(each.digest),
                    "created": each.created_at and _utc(each.created_at),
                    "author": each.author,
                    "user": each.user,
                    "working_dir": each.working_dir,
                    "entrypoint": each.entrypoint,
                    "cmd": each.cmd,
                    "env": dict(each.env),
                    "labels": dict(each.labels),
                }
                for each in self.platforms
            ],
        }


def inspect(connection: Connection, root: Root) -> Inspection:
    """Return what an image says of itself, platform by platform."""
    seed = select(blob.c.id).where(blob.c.id == root.blob_id)
    sizes = dict(connection.execute(statements.size_of_each(seed)).all())
    names = [
        row.name
        for row in connection.execute(statements.refs_with_targets())
        if row.target_id == root.blob_id
    ]
    entries = manifests_below(connection, {root.blob_id})[root.blob_id]
    return Inspection(
        root=root,
        size=sizes.get(root.blob_id, 0),
        names=tuple(names),
        platforms=tuple(
            found
            for entry in entries
            if entry.kind is Kind.MANIFEST and (found := _run_config(connection, entry))
        ),
    )


def _run_config(connection: Connection, entry: ManifestEntry) -> RunConfig | None:
    row = connection.execute(
        select(config)
        .join(link, link.c.child_id == config.c.blob_id)
        .where(link.c.parent_id == entry.blob_id, link.c.role == int(Role.CONFIG))
    ).first()
    if row is None:
        return None
    return RunConfig(
        platform=entry.platform.full if entry.platform else "",
        digest=entry.digest,
        created_at=_moment(row.created),
        author=row.author,
        user=row.user,
        working_dir=row.working_dir,
        entrypoint=row.entrypoint,
        cmd=row.cmd,
        env=_pairs(connection, env, row.blob_id),
        labels=_pairs(connection, label, row.blob_id),
    )


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:  # year 1 in some time zone, before it in UTC
        return None


def _pairs(connection: Connection, table: Any, key: int) -> dict[str, str]:
    rows = connection.execute(
        select(table.c.key, table.c.value).where(table.c.blob_id == key).order_by(table.c.key)
    )
    return dict(rows.all())
