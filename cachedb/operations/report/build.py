"""Compilation of the report on a cache, in one transaction of its catalog."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import State
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, reports
from cachedb.errors import CatalogMismatch, UnreadableGraph
from cachedb.operations.gc import mark
from cachedb.operations.gc.grace import GRACE_SECONDS
from cachedb.operations.read import run_query, usage
from cachedb.operations.read.content import OwnershipGraph, Sharing
from cachedb.operations.read.grouped_usage import Grouping, PlatformsOfImages, of_platforms
from cachedb.operations.report import outlook, problems
from cachedb.operations.report.model import (
    CacheReport,
    Freeable,
    LayerShares,
    ReportedGroup,
    ReportedImage,
    ReportedMediaType,
    SharedBlob,
    Totals,
)
from cachedb.operations.report.series import ages, growth, sharing_bands
from cachedb.query.syntax.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.usage import NameRow
    from cachedb.layout import Layout
    from cachedb.operations.read.grouped_usage import GroupUsage, ListedManifest
    from cachedb.operations.report.model import PolicyEffect

_UNSIGNED = "refs not is:signed not kind:attestation"
_MOST_SHARED = 50
_SHORT = 12  # digits of a digest


def report(layout: Layout, catalog: Catalog, now: datetime | None = None) -> CacheReport:
    """Compile the report on a cache; ages count from `now`.

    Raises:
        LimitExceeded: The query for signatures takes longer than the limit `query seconds`.
    """
    with _reported(layout, catalog, now) as (found, _, _):
        return found


def report_with_layers(
    layout: Layout, catalog: Catalog, now: datetime | None = None
) -> tuple[CacheReport, LayerShares]:
    """Compile the report on a cache, and the layers for a treemap of it.

    Raises:
        LimitExceeded: The query for signatures takes longer than the limit `query seconds`.
    """
    with _reported(layout, catalog, now) as (found, survey, connection):
        return found, survey.layers(connection)


@contextmanager
def _reported(
    layout: Layout, catalog: Catalog, now: datetime | None
) -> Iterator[tuple[CacheReport, _Survey, Connection]]:
    """Yield the report, and the survey that it is of, inside of its transaction."""
    moment = now or datetime.now(UTC)
    effect = outlook.policy_effect(layout, catalog, moment)
    unsigned, leftovers = _unsigned(catalog), usage.measure_leftovers(layout)
    with catalog.reading() as connection:
        survey = _Survey(connection, unsigned, effect, moment)
        yield survey.report(layout, connection, leftovers), survey, connection


def _unsigned(catalog: Catalog) -> frozenset[int]:
    return frozenset(run_query.select_ids(catalog, parse(_UNSIGNED)))


class _Survey:
    """Content of every image, and the sections of the report that are derived from it."""

    def __init__(
        self,
        connection: Connection,
        unsigned: frozenset[int],
        effect: PolicyEffect | None,
        now: datetime,
    ) -> None:
        self._now = now
        self._unsigned = unsigned
        self._effect = effect
        self._refs = usage.images(connection)
        self._graph = OwnershipGraph(connection)
        self._sharing = Sharing(
            self._graph, [{row.blob_id for row in rows} for rows in self._refs]
        )
        self._holders: Counter[int] = Counter()
        shared = self._sharing.shared
        for content in self._sharing.contents:
            self._holders.update(shared.intersection(content))
        platforms = PlatformsOfImages(connection)
        self._manifests = [platforms.of(self._graph, rows) for rows in self._refs]

    def report(
        self, layout: Layout, connection: Connection, leftovers: tuple[int, int]
    ) -> CacheReport:
        """Read the rest, and compile the report."""
        images = self._images(connection)
        # The largest come first, in every list of images.
        self._order = order = sorted(
            range(len(images)), key=lambda at: (-images[at].size, images[at].digests)
        )
        registries = self._grouped(lambda row: row.registry)
        repositories = self._grouped(usage.repository_of)
        platforms = _groups(of_platforms(self._graph, self._manifests))
        listed = tuple(images[at] for at in order)
        return CacheReport(
            generated=_utc(self._now),
            cache=str(layout.root.resolve()),
            totals=self._totals(images, leftovers, len(registries), len(repositories), platforms),
            images=listed,
            registries=registries,
            repositories=repositories,
            platforms=platforms,
            media_types=tuple(
                ReportedMediaType(codecs.kind(row.kind).name.lower(), *row[1:])
                for row in connection.each(reports.MEDIA_TYPES)
            ),
            ages=ages(listed, self._now),
            sharing=sharing_bands(self._sharing, self._holders),
            shared_blobs=self._shared_blobs(connection),
            findings=problems.findings(
                connection, list(zip(self._refs, self._sharing.contents, strict=True))
            ),
            unsigned=tuple(
                image.names[0] or image.digests[0] for image in listed if not image.signed
            ),
            collection=self._freeable(layout, connection),
            policy=self._effect,
            activity=outlook.activity(layout),
            growth=growth(images, self._sharing),
        )

    def layers(self, connection: Connection) -> LayerShares:
        """Return the layers of the images of the report."""
        held = self._sharing.held()
        ids, digests = array("q"), bytearray()
        for row in connection.each(reports.LAYERS):
            if row.id in held:
                ids.append(row.id)
                digests += row.digest.partition(":")[2][:_SHORT].ljust(_SHORT).encode()
        held.clear()
        sizes = self._graph.sizes
        return LayerShares(
            digests=digests.decode(),
            sizes=array("q", map(sizes.__getitem__, ids)),
            holders=array("q", (self._holders.get(key, 1) for key in ids)),
            of_images=tuple(_places(ids, self._sharing.contents[at]) for at in self._order),
        )

    def _images(self, connection: Connection) -> list[ReportedImage]:
        details = {row.ref_id: row for row in connection.each(reports.DETAILS)}
        created = connection.mapping(reports.CREATED)
        broken = set(connection.values(blobs.BROKEN))
        partial = set(connection.values(blobs.PARTIAL))
        sizes, shared = self._graph.sizes, self._sharing.shared
        parts = {key: sizes[key] / count for key, count in self._holders.items()}
        found = []
        for rows, content, manifests, (size, exclusive) in zip(
            self._refs,
            self._sharing.contents,
            self._manifests,
            self._sharing.measured(),
            strict=True,
        ):
            known = [details[row.ref_id] for row in rows]
            targets = {row.blob_id for row in rows}
            times = [created[m.blob_id] for m in manifests if m.blob_id in created]
            present, absent = _platforms(manifests)
            found.append(
                ReportedImage(
                    names=tuple(dict.fromkeys([row.name for row in rows])),
                    digests=tuple(dict.fromkeys([row.digest for row in rows])),
                    registry=rows[0].registry,
                    repository=usage.repository_of(rows[0]),
                    tag=known[0].tag,
                    kind=codecs.kind(known[0].kind).name.lower(),
                    platforms=present,
                    absent=absent,
                    size=size,
                    shared=size - exclusive,
                    exclusive=exclusive,
                    proportional=exclusive
                    + round(sum(map(parts.__getitem__, shared.intersection(content)))),
                    state=_state(targets, broken, partial),
                    signed=all(row.ref_id not in self._unsigned for row in rows),
                    pinned=any(row.pinned for row in known),
                    source=known[0].source,
                    added=_latest([min(row.added for row in known)]) or "",
                    pulled=_latest([row.pulled for row in known]),
                    used=_latest([row.used for row in known]),
                    created=_latest(times),
                )
            )
        return found

    def _grouped(self, group_of: Callable[[NameRow], str | None]) -> tuple[ReportedGroup, ...]:
        grouped = Grouping()
        for rows in self._refs:
            for group in dict.fromkeys(map(group_of, rows)):
                grouped.add(group, [row.blob_id for row in rows if group_of(row) == group])
        return _groups(grouped.measured(self._graph))

    def _totals(
        self,
        images: Sequence[ReportedImage],
        leftovers: tuple[int, int],
        registries: int,
        repositories: int,
        platforms: Sequence[ReportedGroup],
    ) -> Totals:
        graph, sharing = self._graph, self._sharing
        live, shared = sharing.size, sharing.shared_size
        on_disk = sum(graph.sizes.values())
        trash, temporary = leftovers
        return Totals(
            names=sum(row.name is not None for rows in self._refs for row in rows),
            images=len(images),
            registries=registries,
            repositories=repositories,
            platforms=sum(group.name is not None for group in platforms),
            blobs=sum(map(bool, graph.sizes.values())),
            size=on_disk + trash + temporary,
            exclusive=live - shared,
            shared=shared,
            garbage=on_disk - live,
            trash=trash,
            temporary=temporary,
            saved=sum(image.size for image in images) - live,
        )

    def _freeable(self, layout: Layout, connection: Connection) -> Freeable:
        """Return the bytes that a collection would free after the grace period, and keep."""
        if sum(self._graph.sizes.values()) == self._sharing.size:
            return Freeable(0, 0, 0, 0, None)
        try:
            garbage, kept = mark.find_blobs(layout, connection, GRACE_SECONDS)
        except (UnreadableGraph, CatalogMismatch) as error:
            return Freeable(0, 0, 0, 0, str(error))
        size, kept_size = sum(b.size for b in garbage), sum(b.size for b in kept)
        return Freeable(len(garbage), size, len(kept), kept_size, None)

    def _shared_blobs(self, connection: Connection) -> tuple[SharedBlob, ...]:
        """Return the shared blobs that save the most bytes."""
        sizes, holders = self._graph.sizes, self._holders
        saving = sorted(
            self._sharing.shared, key=lambda key: (-sizes[key] * (holders[key] - 1), key)
        )[:_MOST_SHARED]
        rows = {row.id: row for row in connection.each(reports.BLOBS, ids=many(saving))}
        return tuple(
            SharedBlob(
                rows[key].digest,
                codecs.kind(rows[key].kind).name.lower(),
                sizes[key],
                holders[key],
            )
            for key in saving
        )


def _places(ids: array[int], content: Iterable[int]) -> array[int]:
    """Return the places of a content in ascending ids, in order; other ids are left out."""
    found, at = array("q"), 0
    for key in sorted(content):
        at = bisect_left(ids, key, at)
        if at < len(ids) and ids[at] == key:
            found.append(at)
    return found


def _groups(found: Iterable[GroupUsage]) -> tuple[ReportedGroup, ...]:
    return tuple(ReportedGroup(g.group, g.images, g.size, g.shared, g.exclusive) for g in found)


def _platforms(manifests: Iterable[ListedManifest]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the platforms that are present, and those that are only declared, each once."""
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    for each in manifests:
        if each.platform is not None:
            (present if each.state is State.PRESENT else absent)[each.platform] = None
    return tuple(present), tuple(name for name in absent if name not in present)


def _state(targets: set[int], broken: set[int], partial: set[int]) -> str:
    if targets & broken:
        return "broken"
    return "partial" if targets & partial else "complete"


def _latest(times: Iterable[int | None]) -> str | None:
    """Return the latest of some times as text; None if there is none that Python represents."""
    known = [time for time in times if time is not None]
    moment = codecs.time(max(known)) if known else None
    return None if moment is None else _utc(moment)


def _utc(moment: datetime) -> str:
    """Return a time in UTC as RFC 3339, to seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
