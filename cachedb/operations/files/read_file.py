"""Content of one file of an image, checked before its first byte is returned."""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from cachedb.archive.compression import Decompressed
from cachedb.archive.file_tree import OPAQUE, WHITEOUT, split_path
from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import MemberKind
from cachedb.errors import InvalidInput
from cachedb.operations.files.image_layers import reading_layer
from cachedb.operations.files.list_files import no_such_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cachedb.archive.tar.reader import Member, MemberEntry
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings

_IN_MEMORY = 16 << 20
_DOTS: Final = frozenset({".", ".."})
_LINKS: Final = frozenset({MemberKind.SYMLINK, MemberKind.HARD_LINK})


class FileContent(NamedTuple):
    """A regular file: its size in bytes, and its content at position 0; the caller closes it."""

    size: int
    """Bytes."""
    stream: BinaryIO
    """Content from its first byte on; the caller closes it."""


def read_file(
    layout: Layout, listings: LayerListings, image: ImageLayers, path: str
) -> FileContent:
    """Read a regular file; symlinks are followed inside the image.

    The layer that holds it is read to its end first, which checks its digest; meanwhile the
    content is in memory, or in a temporary file if it is larger than 16 MiB. Reads the layers from
    the top down to the file, and those below it until each directory on the path is described. If
    a symlink may be on the path, reads every layer, and that of the file twice.

    Raises:
        NotFound: The image has no file at that path.
        InvalidInput: The path is that of a directory, a device or a pipe.
        InvalidArchive: A layer is malformed, or symlinks are cyclic.
        CorruptBlob: A layer is not what its digest says.
    """
    return _from_the_top(layout, image, path) or _by_tree(layout, listings, image, path)


def _by_tree(
    layout: Layout, listings: LayerListings, image: ImageLayers, path: str
) -> FileContent:
    with listings.watched(f"read {image.name}", image.layers):
        found = listings.tree(image.layers).find(path)
    if found is None:
        raise no_such_path(image, path)
    if found.member.kind is not MemberKind.FILE or found.origin is None:
        raise InvalidInput(f"{path!r} in {image.name!r} is a {found.member.kind}, not a file")
    layer = image.layers[found.origin.layer]
    spooling = _Spool()
    with _discarding_on_errors(spooling):
        for index, entry in enumerate(_entries(layout, layer, image.name)):
            if index == found.origin.index:
                spooling.keep(entry)
    return spooling.content()


def _from_the_top(layout: Layout, image: ImageLayers, path: str) -> FileContent | None:
    """Read a file without a tree of all layers; None if the path cannot be resolved so."""
    parts = tuple(split_path(path, len(image.layers)))
    layers = reversed(image.layers)
    for layer in layers:
        watch = _PathWatch(parts)
        spooling = _Spool()
        with _discarding_on_errors(spooling):
            for entry in _entries(layout, layer, image.name):
                if watch.is_wanted(entry):
                    spooling.keep(entry)
                elif watch.is_unclear:
                    break
            is_found = spooling.is_filled and not watch.is_unclear
            if is_found and _are_directories(layout, image, layers, watch.undescribed):
                return spooling.content()
        if watch.is_unclear or spooling.is_filled:
            spooling.close()
            return None
    return None


def _are_directories(
    layout: Layout,
    image: ImageLayers,
    layers: Iterator[Descriptor],
    paths: Collection[tuple[str, ...]],
) -> bool:
    """Return whether layers below that of a file make no symlink of a directory on its path.

    Reads them from the top down until each directory is described; one that no layer describes is
    a directory as well.
    """
    for layer in layers:
        if not paths:
            break
        watch = _DirectoryWatch(paths)
        for entry in _entries(layout, layer, image.name):
            watch.look_at(entry)
        if watch.is_unclear:
            return False
        paths = watch.undescribed
    return True


class _PathWatch:
    """State of a path by the entries of one layer, and of those above it.

    An entry can change the target of the path only by its own name, by making a directory of the
    file, or by hiding a whole directory. The state is clear as long as each entry with a name of
    the path has that path. `undescribed` are the directories on the path that the layer of the
    file does not describe before it: a lower layer could have a symlink there.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts = parts
        self._names = frozenset(parts)
        self._as_directory = f"/{parts[-1]}/" if parts else ""
        self._is_found = False
        self.undescribed = {parts[:depth] for depth in range(1, len(parts))}
        self.is_unclear = not parts

    def is_wanted(self, entry: MemberEntry) -> bool:
        """Return whether an entry is the file of the path; set `is_unclear` if undecidable."""
        member = entry.member
        path = member.path.rstrip("/")
        name = path.rpartition("/")[2]
        self.is_unclear |= self._as_directory in f"/{path}"
        if name.startswith(WHITEOUT):
            self.is_unclear |= name == OPAQUE or name.removeprefix(WHITEOUT) in self._names
            return False
        if name not in self._names:
            self.is_unclear |= self._may_redirect(member)
            return False
        at = tuple(split_path(member.path, 0))
        if at == self._parts:
            self.is_unclear |= member.kind is not MemberKind.FILE
            self._is_found = not self.is_unclear
            return self._is_found
        is_above = at == self._parts[: len(at)] and member.kind is MemberKind.DIRECTORY
        # Behind the file, a directory could replace the symlink through which it was written.
        self.is_unclear |= not is_above or (self._is_found and at in self.undescribed)
        self.undescribed.discard(at)
        return False

    def _may_redirect(self, member: Member) -> bool:
        name = member.path.rstrip("/").rpartition("/")[2]
        return name == ".." or (name == "." and bool(member.path.strip("./")))


class _DirectoryWatch:
    """State of directories by the entries of one layer, which a higher layer writes into.

    Whatever is no symlink there becomes a directory when the higher layer writes below it.
    """

    def __init__(self, paths: Collection[tuple[str, ...]]) -> None:
        self._names = frozenset(path[-1] for path in paths)
        self.undescribed = set(paths)
        self.is_unclear = False

    def look_at(self, entry: MemberEntry) -> None:
        """Note an entry that describes a directory, or that may be a symlink in its place."""
        member = entry.member
        name = member.path.rstrip("/").rpartition("/")[2]
        if name not in self._names and name not in _DOTS:
            return
        at = tuple(split_path(member.path, 0))
        if member.kind not in _LINKS:
            self.undescribed.discard(at)
        elif at and at[-1] in self._names:
            # A link in the root is on the path only as its first directory.
            self.is_unclear |= len(at) > 1 or at in self.undescribed


class _Spool:
    """Copy of the content of an entry, the last one kept."""

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._size = 0

    @property
    def is_filled(self) -> bool:
        return self._file is not None

    def keep(self, entry: MemberEntry) -> None:
        self.close()
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (the caller closes)
        self._size = entry.member.size
        for chunk in entry.body.chunks():
            self._file.write(chunk)

    def content(self) -> FileContent:
        assert self._file is not None
        self._file.seek(0)
        return FileContent(self._size, self._file)  # type: ignore[arg-type]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def _discarding_on_errors(spooling: _Spool) -> Iterator[None]:
    try:
        yield
    except BaseException:
        spooling.close()
        raise


def _entries(layout: Layout, layer: Descriptor, image: str) -> Iterator[MemberEntry]:
    """Yield the entries of a layer to its end, where its digest is checked.

    `image` names the image in the progress of the step.
    """
    name = f"layer {layer.digest}"
    with reading_layer(layout, layer, f"read {image}") as source:
        yield from reader.read_layer(Decompressed(source, name=name), name=name)
