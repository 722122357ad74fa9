"""Inspection of one image: its names, its size, and the run configuration of each platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
from cachedb.catalog.statement import many
from cachedb.catalog.statements import configs, refs, usage
from cachedb.errors import BlobNotFound, CorruptBlob, LimitExceeded, StorageFailed
from cachedb.limits import CONFIG_BYTES
from cachedb.oci import config
from cachedb.operations.read.listing import manifests_below
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.configs import PairRow
    from cachedb.layout import Layout
    from cachedb.oci import Digest
    from cachedb.oci.config import ImageConfig
    from cachedb.operations.read.listing import ManifestEntry
    from cachedb.operations.read.resolve import ResolvedImage


class RunConfig(Record):
    """Run configuration of one platform of an image.

    `entrypoint` and `cmd` are the lists of the config; a text, with one space between the words,
    if the config cannot be read any more.
    """

    platform: str
    digest: Digest
    created_at: datetime | None
    """Time at which the image was made, in UTC; None if it states none."""
    author: str
    """Author; '' without one, as in the texts below."""
    user: str
    """User of the process."""
    working_dir: str
    """Folder in which the process starts."""
    entrypoint: tuple[str, ...] | str
    cmd: tuple[str, ...] | str
    env: Mapping[str, str]
    """Values of the environment variables, by name."""
    labels: Mapping[str, str]
    """Values of the labels, by key."""


class Inspection(Record):
    """Properties of an image."""

    image: ResolvedImage
    size: int
    """Bytes on disk of its content, shared blobs once."""
    names: tuple[str, ...]
    """Names of its digest, each once."""
    platforms: tuple[RunConfig, ...]
    """Configurations of its manifests."""

    def to_json(self) -> dict[str, Any]:
        """Return the plain values, for printing."""
        first = self.image.roots[0]
        return {
            "name": self.image.name,
            "digest": None if self.image.is_split else str(first.digest),
            "media_type": first.media_type,
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
                    "entrypoint": _plain(each.entrypoint),
                    "cmd": _plain(each.cmd),
                    "env": dict(each.env),
                    "labels": dict(each.labels),
                }
                for each in self.platforms
            ],
        }


def inspect(connection: Connection, layout: Layout, image: ResolvedImage) -> Inspection:
    """Return name, size and run configurations of an image, platform by platform.

    Reads one config per platform, each of at most the limit `config bytes`.
    """
    targets = [root.blob_id for root in image.roots]
    named = [
        row.name
        for root in image.roots
        for row in connection.rows(refs.OF_DIGESTS, low=root.digest, high=root.digest)
    ]
    below = manifests_below(connection, image.roots)
    entries = [entry for target in targets for entry in below[target]]
    return Inspection(
        image=image,
        size=connection.value(usage.CONTENT, targets=many(targets)) or 0,
        names=tuple(dict.fromkeys(name for name in named if name is not None)),
        platforms=tuple(
            found
            for entry in entries
            if entry.kind is Kind.MANIFEST and (found := _run_config(connection, layout, entry))
        ),
    )


def _run_config(connection: Connection, layout: Layout, entry: ManifestEntry) -> RunConfig | None:
    row = connection.first(configs.OF_MANIFEST, blob_id=entry.blob_id)
    if row is None:
        return None
    document = _read(layout, codecs.digest(row.digest))
    return RunConfig(
        platform=entry.platform.full if entry.platform else "",
        digest=entry.digest,
        created_at=None if row.created is None else codecs.time(row.created),
        author=row.author,
        user=row.user,
        working_dir=row.working_dir,
        entrypoint=row.entrypoint if document is None else document.entrypoint,
        cmd=row.cmd if document is None else document.cmd,
        env=_pairs(connection, configs.ENV, row.blob_id),
        labels=_pairs(connection, configs.LABELS, row.blob_id),
    )


def _read(layout: Layout, digest: Digest) -> ImageConfig | None:
    """Read a config, because the catalog keeps its lists of arguments joined by spaces.

    Returns None if its file was removed or damaged since the catalog was reconciled.
    """
    try:
        return config.salvage(layout.blobs.read(digest, CONFIG_BYTES))
    except (BlobNotFound, CorruptBlob, LimitExceeded, StorageFailed):
        return None


def _plain(words: tuple[str, ...] | str) -> list[str] | str:
    return words if isinstance(words, str) else list(words)


def _pairs(connection: Connection, statement: Rows[PairRow], key: int) -> dict[str, str]:
    return {row.key: row.value for row in connection.each(statement, blob_id=key)}


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
