"""Differences of two images: files, configuration and packages."""

from __future__ import annotations

import json
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from cachedb.archive.image_tree import ImageTree
from cachedb.archive.tar.reader import MemberKind
from cachedb.oci.strict_json import decode_damaged
from cachedb.operations.files.compare_indexed import differing_files
from cachedb.operations.transfer.local_graph import read_config
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachedb.archive.file_tree import MemberOrigin
    from cachedb.archive.image_tree import ImageFile, LayerFile
    from cachedb.layout import Layout
    from cachedb.oci import Digest
    from cachedb.operations.files.compare_indexed import Pair
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings
    from cachedb.operations.read.sbom import ListedPackage

_NOT_COMPARED = frozenset({"created", "history", "rootfs"})


class ChangeKind(StrEnum):
    """Change of a file, a value or a package from one image to the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FileChange(NamedTuple):
    """A file that differs; `fields` names what changed: type, content, size, mode, owner, target.

    `before` is None for an added file, `after` for a removed one.
    """

    path: str
    """Absolute path in the images."""
    change: ChangeKind
    """Whether the file was added, removed or changed."""
    before: ImageFile | None
    after: ImageFile | None
    fields: tuple[str, ...] = ()

    @property
    def size_change(self) -> int:
        """The bytes by which the file grew."""
        return _size(self.after) - _size(self.before)


class ValueChange(NamedTuple):
    """A value of the configuration that differs, or a platform; None where it is absent."""

    key: str
    """Name of the value: ``env PATH``, ``label maintainer``, ``platform``."""
    before: str | None
    """Text in the first image."""
    after: str | None
    """Text in the second image."""


class PackageChange(NamedTuple):
    """A package of which the images have different versions; the versions are sorted."""

    type: str
    """Type of the package URL: deb, npm; '' if it is unknown."""
    name: str
    """Name of the package."""
    before: tuple[str, ...]
    """Versions in the first image; empty if it has none."""
    after: tuple[str, ...]
    """Versions in the second image; empty if it has none."""

    @property
    def change(self) -> ChangeKind:
        """Whether the package was added, removed or changed."""
        if not self.before:
            return ChangeKind.ADDED
        return ChangeKind.CHANGED if self.after else ChangeKind.REMOVED


class ImageDifference(Record):
    """Differences between two images, files and packages sorted by path and name."""

    before: ImageLayers
    """The first image."""
    after: ImageLayers
    """The second image."""
    files: tuple[FileChange, ...]
    """Files that differ, by path."""
    values: tuple[ValueChange, ...]
    """Values of the configurations that differ."""
    packages: tuple[PackageChange, ...]
    """Packages that differ, by name."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.files or self.values or self.packages)


def compare_files(
    listings: LayerListings, before: ImageLayers, after: ImageLayers
) -> tuple[FileChange, ...]:
    """Compare the visible files of two images, sorted by path.

    Times of modification are not compared. If both images are indexed, only files that may differ
    are read from the index. Otherwise each layer is read once; of a layer of both images only
    files are hashed that have the size of a file in a layer of one of them.

    Raises:
        InvalidArchive: A layer is malformed.
    """
    with listings.indexed() as connection:
        pairs = differing_files(connection, before, after)
    if pairs is not None:
        return tuple(_Comparison(listings, before, after).changes(pairs))
    names = " and ".join(dict.fromkeys((before.name, after.name)))
    with listings.watched(f"read {names}", (*before.layers, *after.layers)):
        listed = _list_each(listings, before, after)
    trees = (
        ImageTree([listed[layer.digest] for layer in image.layers]) for image in (before, after)
    )
    comparison = _Comparison(listings, before, after)
    return tuple(comparison.changes(comparison.pairs(*trees)))


def _list_each(
    listings: LayerListings, before: ImageLayers, after: ImageLayers
) -> dict[Digest, list[LayerFile]]:
    """List each layer of two images, those of one of them first."""
    images = [{layer.digest: layer for layer in image.layers} for image in (before, after)]
    shared = images[0].keys() & images[1].keys()
    layers = images[0] | images[1]
    found = {key: listings.hashed(layer) for key, layer in layers.items() if key not in shared}
    sizes = {file.member.size for files in found.values() for file in files}
    return found | {key: listings.hashed_of_sizes(layers[key], sizes) for key in shared}


def compare_values(
    layout: Layout, before: ImageLayers, after: ImageLayers
) -> tuple[ValueChange, ...]:
    """Compare platforms and configurations, except creation time, history and diff IDs.

    Raises:
        BlobNotFound: A config is not in the layout.
        InvalidManifest: A config is not JSON.
    """
    values = [dict(_values(layout, image)) for image in (before, after)]
    keys = sorted(values[0].keys() | values[1].keys())
    return tuple(
        ValueChange(key, values[0].get(key), values[1].get(key))
        for key in keys
        if values[0].get(key) != values[1].get(key)
    )


def compare_packages(
    before: Sequence[ListedPackage], after: Sequence[ListedPackage]
) -> tuple[PackageChange, ...]:
    """Compare packages by type and name."""
    versions = [_versions(packages) for packages in (before, after)]
    keys = sorted(versions[0].keys() | versions[1].keys())
    changes = (
        PackageChange(*key, versions[0].get(key, ()), versions[1].get(key, ())) for key in keys
    )
    return tuple(each for each in changes if each.before != each.after)


class _Comparison:
    def __init__(self, listings: LayerListings, before: ImageLayers, after: ImageLayers) -> None:
        self._listings = listings
        self._before = before
        self._after = after

    def changes(self, pairs: Iterable[Pair]) -> Iterator[FileChange]:
        """Yield the pairs of files that differ, by path."""
        for path, was, now in sorted(map(_with_path, pairs), key=itemgetter(0)):
            if was is None or now is None:
                kind = ChangeKind.ADDED if was is None else ChangeKind.REMOVED
                yield FileChange(path, kind, was, now)
            elif fields := tuple(self._fields(was, now)):
                yield FileChange(path, ChangeKind.CHANGED, was, now, fields)

    def pairs(self, old: ImageTree, new: ImageTree) -> Iterator[Pair]:
        """Yield the files of the trees of both images, paired by path, except equal entries."""
        before = {entry.path: entry for entry in old.shown()}
        for entry in new.shown():
            was = before.pop(entry.path, None)
            if was is None:
                yield None, new.file(entry)
            elif not self._is_same_entry(was.origin, entry.origin):
                yield old.file(was), new.file(entry)
        for entry in before.values():
            yield old.file(entry), None

    def _fields(self, was: ImageFile, now: ImageFile) -> Iterator[str]:
        if self._is_same_entry(was.origin, now.origin):
            return
        old, new = was.member, now.member
        if old.kind is not new.kind:
            yield "type"
        elif old.kind is MemberKind.FILE:
            if old.size != new.size:
                yield "size"
            elif self._sha256(self._before, was) != self._sha256(self._after, now):
                yield "content"
        if old.mode != new.mode:
            yield "mode"
        if (old.uid, old.gid) != (new.uid, new.gid):
            yield "owner"
        if (old.target, old.device) != (new.target, new.device):
            yield "target"
        if old.xattrs != new.xattrs:
            yield "xattrs"

    def _is_same_entry(self, was: MemberOrigin | None, now: MemberOrigin | None) -> bool:
        if was is None or now is None:
            return was is now
        layers = self._before.layers[was.layer], self._after.layers[now.layer]
        return was.index == now.index and layers[0].digest == layers[1].digest

    def _sha256(self, image: ImageLayers, file: ImageFile) -> bytes | None:
        if file.sha256 is not None or file.origin is None:
            return file.sha256
        return self._listings.hashed(image.layers[file.origin.layer])[file.origin.index].sha256


def _with_path(pair: Pair) -> tuple[str, ImageFile | None, ImageFile | None]:
    there = pair[1] if pair[0] is None else pair[0]
    assert there is not None  # one of both is
    return there.path, *pair


def _values(layout: Layout, image: ImageLayers) -> Iterator[tuple[str, str]]:
    if image.platform is not None:
        yield "platform", image.platform.full
    for key, value in decode_damaged(read_config(layout, image.config)).items():
        if key == "config" and isinstance(value, dict):
            for name, item in value.items():
                yield from _flat(f"config.{name}", item)
        elif key not in _NOT_COMPARED:
            yield from _flat(key, value)


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a value of the config as text: objects and variables by key, lists as JSON."""
    if value in (None, "", [], {}):
        return
    if key == "config.Env" and isinstance(value, list):
        for item in value:
            name, _, text = str(item).partition("=")
            yield f"{key}.{name}", text
    elif isinstance(value, dict):
        for name, item in value.items():
            yield f"{key}.{name}", item if isinstance(item, str) else json.dumps(item)
    else:
        yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _versions(packages: Sequence[ListedPackage]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], set[str]] = {}
    for package in packages:
        found.setdefault((package.type, package.name), set()).add(package.version)
    return {key: tuple(sorted(versions)) for key, versions in found.items()}


def _size(file: ImageFile | None) -> int:
    return 0 if file is None else file.member.size
