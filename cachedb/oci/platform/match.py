"""Choosing among platforms: which ones will do, and which one is best (containerd/platforms).

A matcher says which platforms it takes, and its `key` sorts the best one first and those that
it does not take last::

    best = min(descriptors, key=lambda each: only(wanted).key(each.platform))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.oci.platform.model import Platform

SortKey: TypeAlias = tuple[int, ...]


class Matcher(Protocol):
    """A choice among platforms."""

    def matches(self, platform: Platform) -> bool:
        """Whether `platform` will do."""
        ...

    def key(self, platform: Platform) -> SortKey:
        """Rank `platform` for sorting, the best first."""
        ...


class Ordered(Record):
    """Takes each of some platforms, and prefers them in the order given."""

    wanted: tuple[Platform, ...]

    def matches(self, platform: Platform) -> bool:
        """Whether one of the wanted platforms covers `platform`."""
        return self._position(platform) is not None

    def key(self, platform: Platform) -> SortKey:
        """Rank by the place among the wanted, then the most features, then the newest Windows."""
        position = self._position(platform)
        if position is not None:
            return (0, position, -len(platform.os_features), *_newest_first(platform))
        # What lacks nothing but features still stands before what is another machine's.
        position = self._position(platform.replace(os_features=()))
        return (1, len(self.wanted) if position is None else position)

    def _position(self, platform: Platform) -> int | None:
        for position, each in enumerate(self.wanted):
            if each.covers(platform):
                return position
        return None


class AnyOf(Record):
    """Takes each of some platforms, all alike."""

    wanted: tuple[Platform, ...]

    def matches(self, platform: Platform) -> bool:
        """Whether one of the wanted platforms covers `platform`."""
        return any(each.covers(platform) for each in self.wanted)

    def key(self, platform: Platform) -> SortKey:
        """Rank what matches first, that with the most features before the rest."""
        if self.matches(platform):
            return (0, -len(platform.os_features))
        return (1, 0 if self.matches(platform.replace(os_features=())) else 1)


class OnlyOS(Record):
    """Takes every architecture of one operating system."""

    wanted: Platform

    def matches(self, platform: Platform) -> bool:
        """Whether operating system, version and features will do."""
        return self._as_ours(platform)

    def key(self, platform: Platform) -> SortKey:
        """Rank the architecture that was asked for first."""
        if not self.matches(platform):
            return (1,)
        return (0, *Ordered(wanted=(self.wanted,)).key(platform))

    def _as_ours(self, platform: Platform) -> bool:
        ours = self.wanted
        return ours.covers(platform.replace(architecture=ours.architecture, variant=ours.variant))


def only(platform: Platform) -> Ordered:
    """Take `platform` and what runs on it too, itself first."""
    return Ordered(wanted=tuple(platform.runnable()))


def only_strict(platform: Platform) -> Ordered:
    """Take `platform` alone, by any of its names."""
    return Ordered(wanted=(platform,))


def only_os(platform: Platform) -> OnlyOS:
    """Take every architecture of the operating system of `platform`."""
    return OnlyOS(wanted=platform)


def _newest_first(platform: Platform) -> SortKey:
    if platform.normalized().os != "windows":
        return ()
    numbers = [int(part) for part in platform.os_version.split(".") if part.isdecimal()]
    # Without a version it comes after everything that has one.
    return tuple(-number for number in numbers) or (1,)
