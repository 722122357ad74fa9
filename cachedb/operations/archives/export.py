"""Export: images of the layout as an OCI archive, as docker's, or as one file tree.

The plan lists the content and checks its presence; the bytes are hashed again while they are
written. An index with all of its platforms is exported unchanged. With some of them a new index
lists these alone: skopeo and others stop at a listed manifest that is absent. One requested
platform is written without an index, as linuxkit does and umoci requires.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

from cachedb.archive import docker_archive, flatten, oci_archive
from cachedb.archive.docker_archive import ImageToWrite
from cachedb.catalog.index.ref_rows import PIN
from cachedb.errors import BlobNotFound, InvalidInput
from cachedb.feedback.progress import CountedStream
from cachedb.layout.index_json import IndexJson
from cachedb.oci import Descriptor, Digest, Manifest, Reference, graph
from cachedb.oci.descriptor import CONTAINERD_NAME, REF_NAME
from cachedb.operations.archives import image_parts
from cachedb.operations.archives.export_formats import Form
from cachedb.operations.transfer.local_graph import (
    LocalDocuments,
    LocalReferrers,
    check_present,
)
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from cachedb.catalog.connect import Catalog
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.oci import Platform
    from cachedb.operations.archives.image_parts import Part
    from cachedb.operations.read.resolve import ResolvedImage, Root


class ExportOptions(NamedTuple):
    """Selection to export: without a platform, all of them, or one where the format holds one.

    `name` replaces the name of the image in the archive. `is_forced` accepts an image of another
    platform than requested.
    """

    form: Form = Form.OCI
    platforms: tuple[Platform, ...] = ()
    name: str | None = None
    is_forced: bool = False


class Exported(NamedTuple):
    """An exported image; `left_out` are its platforms that were never pulled."""

    name: str | None
    """Name of the image; None for content without one."""
    digest: Digest
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name, or without one the digest."""
        return self.name or str(self.digest)


class _Image(Record):
    """A chosen image: its root with its content, children first."""

    name: str | None
    root: Descriptor
    content: tuple[Descriptor, ...]
    made: Mapping[Digest, bytes] = {}
    left_out: tuple[str, ...] = ()
    referrers: tuple[Descriptor, ...] = ()


class ExportPlan(Protocol):
    """Plan of an export: the images, their content and their names."""

    @property
    def images(self) -> tuple[Exported, ...]:
        """Exported images, in the order of the archive."""

    @property
    def notes(self) -> Sequence[str]:
        """Remarks about the content; complete when all chunks have been read."""

    def chunks(self, layout: Layout) -> Generator[bytes]:
        """Yield the archive in pieces of moderate size, while the blobs are read.

        Raises:
            BlobNotFound: A blob has been removed since the plan was made.
            CorruptBlob: A blob has another hash than its digest.
        """


def _planned(plan: ExportPlan) -> str:
    images = ", ".join(image.label for image in plan.images)
    return f"<ExportPlan of {images}>"


class _OciExport(Record):
    images: tuple[Exported, ...]
    index_json: bytes
    content: tuple[Descriptor, ...]
    made: Mapping[Digest, bytes]
    notes: tuple[str, ...] = ()

    __repr__ = _planned

    def chunks(self, layout: Layout) -> Generator[bytes]:
        blobs = [(each.digest, each.size) for each in self.content]
        with _task(layout, self.images, self.content) as task:
            open_blob = _opener(layout, self.content, self.made, task)
            yield from oci_archive.stream(self.index_json, blobs, open_blob)


class _DockerExport(Record):
    images: tuple[Exported, ...]
    parts: tuple[ImageToWrite, ...]
    content: tuple[Descriptor, ...]
    notes: tuple[str, ...] = ()

    __repr__ = _planned

    def chunks(self, layout: Layout) -> Generator[bytes]:
        with _task(layout, self.images, self.content) as task:
            open_blob = _opener(layout, self.content, {}, task)
            yield from docker_archive.stream(self.parts, open_blob)


class _FilesystemExport(Record):
    images: tuple[Exported, ...]
    layers: tuple[Descriptor, ...]
    notes: list[str]

    __repr__ = _planned

    def chunks(self, layout: Layout) -> Generator[bytes]:
        with _task(layout, self.images, self.layers) as task:
            open_blob = _opener(layout, self.layers, {}, task)
            count = len(self.layers)
            yield from flatten.stream(
                count, lambda n: open_blob(self.layers[n].digest), self.notes
            )


def plan(
    layout: Layout, catalog: Catalog, images: Sequence[ResolvedImage], options: ExportOptions
) -> ExportPlan:
    """Decide the content of an archive, and check its presence; blobs are not read.

    An OCI archive includes referrers of the images, as entries without a name.

    Raises:
        PlatformNotFound: An image has no manifest for a requested platform.
        Refused: The config of an image names another platform.
        BlobNotFound: A blob of the archive is not in the layout.
        CorruptBlob: A blob of the archive has another size.
        InvalidInput: The format cannot hold the requested images.
    """
    if options.name is not None and len(images) > 1:
        raise InvalidInput("several images cannot have one name")
    match options.form:
        case Form.OCI:
            return _plan_oci(layout, catalog, images, options)
        case Form.DOCKER:
            return _plan_docker(layout, images, options)
        case Form.FILESYSTEM:
            return _plan_filesystem(layout, images, options)


# -- OCI ----------------------------------------------------------------------------------------


def _plan_oci(
    layout: Layout, catalog: Catalog, images: Sequence[ResolvedImage], options: ExportOptions
) -> _OciExport:
    chosen = [each for image in images for each in _choose(layout, catalog, image, options)]
    attached = [each for image in images for each in _attached(layout, catalog, image, options)]
    written = [*chosen, *attached]
    made = {digest: content for image in written for digest, content in image.made.items()}
    content = {each.digest: each for image in written for each in image.content}
    check_present(layout, (each for each in content.values() if each.digest not in made))
    named = [(image.name, _named(image.root, image.name)) for image in written]
    unnamed = [(None, each) for image in written for each in image.referrers]
    return _OciExport(
        images=tuple(map(_exported, chosen)),
        index_json=IndexJson.empty().naming([*named, *unnamed]).encode(),
        content=tuple(content.values()),
        made=made,
    )


def _choose(
    layout: Layout, catalog: Catalog, image: ResolvedImage, options: ExportOptions
) -> list[_Image]:
    """Choose the roots that go into an OCI archive, one but for one manifest a platform."""
    if not image.is_split:
        return [_choose_root(layout, catalog, image.roots[0], options)]
    chosen = _Choosing(layout, catalog, options.name or image.name)
    parts = image_parts.platforms_of(chosen.documents, image_parts.roots_of(layout, image))
    if options.platforms:
        kept = image_parts.choose(
            parts, options.platforms, image.name, is_forced=options.is_forced
        )
        return [chosen.whole(part.descriptor) for part in kept]
    left_out = tuple(part.label for part in parts if not part.is_here)
    kept = [part for part in parts if part.is_here]
    if not kept:
        raise BlobNotFound(
            image.roots[0].digest, f"no platform of {image.label!r} is in the cache"
        )
    first, *rest = [chosen.whole(part.descriptor) for part in kept]
    return [first.replace(left_out=left_out), *rest]


def _attached(
    layout: Layout, catalog: Catalog, image: ResolvedImage, options: ExportOptions
) -> list[_Image]:
    """Return the present attached entries of the name of a whole image.

    Only the annotation `kind` distinguishes them from the image, so that an archive of one
    platform, which some tools read by its only entry, has none.
    """
    if options.platforms:
        return []
    chosen = _Choosing(layout, catalog, options.name or image.name)
    described = [image_parts.described(layout, root) for root in image.attached]
    return [chosen.whole(each) for each in described if chosen.documents.is_here(each)]


def _choose_root(layout: Layout, catalog: Catalog, root: Root, options: ExportOptions) -> _Image:
    """Choose the root that goes into an OCI archive: the document itself, or a part of it."""
    chosen = _Choosing(layout, catalog, options.name or root.name)
    documents = chosen.documents
    descriptor = image_parts.described(layout, root)
    if not descriptor.media_type.is_index:
        part = image_parts.single(documents, descriptor, root.name)
        image_parts.choose([part], options.platforms, root.name, is_forced=options.is_forced)
        return chosen.whole(descriptor)
    parts = image_parts.parts_of(documents, descriptor)
    left_out: tuple[str, ...] = ()
    if options.platforms:
        wanted = image_parts.choose(
            parts, options.platforms, root.name, is_forced=options.is_forced
        )
        if len(options.platforms) == 1:
            return chosen.whole(wanted[0].descriptor)
        kept = image_parts.with_statements(parts, wanted)
    else:
        kept = [part for part in parts if part.is_here]
        left_out = tuple(part.label for part in parts if not part.is_here and part.may_be_image)
    if len(kept) == len(parts):
        return chosen.whole(descriptor)
    if not kept:
        raise BlobNotFound(
            root.digest, f"no platform of {root.name or root.digest!r} is in the cache"
        )
    return chosen.narrowed(descriptor, kept, left_out)


class _Choosing:
    """Content of an image in an OCI archive, after its root is chosen."""

    def __init__(self, layout: Layout, catalog: Catalog, name: str | None) -> None:
        self.documents = LocalDocuments(layout)
        self._referrers = LocalReferrers(catalog, self.documents)
        self._name = name

    def whole(self, root: Descriptor) -> _Image:
        """Add a root with its content and its referrers."""
        found = image_parts.content_of(self.documents, root, self._referrers)
        return _Image(
            name=self._name,
            root=root,
            content=found.blobs,
            referrers=tuple(map(self._listed, found.referrers)),
        )

    def narrowed(
        self, index: Descriptor, kept: Sequence[Part], left_out: tuple[str, ...]
    ) -> _Image:
        """Make an index of some parts, and add their content and their referrers."""
        content = image_parts.listing(self.documents, index, kept)
        root = index.replace(digest=Digest.of(content), size=len(content), data=None)
        below = [self.whole(part.descriptor) for part in kept]
        blobs = {each.digest: each for one in below for each in one.content}
        referrers = {each.digest: each for one in below for each in one.referrers}
        return _Image(
            name=self._name,
            root=root,
            content=(*blobs.values(), root),
            made={root.digest: content},
            left_out=left_out,
            referrers=tuple(d for d in referrers.values() if d.digest not in _digests(kept)),
        )

    def _listed(self, referrer: Descriptor) -> Descriptor:
        return graph.described_referrer(referrer, self.documents.document(referrer))


def _digests(parts: Sequence[Part]) -> set[Digest]:
    return {part.descriptor.digest for part in parts}


def _named(descriptor: Descriptor, name: str | None) -> Descriptor:
    """Add the annotations in which tools look for a name; that of OCI is set by `naming`.

    linuxkit and containerd read annotations of their own, and accept a full name only.
    """
    ours = {REF_NAME, CONTAINERD_NAME, PIN}
    kept = {key: value for key, value in descriptor.annotations.items() if key not in ours}
    full = None if name is None else image_parts.full_name(name)
    if full is not None:
        kept[CONTAINERD_NAME] = str(full)
    return descriptor.replace(annotations=kept)


def _exported(image: _Image) -> Exported:
    return Exported(name=image.name, digest=image.root.digest, left_out=image.left_out)


# -- one platform -------------------------------------------------------------------------------


def _plan_docker(
    layout: Layout, images: Sequence[ResolvedImage], options: ExportOptions
) -> _DockerExport:
    chosen = [_single(layout, image, options) for image in images]
    tags: dict[Digest, list[str]] = {}
    manifests: dict[Digest, Manifest] = {}
    for name, descriptor, document in chosen:
        manifests[descriptor.digest] = document
        tags.setdefault(descriptor.digest, []).extend(_docker_tags(name))
    needed = [each for document in manifests.values() for each in _config_and_layers(document)]
    check_present(layout, needed)
    return _DockerExport(
        images=tuple(Exported(name=name, digest=each.digest) for name, each, _ in chosen),
        parts=tuple(
            _to_write(document, list(dict.fromkeys(tags[digest])))
            for digest, document in manifests.items()
        ),
        content=tuple({each.digest: each for each in needed}.values()),
    )


def _plan_filesystem(
    layout: Layout, images: Sequence[ResolvedImage], options: ExportOptions
) -> _FilesystemExport:
    if len(images) != 1:
        raise InvalidInput("a file tree is that of one image: give one name")
    ((name, descriptor, document),) = (_single(layout, image, options) for image in images)
    check_present(layout, document.layers)
    return _FilesystemExport(
        images=(Exported(name=name, digest=descriptor.digest),),
        layers=document.layers,
        notes=[],
    )


def _single(
    layout: Layout, image: ResolvedImage, options: ExportOptions
) -> tuple[str | None, Descriptor, Manifest]:
    """Choose the one platform of an image that a format can hold."""
    if len(options.platforms) > 1:
        raise InvalidInput(
            f"the form {options.form.value!r} holds one platform of an image",
            hint=f"--format {Form.OCI.value} holds several",
        )
    part = image_parts.find_one(
        LocalDocuments(layout), image_parts.roots_of(layout, image), options.platforms, image.name,
        is_forced=options.is_forced,
    )  # fmt: skip
    document = part.image(image.name)
    _refuse_other_layers(document, image.label)
    return options.name or image.name, part.descriptor, document


def _refuse_other_layers(image: Manifest, name: str) -> None:
    """Refuse layers that no reader of the archive could unpack: ciphertext, WebAssembly, data."""
    for layer in image.layers:
        if layer.media_type.may_unpack:
            continue
        what = "is encrypted" if layer.media_type.is_encrypted else "is not a file system"
        raise InvalidInput(
            f"layer {layer.digest} of {name!r} {what}: its type is {str(layer.media_type)!r}",
            hint=f"--format {Form.OCI.value} exports it as it is",
        )


def _config_and_layers(document: Manifest) -> tuple[Descriptor, ...]:
    assert document.config is not None  # a manifest without a config is not an image
    return (document.config, *document.layers)


def _to_write(document: Manifest, tags: Sequence[str]) -> ImageToWrite:
    config, *layers = [(each.digest, each.size) for each in _config_and_layers(document)]
    return ImageToWrite(config=config, layers=layers, tags=tags)


def _docker_tags(name: str | None) -> list[str]:
    """Return the name in the form of docker, which has none for a digest alone."""
    full = None if name is None else image_parts.full_name(name)
    if full is None or full.tag is None:
        return []
    return [str(Reference(domain=full.domain, path=full.path, tag=full.tag))]


# -- blobs --------------------------------------------------------------------------------------


class _Opener(Protocol):
    def __call__(self, digest: Digest) -> BinaryIO: ...


def _task(layout: Layout, images: Sequence[Exported], content: Iterable[Descriptor]) -> Task:
    """Begin the report of an export of some content; its unit are the bytes of blobs."""
    names = images[0].label if len(images) == 1 else f"{len(images)} images"
    return layout.progress.task(f"export {names}", sum(each.size for each in content))


def _opener(
    layout: Layout, embedding: Iterable[Descriptor], made: Mapping[Digest, bytes], task: Task
) -> _Opener:
    """Return a function that opens a blob: a made one, an embedded one, or a file."""
    held = {each.digest: each.data for each in embedding if each.data is not None}

    def open_blob(digest: Digest) -> BinaryIO:
        content = made.get(digest, held.get(digest))
        opened = layout.blobs.open(digest) if content is None else io.BytesIO(content)
        return cast("BinaryIO", CountedStream(opened, task))

    return open_blob
