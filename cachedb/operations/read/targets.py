"""Targets of a command: refs given by names, by a query, or by both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.errors import AmbiguousName, NotFound
from cachedb.operations.read import resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.operations.read.resolve import Root
    from cachedb.query.syntax.tree import Query


def targets(catalog: Catalog, names: Sequence[str], where: Query | None = None) -> list[Root]:
    """Return the roots of names, then those that a query selects; all refs if there is neither.

    Raises:
        NotFound: A name or a digest does not exist.
        QueryError: The query does not make sense, or is not about refs.
    """
    found, absent = find_targets(catalog, names, where)
    for error in absent:
        raise error
    return found


def find_targets(
    catalog: Catalog, names: Sequence[str], where: Query | None = None
) -> tuple[list[Root], tuple[NotFound, ...]]:
    """Return targets, and the error of each name that does not exist.

    Raises:
        AmbiguousName: Several images have one of the names.
        QueryError: The query does not make sense, or is not about refs.
    """
    chosen = () if where is None else _refs_of(catalog, where)
    absent: list[NotFound] = []
    with catalog.reading() as connection:
        if not names and where is None:
            return resolve.every(connection), ()
        found: list[Root] = []
        for name in names:
            try:
                image = resolve.find_image(connection, name)
                found += (*image.entries, *image.attached)
            except AmbiguousName:
                raise
            except NotFound as error:
                absent.append(error)
        found += resolve.of_refs(connection, chosen)
    return list({(root.ref_id, root.blob_id): root for root in found}.values()), tuple(absent)


def _refs_of(catalog: Catalog, where: Query) -> Sequence[int]:
    from cachedb.operations.read.run_query import select_ids  # noqa: PLC0415  (names need none)

    refuse_other_sorts(where)
    refuse_lists(where)
    return select_ids(catalog, where)


def selected_names(catalog: Catalog, where: Query) -> list[str]:
    """Return a text for each image that a query selects, which resolves to it alone.

    Raises:
        QueryError: The query does not make sense, or is not about refs.
    """
    roots = targets(catalog, (), where)
    selected = {root.ref_id for root in roots}
    found: dict[str, None] = {}
    with catalog.reading() as connection:
        for root in roots:
            is_whole = root.name is not None and _is_among(connection, root.name, selected)
            found[root.name if is_whole and root.name else root.choice] = None
    return list(found)


def _is_among(connection: Connection, name: str, selected: Collection[int | None]) -> bool:
    """Return whether a name resolves to one image, all of whose entries are selected."""
    try:
        image = resolve.find_image(connection, name)
    except NotFound:  # several images, or a name that looks like a digest
        return False
    return all(root.ref_id in selected for root in image.entries)


def refuse_other_sorts(query: Query) -> None:
    """Refuse a query that is not about refs.

    Raises:
        QueryError: The query is about another sort.
    """
    if query.noun not in {"refs", "images"}:
        from cachedb.query.messages import error_at  # noqa: PLC0415

        why = f"`{query.noun}` are not refs, and a query of refs is expected"
        raise error_at(query.span, why, "refs refs(…) gives the images that contain them")


def chosen_blobs(catalog: Catalog, where: Query) -> frozenset[int]:
    """Return the ids of the blobs that a query selects.

    Raises:
        QueryError: The query does not make sense, is not about blobs, or is a list.
    """
    from cachedb.operations.read.run_query import select_ids  # noqa: PLC0415
    from cachedb.query.messages import error_at  # noqa: PLC0415
    from cachedb.query.vocabulary import NOUNS  # noqa: PLC0415
    from cachedb.query.words import Sort  # noqa: PLC0415

    if NOUNS[where.noun].sort is not Sort.BLOB:
        why = f"gc removes blobs, and this query selects {where.noun}"
        raise error_at(where.span, why, "gc --drop QUERY removes names first", "blobs blobs(…)")
    refuse_lists(where)
    return frozenset(select_ids(catalog, where))


def refuse_lists(query: Query) -> None:
    """Refuse a query with clauses.

    Raises:
        QueryError: The query sorts, limits, shows or groups.
    """
    if query.clauses:
        from cachedb.query.messages import error_at  # noqa: PLC0415

        why = "a query with clauses is a list, and a set is expected"
        raise error_at(query.span, why, "top 5 by -added per repo   (as a term of the query)")
