"""Visible files of an image, computed from the headers of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachedb.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.archive.image_tree import ImageFile
    from cachedb.archive.tar.reader import Member, MemberKind
    from cachedb.oci import Digest
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings


class ListedFile(NamedTuple):
    """A visible file; `layer` holds its content, None for a directory that no layer describes.

    `size` is in bytes, `modified_ns` in nanoseconds since 1970, `target` that of a symlink.
    """

    path: str
    """Absolute path in the image."""
    kind: MemberKind
    """Type of the file."""
    mode: int
    """Permissions, the lower 12 bits of the mode."""
    uid: int
    """User id of the owner."""
    gid: int
    """Group id of the owner."""
    size: int
    modified_ns: int
    target: str
    device: tuple[int, int]
    """Major and minor number of a device; zeros for any other type."""
    layer: Digest | None


def list_files(
    listings: LayerListings, image: ImageLayers, path: str = "/"
) -> Sequence[ListedFile]:
    """List the files at and below a path, parents first, names in order.

    Symlinks on the way to the path are followed inside the image; a path that ends in one lists
    that symlink. Reads every layer once.

    Raises:
        NotFound: The image has no such path.
        InvalidArchive: A layer is malformed.
    """
    with listings.watched(f"read {image.name}", image.layers):
        tree = listings.tree(image.layers)
    found = [_listed(file, image) for file in _below(tree.visible(), tree.canonical(path))]
    if not found:
        raise no_such_path(image, path)
    return found


def no_such_path(image: ImageLayers, path: str) -> NotFound:
    """Return the error that an image has no such path."""
    return NotFound(f"{image.name!r} has no file {path!r}", hint=f"cachedb files {image.name}")


def _below(files: Iterator[ImageFile], path: str | None) -> Iterator[ImageFile]:
    if path is None:
        return
    prefix = path if path.endswith("/") else f"{path}/"
    for file in files:
        if file.path == path or file.path.startswith(prefix):
            yield file


def _listed(file: ImageFile, image: ImageLayers) -> ListedFile:
    member: Member = file.member
    return ListedFile(
        path=file.path,
        kind=member.kind,
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        size=member.size,
        modified_ns=member.modified_ns,
        target=member.target,
        device=member.device,
        layer=None if file.origin is None else image.layers[file.origin.layer].digest,
    )
