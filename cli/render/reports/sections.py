"""Sections of a report: titles, columns and rows, for every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cachedb.cli.render import fitting, output
from cachedb.cli.render.tables import Column
from cachedb.errors import InvalidInput
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachedb.operations.report.model import CacheReport, PolicyEffect

_NONE: Final = "<none>"


class Section(NamedTuple):
    """A section: its key in JSON, its title, and the columns that people see of its rows.

    `rows` are all of them, the most important first; `about` explains them in one sentence.
    """

    key: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]


def _name(value: str | None) -> str:
    return value or _NONE


def _names(values: Sequence[str | None]) -> str:
    return output.words(value or _NONE for value in values)


def _size(name: str) -> Column:
    return Column(name, output.size, is_number=True)


def time_column(name: str) -> Column:
    """Return the column of times that are RFC 3339."""
    return Column(name, _moment)


def _moment(value: str | None) -> str:
    from datetime import datetime

    return output.moment(None if not value else datetime.fromisoformat(value))


_NAMES: Final = Column("names", _names, shorten=fitting.items)
_LIST: Final[dict[str, Column]] = {
    "names": _NAMES,
    "digests": Column("digests", lambda values: output.words(map(output.digest, values))),
    "digest": Column("digest", output.digest),
    "platforms": Column("platforms", output.words, shorten=fitting.items),
    "absent": Column("absent", output.words, shorten=fitting.items),
    "name": Column("name", _name),
    "detail": Column("detail", shorten=fitting.whole),
    **{
        name: _size(name)
        for name in ("size", "shared", "exclusive", "proportional", "saved", "received", "freed")
    },
    **{name: Column(name, is_number=True) for name in ("images", "blobs", "operations")},
    **{name: time_column(name) for name in ("added", "pulled", "used", "created")},
}


def column(name: str) -> Column:
    """Return the column of a field."""
    return _LIST.get(name) or Column(name)


class _Outline(NamedTuple):
    key: str
    title: str
    about: str
    fields: tuple[str, ...]


_GROUP: Final = ("name", "images", "size", "shared", "exclusive")
_OUTLINES: Final = (
    _Outline(
        "largest", "Largest images", "By the bytes that removing them frees.",
        ("names", "size", "exclusive", "platforms", "added"),
    ),
    _Outline(
        "repositories", "Repositories", "Exclusive: bytes that no other repository holds.", _GROUP
    ),
    _Outline("registries", "Registries", "Exclusive: bytes that no other registry holds.", _GROUP),
    _Outline(
        "platforms", "Platforms",
        "Present manifests with their content; an image of several platforms counts for each.",
        _GROUP,
    ),
    _Outline(
        "media_types", "Media types", "All files below blobs.",
        ("kind", "media_type", "blobs", "size"),
    ),
    _Outline(
        "ages", "Ages",
        "By the time since images were added; a blob of n images counts by its n-th part.",
        ("age", "images", "size"),
    ),
    _Outline(
        "growth", "Growth", "Present images, by the day on which they were added.",
        ("date", "images", "size"),
    ),
    _Outline(
        "activity", "Activity",
        "Operations by day; bytes that pulls and imports added, and that collections freed.",
        ("date", "operations", "received", "freed"),
    ),
    _Outline(
        "sharing", "Sharing", "Blobs by the least number of images that contain them.",
        ("images", "blobs", "size", "saved"),
    ),
    _Outline(
        "shared_blobs", "Shared blobs", "By the size of their copies.",
        ("digest", "kind", "size", "images"),
    ),
    _Outline(
        "findings", "Findings", "Platforms and images that differ from their declarations.",
        ("name", "platform", "state", "detail"),
    ),
    _Outline(
        "unsigned", "Unsigned images", "No signature is their referrer or has their tag.",
        ("name",),
    ),
)  # fmt: skip


def sections(report: CacheReport) -> tuple[Section, ...]:
    """Return the sections of a report that people read, in their order."""
    rows: dict[str, Sequence[Any]] = {
        "largest": sorted(report.images, key=lambda i: (-i.exclusive, i.names[0] or "")),
        "growth": report.growth[::-1],
        "unsigned": [(name,) for name in report.unsigned],
    }
    return tuple(_section(outline, rows, report) for outline in _OUTLINES)


def _section(outline: _Outline, made: Mapping[str, Sequence[Any]], report: CacheReport) -> Section:
    """Return the section of an outline; its rows are made for it, or stand in the report."""
    key, title, about, fields = outline
    rows = made[key] if key in made else getattr(report, key)
    picked = [_picked(row, fields) for row in rows]
    return Section(key, title, about, tuple(map(column, fields)), picked)


def _picked(row: Any, fields: tuple[str, ...]) -> Sequence[Any]:
    if not hasattr(row, "_fields"):
        return tuple(row)
    return tuple([getattr(row, name) for name in fields])


def facts(report: CacheReport) -> list[tuple[str, str]]:
    """Return the totals of a report: a label and a text each."""
    totals, free = report.totals, report.collection
    found = [
        ("images", f"{totals.images} ({output.count(totals.names, 'name')})"),
        ("repositories", f"{totals.repositories} in {_registries(totals.registries)}"),
        ("platforms", str(totals.platforms)),
        ("on disk", f"{output.size(totals.size)} in {output.count(totals.blobs, 'blob')}"),
        ("exclusive", f"{output.size(totals.exclusive)} in one image each"),
        ("shared", f"{output.size(totals.shared)}, which saves {output.size(totals.saved)}"),
    ]
    if totals.trash:
        found.append(("trash", f"{output.size(totals.trash)} in quarantine"))
    if totals.temporary:
        found.append(("temporary", f"{output.size(totals.temporary)} of temporary files"))
    found.append(("garbage", _garbage(report)))
    if free.refused:
        found.append(("collection", f"refused: {free.refused}"))
    if report.policy is not None:
        found.append(("policy", _policy(report.policy)))
    found.append(("findings", str(len(report.findings))))
    found.append(("unsigned", f"{len(report.unsigned)} of {output.count(totals.images, 'image')}"))
    return found


def _policy(effect: PolicyEffect) -> str:
    if effect.refused:
        return f"refused: {effect.refused}"
    return f"would remove {output.count(effect.names, 'name')} and free {output.size(effect.size)}"


def _registries(count: int) -> str:
    return "1 registry" if count == 1 else f"{count} registries"


def _garbage(report: CacheReport) -> str:
    free = report.collection
    kept = (
        f"; {output.size(free.kept_size)} within the grace period or leased"
        if free.kept_size
        else ""
    )
    return f"{output.size(report.totals.garbage)}; gc would free {output.size(free.size)}{kept}"


def rows_of(report: CacheReport, key: str) -> tuple[tuple[Column, ...], Sequence[Any]]:
    """Return the columns of all fields and the rows of the section of a key.

    Raises:
        InvalidInput: No section has that key.
    """
    from cachedb.operations.report import model

    if key == "unsigned":
        return (column("name"),), [(name,) for name in report.unsigned]
    if key not in model.LISTS:
        known = ", ".join([*model.LISTS, "unsigned"])
        raise InvalidInput(f"--section: no section {key!r}", hint=f"one of {known}")
    return tuple(column(name) for name in model.LISTS[key]._fields), getattr(report, key)
