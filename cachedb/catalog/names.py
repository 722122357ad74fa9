"""The rows of `ref`: what index.json says, and what we remember of each name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from cachedb.catalog.ingest import chunks
from cachedb.catalog.schema import ref, ref_annotation
from cachedb.errors import InvalidReference
from cachedb.oci.reference import TAG, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.catalog.ingest import Ingest
    from cachedb.oci.descriptor import Descriptor

PIN = "io.cachedb.pin"
"""An annotation of a descriptor in index.json: the ref is not to be removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEntry:
    """A readable entry of index.json: its JSON, its name, its descriptor."""

    json: Mapping[str, Any]
    name: str | None
    descriptor: Descriptor


def replace_refs(ingest: Ingest, entries: Sequence[NamedEntry], now: int) -> set[int]:
    """Make the rows those of `entries`; returns the ids of blobs that gained or lost a ref.

    A ref that keeps its name keeps what is remembered of it; `added` is when the name came to
    mean this digest.
    """
    ingest.ensure({entry.descriptor.digest: entry.descriptor.size for entry in entries})
    stored: list[Any] = list(ingest.connection.execute(select(ref).order_by(ref.c.position)))
    by_key: dict[object, list[Any]] = {}
    for row in reversed(stored):
        by_key.setdefault(_key(row.name, row.target_id), []).append(row)
    touched: set[int] = set()
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    notes: list[tuple[int | None, NamedEntry]] = []
    for position, entry in enumerate(entries):
        target = _target(ingest, entry)
        text = json.dumps(entry.json, sort_keys=True, separators=(",", ":"))
        matching = by_key.get(_key(entry.name, target), [])
        row = matching.pop() if matching else None
        if row is not None and row.entry == text:
            if row.position != position:
                moved.append({"key": row.id, "position": position})
            continue
        values = _values(ingest, entry, target, position, text)
        touched.add(target)
        if row is None:
            new.append({**values, "added": now})
            notes.append((None, entry))
        else:
            touched.add(row.target_id)
            added = row.added if row.target_id == target else now
            changed.append({"key": row.id, **values, "added": added})
            notes.append((row.id, entry))
    gone = [row for rows in by_key.values() for row in rows]
    touched |= {row.target_id for row in gone}
    _write(ingest, gone, moved, changed, new)
    _annotate(ingest, notes)
    return touched


def parts_of(name: str | None) -> tuple[str | None, str | None, str | None]:
    """Take a name apart into registry, repository path and tag, as far as it has them.

    A word without slash and colon is only a tag, as the image-spec has it; anything that does
    not parse has no parts.
    """
    if name is None:
        return None, None, None
    if "/" not in name and ":" not in name:
        return None, None, name if TAG.fullmatch(name) else None
    try:
        parsed = Reference.parse(name)
    except InvalidReference:
        return None, None, None
    return parsed.domain, parsed.path, parsed.tag


def _key(name: str | None, target: int) -> object:
    return target if name is None else name


def _target(ingest: Ingest, entry: NamedEntry) -> int:
    row = ingest.find(entry.descriptor.digest)
    assert row is not None  # `ensure` has made it
    return row.id


def _values(
    ingest: Ingest, entry: NamedEntry, target: int, position: int, text: str
) -> dict[str, Any]:
    descriptor = entry.descriptor
    registry, repo, tag = parts_of(entry.name)
    return {
        "position": position,
        "entry": text,
        "name": entry.name,
        "registry": registry,
        "repo": repo,
        "tag": tag,
        "target_id": target,
        "media_type": descriptor.media_type,
        "size": descriptor.size,
        "platform_id": ingest.platform_id(descriptor.platform),
        "pinned": int(PIN in descriptor.annotations),
    }


def _write(
    ingest: Ingest,
    gone: list[Any],
    moved: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    new: list[dict[str, Any]],
) -> None:
    connection = ingest.connection
    for batch in chunks(row.id for row in gone):
        connection.execute(delete(ref_annotation).where(ref_annotation.c.ref_id.in_(batch)))
        connection.execute(delete(ref).where(ref.c.id.in_(batch)))
    for rows in (moved, changed):
        if rows:
            connection.execute(update(ref).where(ref.c.id == bindparam("key")), rows)
    if new:
        connection.execute(insert(ref), new)


def _annotate(ingest: Ingest, notes: list[tuple[int | None, NamedEntry]]) -> None:
    """Write the annotations of refs that are new or changed."""
    if not notes:
        return
    connection = ingest.connection
    known = [key for key, _ in notes if key is not None]
    for batch in chunks(known):
        connection.execute(delete(ref_annotation).where(ref_annotation.c.ref_id.in_(batch)))
    by_entry = {
        text: key for key, text in connection.execute(select(ref.c.id, ref.c.entry))
    }
    rows: dict[tuple[int, str], str] = {}
    for key, entry in notes:
        text = json.dumps(entry.json, sort_keys=True, separators=(",", ":"))
        owner = by_entry[text] if key is None else key
        for name, value in entry.descriptor.annotations.items():
            rows[owner, name] = value
    if rows:
        connection.execute(
            insert(ref_annotation),
            [
                {"ref_id": owner, "key": key, "value": value}
                for (owner, key), value in rows.items()
            ],
        )
