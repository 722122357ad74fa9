"""Content of one file of an image, checked before its first byte is returned."""

from __future__ import annotations

from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cachedb.archive.compression import Decompressed
from cachedb.archive.file_tree import OPAQUE, WHITEOUT, split_path
from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import MemberKind
from cachedb.errors import InvalidInput
from cachedb.operations.files.image_layers import open_layer
from cachedb.operations.files.list_files import no_such_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.archive.tar.reader import MemberEntry
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings

_IN_MEMORY = 16 << 20


class FileContent(NamedTuple):
    """A regular file: its size in bytes, and its content at position 0; the caller closes it."""

    size: int
    stream: BinaryIO


def read_file(
    layout: Layout, listings: LayerListings, image: ImageLayers, path: str
) -> FileContent:
    """Read a regular file; symlinks are followed inside the image.

    The layer that holds it is read to its end first, which checks its digest; meanwhile the
    content is in memory, or in a temporary file if it is larger than 16 MiB. Reads the layers from
    the top down to the file if entries of directories prove that no symlink is on the path, else
    every layer, and that of the file twice.

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
    found = listings.tree(image.layers).find(path)
    if found is None:
        raise no_such_path(image, path)
    if found.member.kind is not MemberKind.FILE or found.origin is None:
        raise InvalidInput(f"{path!r} in {image.name!r} is a {found.member.kind}, not a file")
    layer = image.layers[found.origin.layer]
    spooling = _Spool()
    for index, entry in enumerate(_entries(layout, layer, spooling)):
        if index == found.origin.index:
            spooling.keep(entry)
    return spooling.content()


def _from_the_top(layout: Layout, image: ImageLayers, path: str) -> FileContent | None:
    """Read a file without a tree of all layers; None if the path cannot be resolved so."""
    parts = tuple(split_path(path, len(image.layers)))
    for layer in reversed(image.layers):
        watch = _PathWatch(parts)
        spooling = _Spool()
        for entry in _entries(layout, layer, spooling):
            if watch.is_wanted(entry):
                spooling.keep(entry)
            elif watch.is_unclear:
                break
        if watch.is_unclear:
            spooling.close()
            return None
        if spooling.is_filled:
            return spooling.content()
    return None


class _PathWatch:
    """State of a path by the entries of one layer, and of those above it.

    An entry can change the target of the path only by its own name, by making a directory of the
    file, or by hiding a whole directory. The state is clear as long as each entry with a name of
    the path has that path, and the layer of the file describes the directories above it, so that
    none of them is a symlink.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts = parts
        self._names = frozenset(parts)
        self._as_directory = f"/{parts[-1]}/" if parts else ""
        self._described = 0
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
            self.is_unclear |= name == ".." or (name == "." and bool(member.path.strip("./")))
            return False
        at = tuple(split_path(member.path, 0))
        depth = len(at)
        if at == self._parts:
            is_file = member.kind is MemberKind.FILE
            self.is_unclear |= not is_file or self._described < depth - 1
            return is_file and not self.is_unclear
        is_above = at == self._parts[:depth] and member.kind is MemberKind.DIRECTORY
        if is_above and depth == self._described + 1:
            self._described = depth
        elif not is_above:
            self.is_unclear = True
        return False


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


def _entries(layout: Layout, layer: Descriptor, spooling: _Spool) -> Iterator[MemberEntry]:
    """Yield the entries of a layer to its end; discard the copy if that fails."""
    name = f"layer {layer.digest}"
    with closing(open_layer(layout, layer)) as source:
        try:
            yield from reader.read_layer(Decompressed(source, name=name), name=name)
        except BaseException:
            spooling.close()
            raise
