"""Matchers of platforms: predicate and preference (containerd/platforms).

The `key` of a matcher sorts the best platform first, and those that do not match last::

    best = min(descriptors, key=lambda each: only(wanted).key(each.platform))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.oci.platform.model import Platform

SortKey: TypeAlias = tuple[int, ...]


class Matcher(Protocol):
    """Predicate on platforms, with an order of preference."""

    def matches(self, platform: Platform) -> bool:
        """Return whether `platform` matches."""
        ...

    def key(self, platform: Platform) -> SortKey:
        """Rank `platform` for sorting, the best first."""
        ...


class Ordered(Record):
    """Match each of some platforms, and prefer them in the order given."""

    wanted: tuple[Platform, ...]
    """Platforms, the preferred one first."""

    def matches(self, platform: Platform) -> bool:
        """Return whether one of the wanted platforms covers `platform`."""
        return self._position(platform) is not None

    def key(self, platform: Platform) -> SortKey:
        """Rank by the place among the wanted, then the most features, then the newest Windows."""
        position = self._position(platform)
        if position is not None:
            return (0, position, -len(platform.os_features), *_newest_first(platform))
        # A platform that lacks only features sorts before one of another machine.
        position = self._position(platform.replace(os_features=()))
        return (1, len(self.wanted) if position is None else position)

    def _position(self, platform: Platform) -> int | None:
        for position, each in enumerate(self.wanted):
            if each.covers(platform):
                return position
        return None


class AnyOf(Record):
    """Match each of some platforms, without preference."""

    wanted: tuple[Platform, ...]
    """Platforms, in no order."""

    def matches(self, platform: Platform) -> bool:
        """Return whether one of the wanted platforms covers `platform`."""
        return any(each.covers(platform) for each in self.wanted)

    def key(self, platform: Platform) -> SortKey:
        """Rank matching platforms first, those with the most features before the rest."""
        if self.matches(platform):
            return (0, -len(platform.os_features))
        return (1, 0 if self.matches(platform.replace(os_features=())) else 1)


class OnlyOS(Record):
    """Match every architecture of one operating system."""

    wanted: Platform
    """Platform with the operating system, and the preferred architecture."""

    def matches(self, platform: Platform) -> bool:
        """Return whether operating system, version and features match."""
        return self._as_ours(platform)

    def key(self, platform: Platform) -> SortKey:
        """Rank the requested architecture first."""
        if not self.matches(platform):
            return (1,)
        return (0, *Ordered(wanted=(self.wanted,)).key(platform))

    def _as_ours(self, platform: Platform) -> bool:
        ours = self.wanted
        return ours.covers(platform.replace(architecture=ours.architecture, variant=ours.variant))


def only(platform: Platform) -> Ordered:
    """Match `platform` and those that run on it, itself first: `Only` of containerd."""
    return Ordered(wanted=tuple(platform.runnable()))


def only_strict(platform: Platform) -> Ordered:
    """Match `platform` alone, by any of its names: `OnlyStrict` of containerd."""
    return Ordered(wanted=(platform,))


def only_os(platform: Platform) -> OnlyOS:
    """Match every architecture of the operating system of `platform`."""
    return OnlyOS(wanted=platform)


def _newest_first(platform: Platform) -> SortKey:
    if platform.normalized().os != "windows":
        return ()
    numbers = [int(part) for part in platform.os_version.split(".") if part.isdecimal()]
    # A platform without a version sorts after those that have one.
    return tuple(-number for number in numbers) or (1,)
