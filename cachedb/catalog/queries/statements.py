"""Statements that several operations share: functions that return a Select.

Sets of blobs are made in `graph`; here they are joined with what people ask for.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from cachedb.catalog.enums import Kind, Role, State
from cachedb.catalog.named_queries import Question
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, edge, link, platform, ref, sbom, state

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import CTE, ColumnElement, Connection, FromClause, Select

    from cachedb.catalog.named_queries import Asking

NEEDED_AND_NOT_THERE = (int(State.MISSING), int(State.CORRUPT))


def asking(connection: Connection) -> Asking:
    """Answer questions on a connection."""

    def ask(question: Question, /, **values: str | int | None) -> Iterable[Any]:
        return connection.execute(statement_of(question), values).all()

    return ask


@cache
def statement_of(question: Question) -> Select[*tuple[Any, ...]]:
    """Return the statement that answers a question; its values are bound by their names."""
    return _STATEMENTS[question]()


def refs_with_targets() -> Select[int, str | None, int, str, int, str, str, int, int, int]:
    """Select every ref and what it points at, in the order of index.json."""
    return (
        select(
            ref.c.id,
            ref.c.name,
            ref.c.target_id,
            blob.c.digest,
            blob.c.kind,
            ref.c.media_type,
            ref.c.entry,
            ref.c.size,
            ref.c.pinned,
            blob.c.state,
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .order_by(ref.c.position)
    )


def partial() -> Select[int]:
    """Select the ids of everything that contains a platform that was not pulled."""
    absent = select(blob.c.id).where(blob.c.state == int(State.ABSENT))
    return select(graph.ancestors(absent, "partial").c.id)


def content_of_each(targets: Select[int]) -> CTE:
    """Pair each of `targets` with everything that it contains."""
    seed = targets.cte("targets")
    walk = select(seed.c[0].label("root"), seed.c[0].label("id")).cte("content", recursive=True)
    return walk.union(
        select(walk.c.root, edge.c.child_id).join_from(walk, edge, edge.c.parent_id == walk.c.id)
    )


def size_of_each(targets: Select[int]) -> Select[int, int]:
    """Select the bytes on disk that each of `targets` contains, shared ones counted for each."""
    pairs = content_of_each(targets)
    return (
        select(pairs.c.root, func.sum(blob.c.size))
        .join(blob, blob.c.id == pairs.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(pairs.c.root)
    )


def exclusive_size_of_each(targets: Select[int]) -> Select[int, int]:
    """Select the bytes that only one of `targets`, which have to be all, contains."""
    pairs = content_of_each(targets)
    alone = (
        select(func.min(pairs.c.root).label("root"), pairs.c.id)
        .group_by(pairs.c.id)
        .having(func.count() == 1)
        .subquery("alone")
    )
    return (
        select(alone.c.root, func.sum(blob.c.size))
        .join(blob, blob.c.id == alone.c.id)
        .where(blob.c.state.in_(list(map(int, graph.ON_DISK))))
        .group_by(alone.c.root)
    )


def unreadable_and_live(without: Collection[int] = ()) -> Select[str, str | None, int]:
    """Select the documents that cannot be read as a whole, and that a ref besides some reaches.

    One that a ref itself points at and that is not there counts as well: no hash protects
    index.json, and a digest in it that has been damaged leads nowhere, too.
    """
    live = graph.reachable("live", without)
    documents = (int(Kind.INDEX), int(Kind.MANIFEST), int(Kind.ATTESTATION))
    corrupt = (blob.c.state == int(State.CORRUPT)) & blob.c.kind.in_(documents)
    strange = blob.c.problem.is_not(None) & (blob.c.kind == int(Kind.OTHER))
    named = select(ref.c.id).where(
        ref.c.target_id == blob.c.id, ref.c.id.not_in(graph.listed(without))
    )
    nowhere = (blob.c.state == int(State.MISSING)) & named.exists()
    return (
        select(blob.c.digest, blob.c.problem, blob.c.state)
        .join(live, live.c.id == blob.c.id)
        .where(corrupt | strange | nowhere)
        .order_by(blob.c.digest)
    )


def misdeclared() -> Select[int, str, str, int, int]:
    """Select which documents declare which content with another size than its file has."""
    parent = blob.alias("parent")
    return (
        select(
            link.c.parent_id,
            parent.c.digest.label("parent_digest"),
            blob.c.digest,
            blob.c.size,
            link.c.size.label("declared"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .join(parent, parent.c.id == link.c.parent_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != link.c.size)
        .order_by(link.c.parent_id, link.c.position)
    )


def misdeclared_refs() -> Select[int, str | None, str, int, int]:
    """Select the refs that index.json declares with another size than their file has."""
    return (
        select(
            ref.c.id,
            ref.c.name,
            blob.c.digest,
            blob.c.size,
            ref.c.size.label("declared"),
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .where(blob.c.state == int(State.PRESENT), blob.c.size != ref.c.size)
        .order_by(ref.c.position)
    )


def unreachable_files(
    without: Collection[int] = (),
) -> Select[int, str, int, int, int | None]:
    """Select the blobs that have a file and that no ref keeps, but for those of these ids."""
    return (
        select(blob.c.id, blob.c.digest, blob.c.size, blob.c.kind, blob.c.touched)
        .where(
            blob.c.state.in_(list(map(int, graph.ON_DISK))),
            graph.outside(blob.c.id, graph.reachable("live", without)),
        )
        .order_by(blob.c.digest)
    )


def values_between(
    column: ColumnElement[Any], key: ColumnElement[Any] | None = None
) -> Select[Any]:
    """Select the values of a column from `low` up to `high`; `completions` has the texts."""
    found = (
        select(column)
        .distinct()
        .where(column >= bindparam("low"), column < bindparam("high"))
        .order_by(column)
        .limit(bindparam("most"))
        .offset(0)
    )
    return found if key is None else found.where(key == bindparam("key"))


def _refs(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ref.c.id,
            ref.c.name,
            ref.c.media_type,
            ref.c.size,
            blob.c.id.label("blob_id"),
            blob.c.digest,
            blob.c.kind,
            ref.c.pinned,
        )
        .join(blob, blob.c.id == ref.c.target_id)
        .where(*conditions)
        .order_by(ref.c.position)
    )


def _refs_of_tag() -> Select[*tuple[Any, ...]]:
    return _refs(
        ref.c.registry == bindparam("registry"),
        ref.c.repo == bindparam("repo"),
        ref.c.tag.is_not_distinct_from(bindparam("tag")),
    )


def _refs_containing() -> Select[*tuple[Any, ...]]:
    seed = select(blob.c.id).where(blob.c.id == bindparam("blob_id"))
    return _refs(ref.c.target_id.in_(select(graph.ancestors(seed, "above").c.id)))


def _between_digests() -> ColumnElement[bool]:
    return blob.c.digest.between(bindparam("low"), bindparam("high"))


def _blobs_of_digests() -> Select[*tuple[Any, ...]]:
    return (
        select(blob.c.id, blob.c.digest, blob.c.media_type, blob.c.size, blob.c.kind)
        .where(_between_digests(), blob.c.state != int(State.FOREIGN))
        .order_by(blob.c.digest)
    )


def _entries() -> Select[*tuple[Any, ...]]:
    configured = platform.alias("configured")
    return (
        select(
            blob.c.id,
            blob.c.digest,
            blob.c.kind,
            blob.c.state,
            blob.c.problem,
            *_columns(configured, "configured"),
        )
        .outerjoin(configured, configured.c.id == blob.c.platform_id)
        .where(blob.c.id.in_(_each("targets")))
    )


def _manifests() -> Select[*tuple[Any, ...]]:
    declared, configured = platform.alias("declared"), platform.alias("configured")
    return (
        select(
            link.c.parent_id,
            link.c.child_id,
            blob.c.digest,
            blob.c.kind,
            blob.c.state,
            blob.c.problem,
            *_columns(declared, "declared"),
            *_columns(configured, "configured"),
        )
        .join(blob, blob.c.id == link.c.child_id)
        .outerjoin(declared, declared.c.id == link.c.platform_id)
        .outerjoin(configured, configured.c.id == blob.c.platform_id)
        .where(link.c.parent_id.in_(_each("parents")), link.c.role == int(Role.MANIFEST))
        .order_by(link.c.parent_id, link.c.position)
    )


def _broken() -> Select[*tuple[Any, ...]]:
    unwell = select(blob.c.id).where(blob.c.state.in_(NEEDED_AND_NOT_THERE))
    return select(graph.ancestors(unwell, "broken").c.id)


def _gone() -> Select[*tuple[Any, ...]]:
    states = (int(State.MISSING), int(State.ABSENT))
    return select(blob.c.digest).where(blob.c.state.in_(states))


def _each(name: str) -> Select[Any]:
    """Select the values that are bound as `many` under a name."""
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def _columns(table: FromClause, prefix: str) -> list[ColumnElement[str]]:
    return [
        table.c[name].label(f"{prefix}_{name}")
        for name in ("os", "architecture", "variant", "os_version")
    ]


_STATEMENTS: Mapping[Question, Callable[[], Select[*tuple[Any, ...]]]] = {
    Question.REMEMBERED: lambda: select(state.c.value).where(state.c.key == bindparam("key")),
    Question.UNREAD_SBOMS: lambda: (
        select(sbom.c.document_id).where(sbom.c.packages.is_(None)).limit(1)
    ),
    Question.GONE: _gone,
    Question.REFS: _refs,
    Question.REFS_OF_IDS: lambda: _refs(ref.c.id.in_(_each("ids"))),
    Question.REFS_OF_NAMES: lambda: _refs(ref.c.name.in_(_each("names"))),
    Question.REFS_OF_TAG: _refs_of_tag,
    Question.REFS_OF_DIGESTS: lambda: _refs(_between_digests()),
    Question.REFS_CONTAINING: _refs_containing,
    Question.NAMES: lambda: select(ref.c.name).where(ref.c.name.is_not(None)),
    Question.BLOBS_OF_DIGESTS: _blobs_of_digests,
    Question.SIZES: lambda: size_of_each(_each("targets")),
    Question.BROKEN: _broken,
    Question.PARTIAL: partial,
    Question.ENTRIES: _entries,
    Question.MANIFESTS: _manifests,
}
