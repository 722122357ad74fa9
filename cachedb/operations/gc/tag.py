"""Tag and untag: add names to images of the cache, and remove names from them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cachedb.catalog.statement import many
from cachedb.catalog.statements import refs
from cachedb.errors import RefNotFound, Refused
from cachedb.oci import Descriptor, MediaType
from cachedb.operations.gc import pins, weak_roots
from cachedb.operations.read import resolve
from cachedb.operations.sync import history, reconcile
from cachedb.operations.sync.locked_names import after_names, locking_names
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.layout import Layout
    from cachedb.layout.index_json import IndexJson
    from cachedb.oci import Digest, Reference
    from cachedb.operations.read.resolve import ResolvedImage, Root


class Tagged(Record):
    """Name that was added to an image; `replaced` is its previous digest, if another."""

    name: str
    digest: Digest
    is_new: bool
    """Whether the name did not have this digest before."""
    replaced: Digest | None = None


def tag(layout: Layout, catalog: Catalog, source: str, target: Reference) -> Tagged:
    """Add a name to an image of the cache, in one write of index.json.

    A name of another image moves to this one; the weak roots of that image are removed if no other
    entry reaches them. An image of one manifest a platform gets an entry for each.

    Raises:
        AmbiguousName: Several images have the name `source`.
        RefNotFound: No image has that name.
        BlobNotFound: No blob has that digest.
        Refused: `source` is a blob without an entry, or `target` has the digest of other content.
    """
    name = str(target.with_default_tag())
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        index = layout.index()
        with catalog.reading() as connection:
            image = resolve.find_image(connection, source)
            _refuse_parts(image)
            before = {each.digest for each in _named(index, name)}
            wanted = {root.digest for root in image.roots}
            moving = connection.rows(refs.OF_NAMES, names=many([name])) if before - wanted else []
            weak = weak_roots.orphaned(connection, [row.id for row in moving])
            pinned = pins.pinned_keys(index, history.pins(connection))
        if before != wanted:
            gone = {row.digest for row in weak} - wanted
            kept = index.without(lambda ref: ref.name is None and ref.descriptor.digest in gone)
            after = kept.naming((name, _described(root)) for root in image.roots)
            _replace(layout, catalog, pins.restored(after, pinned))
        with after_names(), catalog.writing() as connection:
            connection.write(
                refs.RECORD_SOURCE, name=name, source="tag", origin=image.name, pulled=None
            )
    digest = image.roots[0].digest
    if before == wanted:
        return Tagged(name=name, digest=digest, is_new=False)
    history.record(layout, catalog, history.TAG, names=[name])
    replaced = next(iter(before - wanted), None)
    return Tagged(name=name, digest=digest, is_new=True, replaced=replaced)


def _refuse_parts(image: ResolvedImage) -> None:
    for root in image.roots:
        if root.ref_id is None:
            raise Refused(
                f"{root.digest} is part of an image and not an image",
                hint=f"cachedb find-root {root.digest}",
            )


def _described(root: Root) -> Descriptor:
    media_type = MediaType(root.media_type)
    return Descriptor(media_type=media_type, digest=root.digest, size=root.size)


def untag(layout: Layout, catalog: Catalog, names: Sequence[str]) -> tuple[Root, ...]:
    """Remove names, in one write of index.json, and keep their images.

    An image without another name stays as an entry without a name, which its digest addresses.
    Returns the entries whose names were removed.

    Raises:
        RefNotFound: A name does not exist, or is that of an entry without a name.
        AmbiguousName: Several images have one of the names.
        Refused: One of the names is pinned.
    """
    with locking_names(layout, catalog):
        reconcile.reconcile(layout, catalog)
        before = layout.index()
        with catalog.reading() as connection:
            images = [resolve.find_image(connection, name) for name in names]
            pinned = pins.pinned_keys(before, history.pins(connection))
        roots = [root for image in images for root in (*image.entries, *image.attached)]
        for text, image in zip(names, images, strict=True):
            if image.name is None:
                raise RefNotFound(text, why=f"{text!r} is not a name")
            if image.name in pinned:
                hint = f"cachedb unpin {shlex.quote(image.name)}"
                raise Refused(f"{image.name!r} is pinned", hint=hint)
        gone = {root.name for root in roots}
        kept = [(None, ref.descriptor) for ref in before.refs if ref.name in gone]
        without, _ = before.without_entries([root.entry for root in roots if root.entry])
        unnamed = [(name, _without_annotations(each)) for name, each in kept]
        _replace(layout, catalog, pins.restored(without.naming(unnamed), pinned))
    history.record(layout, catalog, history.UNTAG, names=sorted(filter(None, gone)))
    return tuple(roots)


def _named(index: IndexJson, name: str) -> list[Descriptor]:
    return [ref.descriptor for ref in index.refs if ref.name == name]


def _without_annotations(descriptor: Descriptor) -> Descriptor:
    """Return a descriptor without annotations, because those of an entry describe its name."""
    return descriptor.replace(annotations={})


def _replace(layout: Layout, catalog: Catalog, index: IndexJson) -> None:
    layout.replace_index(index)
    with after_names(), catalog.writing() as connection:
        reconcile.absorb(layout, connection, ())
