"""Provider: the API of a cache that linuxkit's builds use."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from cachedb.cache import Cache
from cachedb.closing import Closing
from cachedb.errors import (
    CorruptCache,
    InvalidDigest,
    InvalidManifest,
    InvalidReference,
    NotFound,
    RefNotFound,
)
from cachedb.feedback.progress import UNWATCHED
from cachedb.linuxkit import arch_names, index_write
from cachedb.linuxkit.content_store import ContentStore
from cachedb.linuxkit.sources import ImageSource, IndexSource, ResolvableDescriptor
from cachedb.oci import Digest, Reference
from cachedb.oci.platform.match import only
from cachedb.oci.platform.model import this_machine
from cachedb.operations.archives import image_parts
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.read import resolve
from cachedb.operations.transfer.local_graph import LocalDocuments, check_present
from cachedb.registry.clients import Registries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cachedb.oci import Descriptor, Platform
    from cachedb.oci.names.containerd_name import ContainerdName
    from cachedb.operations.read.resolve import ResolvedImage, Root
    from cachedb.operations.transfer.pull import PullOptions
    from cachedb.operations.transfer.push import Pushed
    from cachedb.registry.http.settings import RegistrySettings


def get(path: Path, *, catalog: str | None = None) -> Cache:
    """Open a cache; create it if the directory is absent or empty.

    `catalog` is the URL of its catalog in a server; without one, it is in the cache.
    """
    return Cache.create(path, catalog=catalog)


def list_images(path: Path, *, catalog: str | None = None) -> dict[str, Digest]:
    """Return the names in an existing cache with their digests; `catalog` as of `get`.

    Raises:
        CacheNotFound: There is no such directory.
    """
    with Cache.open(path, catalog=catalog) as cache:
        return _names(cache)


class Provider(Closing):
    """A cache, and the registries that it pulls from; a context manager.

    Names are accepted in every form: as linuxkit stores them, as docker prints them, short, with a
    tag, a digest or both.
    """

    def __init__(
        self,
        path: Path,
        settings: RegistrySettings | None = None,
        *,
        catalog: str | None = None,
    ) -> None:
        self.cache: Cache = get(path, catalog=catalog)
        self._clients = Registries() if settings is None else Registries.of(settings)

    def close(self) -> None:
        """Close the clients and the cache."""
        self._clients.close()
        self.cache.close()

    # -- reading ---------------------------------------------------------------------------

    def list(self) -> dict[str, Digest]:
        """Return the names in the cache with their digests."""
        return _names(self.cache)

    def find_root(self, name: str) -> ResolvableDescriptor:
        """Resolve a name to its root descriptor.

        Of an image that is one manifest a platform, that is the one for this machine, else the
        first.

        Raises:
            RefNotFound: No image has that name.
        """
        return ResolvableDescriptor(self.cache, self._described(self._root(name)))

    def find_descriptor(self, reference: ContainerdName) -> Descriptor | None:
        """Return the entry of index.json for a digest, under any name, else for a name.

        An invalid digest behind an ``@`` is ignored, as in linuxkit.

        Raises:
            InvalidReference: The name consists of an ``@`` and an invalid digest only.
        """
        try:
            digest = Digest(reference.digest)
        except InvalidDigest:
            if reference.object.startswith("@"):
                raise InvalidReference(str(reference), "no digest after the @") from None
            return self._find_by_name(reference)
        refs = self.cache.layout.index().refs
        return next((r.descriptor for r in refs if r.descriptor.digest == digest), None)

    def new_source(
        self,
        reference: str,
        platform: Platform | None = None,
        descriptor: Descriptor | None = None,
    ) -> ImageSource:
        """Return one platform of an image, without a check that it is present."""
        return ImageSource(self.cache, reference, platform, descriptor)

    def new_index_source(
        self,
        reference: str,
        descriptor: Descriptor | None = None,
        platforms: Sequence[Platform] = (),
    ) -> IndexSource:
        """Return an image with all or some of its platforms, without a check of presence."""
        return IndexSource(self.cache, reference, descriptor, tuple(platforms))

    def get_content(self, digest: Digest) -> BinaryIO:
        """Open a blob, which is hashed while it is read.

        Raises:
            BlobNotFound: The blob is absent.
        """
        return self.cache.layout.blobs.open(digest)

    def store(self) -> ContentStore:
        """Return the blobs as a content store."""
        return ContentStore(self.cache.layout, self.cache.catalog)

    def image_in_cache(self, reference: str, platform: Platform | None = None) -> bool:
        """Return whether an image is complete for a platform, or for all; blobs are not hashed."""
        try:
            needed = self._content(self.cache.find_image(reference), _tuple(platform))
            check_present(self.cache.layout, needed)
        except (NotFound, CorruptCache, InvalidManifest):
            return False
        return True

    def validate_image(self, reference: str, platforms: Sequence[Platform] = ()) -> ImageSource:
        """Hash and unpack the blobs of an image for some platforms, or for all that it lists.

        Raises:
            RefNotFound: No image has that name.
            PlatformNotFound: The image has no manifest for one of the platforms.
            NotFound: A platform was not pulled, or a blob is missing.
            CorruptBlob: A blob has another hash than its digest.
            InvalidManifest: Unpacked layers differ from the diff IDs of their config.
        """
        image = self.cache.find_image(reference)
        needed = self._content(image, tuple(platforms))
        check_present(self.cache.layout, needed)
        for each in needed:
            if each.data is None:
                self.cache.layout.blobs.verify(each.digest)
        self._check_layers(needed)
        platform = platforms[0] if len(platforms) == 1 else None
        return self.new_source(reference, platform, self._described(image.roots[0]))

    # -- pulling and writing ---------------------------------------------------------------

    def image_pull(
        self, reference: str, platforms: Sequence[Platform] = (), *, always_pull: bool = False
    ) -> ImageSource:
        """Return an image if it is valid for some platforms; else pull these first."""
        if not always_pull:
            try:
                return self.validate_image(reference, platforms)
            except (NotFound, CorruptCache, InvalidManifest):
                pass
        from cachedb.operations.transfer.pull import PullOptions  # noqa: PLC0415  (brings in requests)

        self._pull(reference, PullOptions(platforms=tuple(platforms)))
        return self.validate_image(reference, platforms)

    def pull(self, name: str, *, with_arch_references: bool = False) -> tuple[Reference, ...]:
        """Pull an image for all platforms; return the names of single platforms, if written."""
        from cachedb.operations.transfer.pull import PullOptions  # noqa: PLC0415

        stored = self._pull(name, PullOptions())
        if not with_arch_references:
            return ()
        root = self._described(self.cache.find_root(stored))
        return arch_names.name_platforms(self.cache.layout, self.cache.catalog, stored, root)

    def image_load(self, stream: BinaryIO) -> tuple[Descriptor, ...]:
        """Import an image archive of any kind; return its entries of index.json.

        A name of another image is moved.
        """
        options = ImportOptions(may_replace=True)
        imported = self.cache.import_archive(stream, "the archive", options, UNWATCHED)
        refs = self.cache.layout.index().refs
        return tuple(
            ref.descriptor
            for each in imported
            for ref in refs
            if (ref.name, ref.descriptor.digest) == (each.name, each.descriptor.digest)
        )

    def index_write(self, name: str, *descriptors: Descriptor) -> Descriptor:
        """Add images to the index of a name, created if absent; return its descriptor.

        Raises:
            InvalidInput: There are no images.
            Refused: The name is that of a single image.
        """
        layout, catalog = self.cache.layout, self.cache.catalog
        return index_write.write_index(layout, catalog, name, descriptors)

    def descriptor_write(self, name: str, descriptor: Descriptor) -> Descriptor:
        """Name a descriptor; return the entry of index.json."""
        layout, catalog = self.cache.layout, self.cache.catalog
        return index_write.write_descriptor(layout, catalog, name, descriptor)

    # -- pushing and removing --------------------------------------------------------------

    def image_in_registry(self, reference: str, platform: Platform | None = None) -> bool:
        """Return whether the registry has an image; an unreachable registry is an error."""
        from cachedb.operations.transfer import remote_inspect  # noqa: PLC0415

        parsed = Reference.parse_pinned(reference)
        return remote_inspect.image_in_registry(self._clients(parsed.domain), parsed, platform)

    def push(
        self,
        name: str,
        remote_name: str | None = None,
        *,
        with_arch_specific_tags: bool = False,
        override: bool = False,
    ) -> Pushed:
        """Push an image to its registry, or to another name."""
        from cachedb.operations.transfer.push import PushOptions  # noqa: PLC0415
        from cachedb.operations.transfer.tag_update import Conflict  # noqa: PLC0415

        target = None if remote_name is None else Reference.parse(remote_name)
        options = PushOptions(
            has_arch_tags=with_arch_specific_tags,
            conflict=Conflict.REPLACE if override else Conflict.MERGE,
        )
        sendings = self.cache.plan_push([name], target)
        report = self.cache.push_each(sendings, self._clients, options, UNWATCHED)
        for _, error in report.failures:
            raise error
        return report.pushed[0]

    def remove(self, name: str) -> tuple[str | None, ...]:
        """Remove a name and the blobs that only it reached; return the removed names.

        An absent name is not an error. Blobs of other names stay.
        """
        roots = self.cache.plan_removal([name]).roots
        self.cache.discard(roots)
        return tuple(root.name for root in roots)

    # -- internal --------------------------------------------------------------------------

    def _find_by_name(self, reference: ContainerdName) -> Descriptor | None:
        tag = f":{reference.tag}" if reference.tag else ""
        try:
            return self._described(self._root(f"{reference.locator}{tag}"))
        except RefNotFound:
            return None

    def _described(self, root: Root) -> Descriptor:
        return image_parts.described(self.cache.layout, root)

    def _root(self, name: str) -> Root:
        image = self.cache.find_image(name)
        known = self.cache.answer(lambda ask: resolve.platforms_of(ask, image.roots))
        matcher = only(this_machine())
        fitting = [
            root
            for root in image.roots
            if root.blob_id in known and matcher.matches(known[root.blob_id])
        ]
        return min(
            fitting, key=lambda root: matcher.key(known[root.blob_id]), default=image.roots[0]
        )

    def _content(
        self, image: ResolvedImage, platforms: tuple[Platform, ...]
    ) -> tuple[Descriptor, ...]:
        documents = LocalDocuments(self.cache.layout)
        roots = image_parts.roots_of(self.cache.layout, image)
        if platforms:
            parts = image_parts.find_parts(documents, roots, image.name)
            chosen = image_parts.choose(parts, platforms, image.name, is_forced=False)
            roots = tuple(part.descriptor for part in chosen)
        content = [image_parts.content_of(documents, root) for root in roots]
        return tuple({each.digest: each for found in content for each in found.blobs}.values())

    def _check_layers(self, needed: Sequence[Descriptor]) -> None:
        from cachedb.operations.check import deep_validation  # noqa: PLC0415  (brings in zstd)
        from cachedb.operations.check.validate import Condition  # noqa: PLC0415

        images = [each.digest for each in needed if each.media_type.is_manifest]
        for digest, fault in deep_validation.contradictions(self.cache.layout, images).items():
            if fault.condition is not Condition.FALSE_TOC:  # linuxkit reads layers only
                raise InvalidManifest(f"{digest}: {fault.why}")

    def _pull(self, name: str, options: PullOptions) -> str:
        parsed = Reference.parse(name)
        report = self.cache.pull_each([parsed], self._clients, options, UNWATCHED)
        for _, error in report.failures:
            raise error
        return report.pulled[0].name


def _names(cache: Cache) -> dict[str, Digest]:
    return {each.name: each.digests[0] for each in cache.list() if each.name is not None}


def _tuple(platform: Platform | None) -> tuple[Platform, ...]:
    return () if platform is None else (platform,)
