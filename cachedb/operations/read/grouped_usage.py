"""Disk usage by registry, by repository, or by platform."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from cachedb.catalog.enums import State
from cachedb.catalog.statements import usage
from cachedb.oci.platform.model import Platform
from cachedb.operations.read.content import OwnershipGraph, Sharing
from cachedb.operations.read.usage import SetUsage, repository_of
from cachedb.operations.read.usage import images as images_of_refs
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.documents import PlatformRow
    from cachedb.catalog.statements.usage import NameRow


class GroupKey(StrEnum):
    """Key by which images are grouped."""

    REGISTRY = "registry"
    REPOSITORY = "repository"
    PLATFORM = "platform"


class GroupUsage(SetUsage):
    """Disk usage of the images of a group; `exclusive` is content of no other group.

    `group` is None for names that are not references, and for manifests without a platform. An
    image of several platforms counts for each.
    """

    group: str | None
    images: int


def measure_groups(
    connection: Connection, key: GroupKey, only: Collection[int] | None = None
) -> tuple[GroupUsage, ...]:
    """Measure groups of images, those of the refs `only` if given; the largest come first."""
    graph = OwnershipGraph(connection)
    images = [
        [row for row in rows if only is None or row.ref_id in only]
        for rows in images_of_refs(connection)
    ]
    if key is GroupKey.PLATFORM:
        platforms = PlatformsOfImages(connection)
        return of_platforms(graph, (platforms.of(graph, rows) for rows in images))
    place = repository_of if key is GroupKey.REPOSITORY else _registry_of
    grouped = Grouping()
    for rows in images:
        for group in dict.fromkeys(map(place, rows)):
            grouped.add(group, (row.blob_id for row in rows if place(row) == group))
    return grouped.measured(graph)


def of_platforms(
    graph: OwnershipGraph, images: Iterable[Iterable[ListedManifest]]
) -> tuple[GroupUsage, ...]:
    """Measure the present manifests of images by platform; the largest come first."""
    grouped = Grouping()
    for manifests in images:
        present: dict[str | None, list[int]] = {}
        for each in manifests:
            if each.state is State.PRESENT:
                present.setdefault(each.platform, []).append(each.blob_id)
        for platform, found in present.items():
            grouped.add(platform, found)
    return grouped.measured(graph)


class Grouping:
    """Blobs of images by group, and how many images each group has."""

    def __init__(self) -> None:
        self._owners: dict[str | None, set[int]] = {}
        self._images: dict[str | None, int] = {}

    def add(self, group: str | None, blobs: Iterable[int]) -> None:
        """Add an image to a group, with its blobs there."""
        self._owners.setdefault(group, set()).update(blobs)
        self._images[group] = self._images.get(group, 0) + 1

    def measured(self, graph: OwnershipGraph) -> tuple[GroupUsage, ...]:
        """Measure the content of each group; the largest come first."""
        sizes = Sharing(graph, self._owners.values()).measured()
        found = (
            GroupUsage(group=group, images=images, size=size, exclusive=exclusive)
            for (group, images), (size, exclusive) in zip(self._images.items(), sizes, strict=True)
        )
        return tuple(sorted(found, key=lambda group: (-group.size, group.group or "")))


class ListedManifest(NamedTuple):
    """A manifest of an image; its platform is None if neither descriptor nor config names one."""

    blob_id: int
    """Id of the manifest in the catalog."""
    platform: str | None
    state: State


class PlatformsOfImages:
    """The manifests that images are or list, with the platform of each."""

    def __init__(self, connection: Connection) -> None:
        self._texts = {row.id: _text(row) for row in connection.each(usage.PLATFORMS)}
        self._own: dict[int, int] = connection.mapping(usage.MANIFESTS)
        self._listed: dict[int, list[ListedManifest]] = {}
        states = {int(state): state for state in State}
        for row in connection.each(usage.LISTED):
            platform = row.declared_id or row.configured_id
            text = None if platform is None else self._texts[platform]
            entry = ListedManifest(row.child_id, text, states[row.state])
            self._listed.setdefault(row.parent_id, []).append(entry)

    def of(self, graph: OwnershipGraph, rows: Iterable[NameRow]) -> list[ListedManifest]:
        """Return the manifests of the image of some refs, in the order listed, each once."""
        targets = dict.fromkeys(row.blob_id for row in rows)
        found = [each for target in targets for each in self._of(graph, target)]
        return found if len(targets) == 1 else list(dict.fromkeys(found))

    def _of(self, graph: OwnershipGraph, target: int) -> list[ListedManifest]:
        own = self._own.get(target)
        if own is not None:
            return [ListedManifest(target, self._texts[own], State.PRESENT)]
        found = self._listed.get(target, [])
        if not any(child in self._listed for child in graph.children.get(target, ())):
            return found
        indexes = graph.content([target]) & self._listed.keys()
        below = (entry for index in sorted(indexes - {target}) for entry in self._listed[index])
        return list(dict.fromkeys([*found, *below]))


def _registry_of(row: NameRow) -> str | None:
    return row.registry


def _text(row: PlatformRow) -> str | None:
    platform = Platform(
        os=row.os,
        architecture=row.architecture,
        variant=row.variant,
        os_version=row.os_version,
    )
    return None if platform.is_unknown else str(platform)
