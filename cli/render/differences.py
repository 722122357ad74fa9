"""Differences of two images, as a table with a mark per row and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachedb.cli.render import output, tables
from cachedb.cli.render.tables import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.archive.image_tree import ImageFile
    from cachedb.operations.files.compare import FileChange, ImageDifference
    from cachedb.operations.files.image_layers import ImageLayers

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_COLUMNS = (Column("mark"), Column("what"), Column("detail"))


def print_table(found: ImageDifference) -> None:
    """Print settings, packages and files that differ, each with a mark: + - ~."""
    tables.render(_COLUMNS, _rows(found), Format.TABLE, head=False)


def _rows(found: ImageDifference) -> Iterator[tuple[str, str, str]]:
    for value in found.values:
        mark = "+" if value.before is None else "-" if value.after is None else "~"
        parts = [part for part in (value.before, value.after) if part is not None]
        yield mark, value.key, " -> ".join(parts)
    for package in found.packages:
        versions = [output.words(each) for each in (package.before, package.after) if each]
        yield _MARKS[package.change], f"{package.type}/{package.name}", " -> ".join(versions)
    for file in found.files:
        yield _MARKS[file.change], file.path, _detail(file)


def _detail(change: FileChange) -> str:
    details = []
    for field in change.fields:
        values = [_value(field, file) for file in (change.before, change.after) if file]
        details.append(field if None in values else f"{field} {values[0]} -> {values[1]}")
    if not change.fields:
        file = change.after or change.before
        assert file is not None  # a change has at least one of them
        if file.member.kind.value == "file":
            details.append(output.size(file.member.size))
        else:
            details.append(f"{file.member.kind} {file.member.target}".rstrip())
    return ", ".join(details)


def _value(field: str, file: ImageFile) -> str | None:
    """Return the text of a changed field; None if only its name is shown."""
    member = file.member
    match field:
        case "type":
            return str(member.kind)
        case "size":
            return output.size(member.size)
        case "mode":
            return f"{member.mode:04o}"
        case "owner":
            return f"{member.uid}:{member.gid}"
        case "target":
            return member.target or f"{member.device[0]}:{member.device[1]}"
        case _:
            return None


_KINDS = {"config": "config", "packages": "package", "files": "file"}


def as_json(found: ImageDifference) -> dict[str, Any]:
    """Return the object of --format json: both images, their differences, and totals."""
    return {
        "before": _image(found.before),
        "after": _image(found.after),
        **_differences(found),
        "totals": _totals(found),
    }


def as_json_lines(found: ImageDifference) -> Iterator[dict[str, Any]]:
    """Yield the objects of --format jsonl: one a difference with its kind, and a summary."""
    for key, differences in _differences(found).items():
        for each in differences:
            yield {"kind": _KINDS[key], **each}
    images = {"before": _image(found.before), "after": _image(found.after)}
    yield {"summary": {**images, "totals": _totals(found)}}


def _differences(found: ImageDifference) -> dict[str, list[dict[str, Any]]]:
    return {
        "config": [value._asdict() for value in found.values],
        "packages": [
            {
                "change": str(package.change),
                "type": package.type,
                "name": package.name,
                "before": list(package.before),
                "after": list(package.after),
            }
            for package in found.packages
        ],
        "files": [
            {
                "path": change.path,
                "change": str(change.change),
                "fields": list(change.fields),
                "before": _file(change.before),
                "after": _file(change.after),
            }
            for change in found.files
        ],
    }


def _totals(found: ImageDifference) -> dict[str, int]:
    return {
        "config": len(found.values),
        "packages": len(found.packages),
        "files": len(found.files),
        "bytes": sum(change.size_change for change in found.files),
    }


def _image(image: ImageLayers) -> dict[str, Any]:
    platform = image.platform.full if image.platform else None
    return {"name": image.name, "digest": str(image.digest), "platform": platform}


def _file(file: ImageFile | None) -> dict[str, Any] | None:
    if file is None:
        return None
    member = file.member
    return {
        "type": str(member.kind),
        "mode": f"{member.mode:04o}",
        "uid": member.uid,
        "gid": member.gid,
        "size": member.size,
        "target": member.target or None,
        "sha256": None if file.sha256 is None else file.sha256.hex(),
    }


def summary(found: ImageDifference) -> str:
    """Return the numbers of different settings, packages and files, as one sentence."""
    counts = (
        output.count(len(found.values), "setting"),
        output.count(len(found.packages), "package"),
        output.count(len(found.files), "file"),
    )
    return f"the images differ in {', '.join(counts)}"
