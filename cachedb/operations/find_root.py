"""Find roots: from a name or a digest to what index.json says of it, and from a blob upwards."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, true

from cachedb.catalog import graph
from cachedb.catalog.codes import Kind, State
from cachedb.catalog.schema import blob, edge, ref
from cachedb.errors import BlobNotFound, InvalidDigest, InvalidReference, RefNotFound
from cachedb.oci.digest import Digest
from cachedb.oci.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{6,63})")
_CANDIDATES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """What a name or a digest stands for; `name` is None for a digest that has no name."""

    name: str | None
    digest: Digest
    media_type: str
    size: int
    kind: Kind
    blob_id: int
    ref_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A blob on the way from a ref to what it keeps."""

    digest: Digest
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way on which a ref keeps a blob: from its target, first, to the blob, last."""

    name: str | None
    steps: tuple[Step, ...]


def find(connection: Connection, text: str) -> Root:
    """Return the root that a name, in any of its forms, or a digest stands for.

    A name is taken as it stands in index.json first, then as a reference: with docker.io,
    library/ and latest where they are left out, and without the tag, as linuxkit stores some.
    A digest, or the beginning of one, may be that of any blob.

    Raises:
        RefNotFound: Nothing has that name, or several things have it.
        BlobNotFound: Nothing has that digest.
    """
    found = find_all(connection, text)
    if len({root.digest for root in found}) > 1:
        raise RefNotFound(
            text, [root.digest for root in found], why=f"{text!r} stands for several images"
        )
    return found[0]


def find_all(connection: Connection, text: str) -> list[Root]:
    """Return every root that a text stands for: a name that is there twice gives two.

    Raises:
        RefNotFound: Nothing has that name.
        BlobNotFound: Nothing has that digest.
    """
    found = _by_name(connection, text) or _by_digest(connection, text)
    if found:
        return found
    raise RefNotFound(text, candidates(connection, text))


def every(connection: Connection) -> list[Root]:
    """Return every ref, in the order of index.json."""
    return _refs(connection, true())


def of_refs(connection: Connection, ids: Select[int]) -> list[Root]:
    """Return the refs of these ids, in the order of index.json."""
    return _refs(connection, ref.c.id.in_(ids))


def containing(connection: Connection, root: Root) -> list[Root]:
    """Return every ref that contains a blob, in the order of index.json."""
    seed = select(blob.c.id).where(blob.c.id == root.blob_id)
    above = graph.ancestors(seed, "above")
    return _refs(connection, ref.c.target_id.in_(select(above.c.id)))


def reaching(connection: Connection, digest: Digest) -> tuple[Route, ...]:
    """Return every ref that keeps a blob, in the order of index.json, with a shortest route.

    Costs in proportion to the number of ancestors of the blob.

    Raises:
        BlobNotFound: The catalog does not know the blob.
    """
    start = connection.scalar(select(blob.c.id).where(blob.c.digest == digest))
    if start is None:
        raise BlobNotFound(digest)
    above = graph.ancestors(select(blob.c.id).where(blob.c.id == start), "above")
    edges = connection.execute(
        select(edge.c.parent_id, edge.c.child_id)
        .join(above, above.c.id == edge.c.child_id)
        .order_by(edge.c.parent_id)
    )
    parents: dict[int, list[int]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    down = _ways_down(start, parents)
    steps = _steps(connection, down)
    refs = connection.execute(
        select(ref.c.name, ref.c.target_id)
        .where(ref.c.target_id.in_(select(above.c.id)))
        .order_by(ref.c.position)
    )
    return tuple(Route(name=name, steps=_walk(target, down, steps)) for name, target in refs)


def _ways_down(start: int, parents: dict[int, list[int]]) -> dict[int, int | None]:
    """Return for each ancestor its next step down on a shortest way."""
    down: dict[int, int | None] = {start: None}
    level = [start]
    while level:
        above = []
        for child in level:
            for parent in parents.get(child, ()):
                if parent not in down:
                    down[parent] = child
                    above.append(parent)
        level = above
    return down


def _steps(connection: Connection, down: dict[int, int | None]) -> dict[int, Step]:
    keys = sorted(down)
    found: dict[int, Step] = {}
    for start in range(0, len(keys), 500):
        rows = connection.execute(
            select(blob.c.id, blob.c.digest, blob.c.kind).where(
                blob.c.id.in_(keys[start : start + 500])
            )
        )
        for key, digest, kind in rows:
            found[key] = Step(digest=Digest.declared(digest), kind=Kind(kind))
    return found


def _walk(target: int, down: dict[int, int | None], steps: dict[int, Step]) -> tuple[Step, ...]:
    way = []
    here: int | None = target
    while here is not None:
        way.append(steps[here])
        here = down[here]
    return tuple(way)


def _by_name(connection: Connection, text: str) -> list[Root]:
    exact = _refs(connection, ref.c.name == text)
    if exact:
        return exact
    try:
        wanted = Reference.parse(text)
    except InvalidReference:
        return []
    if wanted.digest is not None:
        return _by_pinned(connection, wanted)
    tag = wanted.with_default_tag().tag
    repository = (ref.c.registry == wanted.domain) & (ref.c.repo == wanted.path)
    found = _refs(connection, repository & (ref.c.tag == tag))
    if not found and tag == "latest":
        # linuxkit takes the port of a registry for a tag, and stores the name without one.
        untagged = _refs(connection, repository & ref.c.tag.is_(None))
        found = [root for root in untagged if "@" not in (root.name or "")]
    # Its older versions put docker.io before everything that has two parts.
    return found or _refs(
        connection, ref.c.name.in_([f"docker.io/{text}", f"docker.io/{text}:{tag}"])
    )


def _by_pinned(connection: Connection, wanted: Reference) -> list[Root]:
    """Find ``repository[:tag]@digest``: the digest decides, a name of the repository is shown."""
    target = blob.c.digest == wanted.digest
    same = (ref.c.registry == wanted.domain) & (ref.c.repo == wanted.path) & target
    return (
        _refs(connection, same & (ref.c.tag == wanted.tag))
        or _refs(connection, same)
        or _refs(connection, target)
        or _blobs(connection, target)
    )[:1]


def _by_digest(connection: Connection, text: str) -> list[Root]:
    try:
        digest = Digest.declared(text)
    except InvalidDigest:
        return _by_prefix(connection, text)
    found = _refs(connection, blob.c.digest == digest)[:1] or _blobs(
        connection, blob.c.digest == digest
    )
    if not found and digest.is_verifiable:
        raise BlobNotFound(digest)
    return found  # of an algorithm that nobody knows: more likely a name with a tag


def _by_prefix(connection: Connection, text: str) -> list[Root]:
    matched = _PREFIX.fullmatch(text)
    if matched is None:
        return []
    start = f"sha256:{matched[1]}"
    within = (blob.c.digest >= start) & (blob.c.digest < f"{start}g")
    named = _refs(connection, within)
    unnamed = _blobs(connection, within)
    known = {root.blob_id for root in named}
    found = {root.blob_id: root for root in named}
    return [*found.values(), *(root for root in unnamed if root.blob_id not in known)]


def _refs(connection: Connection, condition: ColumnElement[bool]) -> list[Root]:
    rows = connection.execute(
        select(ref.c.id, ref.c.name, ref.c.media_type, ref.c.size, blob.c.id, blob.c.digest,
               blob.c.kind)
        .join(blob, blob.c.id == ref.c.target_id)
        .where(condition)
        .order_by(ref.c.position)
    )  # fmt: skip
    return [
        Root(
            name=name,
            digest=Digest.declared(digest),
            media_type=media_type,
            size=size,
            kind=Kind(kind),
            blob_id=blob_id,
            ref_id=ref_id,
        )
        for ref_id, name, media_type, size, blob_id, digest, kind in rows
    ]


def _blobs(connection: Connection, condition: ColumnElement[bool]) -> list[Root]:
    rows = connection.execute(
        select(blob.c.id, blob.c.digest, blob.c.media_type, blob.c.size, blob.c.kind)
        .where(condition, blob.c.state != int(State.FOREIGN))
        .order_by(blob.c.digest)
    )
    return [
        Root(
            name=None,
            digest=Digest.declared(digest),
            media_type=media_type,
            size=size,
            kind=Kind(kind),
            blob_id=key,
            ref_id=None,
        )
        for key, digest, media_type, size, kind in rows
    ]


def candidates(connection: Connection, text: str) -> Sequence[str]:
    """Return the names that are nearest to a text, the nearest first."""
    spelled: dict[str, str] = {}
    for name in connection.scalars(select(ref.c.name).where(ref.c.name.is_not(None))):
        if name is not None:
            spelled.update(dict.fromkeys(_forms(name), name))
    near = difflib.get_close_matches(text, spelled, n=_CANDIDATES, cutoff=0.6)
    return list(dict.fromkeys(spelled[form] for form in near))


def _forms(name: str) -> Iterator[str]:
    """Yield what somebody may have meant to type for a name."""
    yield name
    try:
        yield Reference.parse(name).familiar
    except InvalidReference:
        return
    last = name.rpartition("/")[2]
    yield last
    yield last.partition(":")[0]
