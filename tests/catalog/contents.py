"""Content of a catalog in comparable form: digests instead of ids, without user state."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, select

from cachedb.catalog import state
from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import INDEX_PROBLEMS, Kind, Reading, Role, State
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import (
    annotation,
    blob,
    config,
    edge,
    env,
    label,
    link,
    link_annotation,
    metadata,
    platform,
    ref,
    ref_annotation,
)
from tests.sql import on


@dataclass(slots=True)
class Contents:
    """Every derived row of a catalog."""

    blobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    refs: list[dict[str, Any]] = field(default_factory=list)
    pairs: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: str | None = None
    reachable: set[str] = field(default_factory=set)

    def states(self, wanted: State) -> set[str]:
        """Return the digests that are in a state."""
        return {digest for digest, row in self.blobs.items() if row["state"] is wanted}

    def kinds(self) -> dict[str, Kind]:
        """Return what each blob is."""
        return {digest: row["kind"] for digest, row in self.blobs.items()}


def contents(catalog: Catalog) -> Contents:
    """Read everything that is derived."""
    with catalog.reading() as connection:
        return read(connection)


def wipe(catalog: Catalog) -> None:
    """Take every row out: cheaper than another catalog, whose statements are compiled anew."""
    with catalog.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            on(connection).execute(delete(table))


def read(connection: Connection) -> Contents:
    found = Contents()
    platforms = {
        row.id: (row.os, row.architecture, row.variant, row.os_version)
        for row in on(connection).execute(select(platform))
    }
    digests: dict[int, str] = {}
    for row in on(connection).execute(select(blob)):
        digests[row.id] = row.digest
        found.blobs[row.digest] = {
            "size": row.size,
            "kind": Kind(row.kind),
            "state": State(row.state),
            "media_type": row.media_type,
            "artifact_type": row.artifact_type,
            "platform": platforms.get(row.platform_id),
            "parsed": Reading(row.parsed),
            "problem": row.problem,
            "touched": row.touched,
        }
    notes = _pairs(connection, link_annotation, "link_id")
    for row in on(connection).execute(select(link)):
        found.links[digests[row.parent_id], Role(row.role).name, row.position] = {
            "child": digests[row.child_id],
            "media_type": row.media_type,
            "size": row.size,
            "platform": platforms.get(row.platform_id),
            "artifact_type": row.artifact_type,
            "embedded": row.embedded,
            "annotations": notes.get(row.id, {}),
        }
    for parent, child in on(connection).execute(select(edge.c.parent_id, edge.c.child_id)):
        found.edges.add((digests[parent], digests[child]))
    notes = _pairs(connection, ref_annotation, "ref_id")
    for row in on(connection).execute(select(ref).order_by(ref.c.position)):
        found.refs.append(
            {
                "position": row.position,
                "entry": row.entry,
                "name": row.name,
                "registry": row.registry,
                "repo": row.repo,
                "tag": row.tag,
                "target": digests[row.target_id],
                "media_type": row.media_type,
                "size": row.size,
                "platform": platforms.get(row.platform_id),
                "pinned": row.pinned,
                "annotations": notes.get(row.id, {}),
            }
        )
    for table in (annotation, label, env):
        rows = _pairs(connection, table, "blob_id")
        found.pairs[table.name] = {digests[key]: pairs for key, pairs in rows.items()}
    for row in on(connection).execute(select(config)):
        values = dict(row._mapping)
        found.configs[digests[values.pop("blob_id")]] = values
    found.problems = state.read(connection, INDEX_PROBLEMS)
    live = on(connection).scalars(select(graph.reachable().c.id))
    found.reachable = {digests[key] for key in live}
    return found


def _pairs(connection: Connection, table: Any, owner: str) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for row in on(connection).execute(select(table)):
        found.setdefault(getattr(row, owner), {})[row.key] = row.value
    return found
