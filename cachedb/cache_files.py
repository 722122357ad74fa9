"""Files half of `Cache`: list, read and compare the files inside the layers of images."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb import arguments
from cachedb.cache_reader import CacheReader
from cachedb.errors import CacheError
from cachedb.feedback.progress import as_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.arguments import Names, Observer, Platforms
    from cachedb.oci import Digest
    from cachedb.operations.archives.inspect_image import CachedImage
    from cachedb.operations.files.arriving_layers import ArrivingLayers
    from cachedb.operations.files.compare import ImageDifference
    from cachedb.operations.files.image_layers import ImageLayers, LayerListings, UnreadImage
    from cachedb.operations.files.index_files import FilesIndexed
    from cachedb.operations.files.layer_history import HistoryStep
    from cachedb.operations.files.list_files import ListedFile
    from cachedb.operations.files.read_file import FileContent
    from cachedb.operations.files.waste import WasteReport
    from cachedb.query.syntax.tree import Query


class CacheFiles(CacheReader):
    """Read the files inside layers; each method reads the layers that it needs, once or twice.

    A method of one image reads the platform of `platforms`, else that of this machine, else the
    only one. All raise InvalidArchive for a malformed layer and CorruptBlob for a damaged one.
    """

    def files(self, name: str, path: str = "/", platforms: Platforms = ()) -> Sequence[ListedFile]:
        """List the files of an image at and below a path, parents first, names in order.

        Raises:
            NotFound: The image has no such path.
        """
        from cachedb.operations.files.list_files import list_files

        return list_files(self._listings(), self._layers(name, platforms), path)

    def read_file(self, name: str, path: str, platforms: Platforms = ()) -> FileContent:
        """Open a regular file of an image; symlinks are followed inside the image.

        Raises:
            NotFound: The image has no such file.
            InvalidInput: The path is that of a directory, a device or a pipe.
        """
        from cachedb.operations.files import read_file

        image = self._layers(name, platforms)
        return read_file.read_file(self.layout, self._listings(), image, path)

    def compare(self, before: str, after: str, platforms: Platforms = ()) -> ImageDifference:
        """Compare files, configuration and packages of two images."""
        from cachedb.operations.files import compare
        from cachedb.operations.read import resolve, sbom

        images = [self._layers(name, platforms) for name in (before, after)]
        packages = []
        with self.catalog.reading() as connection:
            for image in images:
                found = resolve.find_image(connection, str(image.digest))
                packages.append(sbom.list_packages(connection, found).packages)
        return compare.ImageDifference(
            before=images[0],
            after=images[1],
            files=compare.compare_files(self._listings(), *images),
            values=compare.compare_values(self.layout, *images),
            packages=compare.compare_packages(*packages),
        )

    def text_difference(self, difference: ImageDifference) -> Iterator[str]:
        """Yield the changed text files of a difference as lines of a unified diff."""
        from cachedb.operations.files import text_diff

        return text_diff.unified(self.layout, difference)

    def waste(self, names: Names = (), where: Query | str | None = None) -> WasteReport:
        """Measure the bytes that layers of images overwrite, delete, or store more than once.

        Measures each platform of every image if there are neither names nor a query. An unreadable
        image does not end the measurement of the others.
        """
        from cachedb.operations.files import waste

        images, unread = self._all_layers(names, where)
        return waste.measure(self._listings(), images, unread)

    def index_files(
        self,
        names: Names = (),
        where: Query | str | None = None,
        progress: Observer | None = None,
    ) -> FilesIndexed:
        """Index the files of images, every image if there are neither names nor a query.

        Layers that are indexed already are not read again. `progress` is an observer, or
        a function that receives a line for each layer.
        """
        from cachedb.operations.files import index_files

        images, unread = self._all_layers(names, where)
        watched = arguments.observer(progress, self.layout.progress)
        return index_files.index_files(self.layout, self.catalog, images, watched, unread)

    @contextmanager
    def indexing_arrivals(self) -> Iterator[ArrivingLayers]:
        """Index the files of layers that are pulled or imported inside the block.

        They are read from the bytes that are hashed, and not again. `index_arrived` then completes
        the index of their images; layers that are indexed stay so if the block is interrupted.
        """
        from cachedb.operations.files.arriving_layers import ArrivingLayers

        arrivals = ArrivingLayers(self.catalog)
        with self.layout.observing(arrivals):
            yield arrivals

    def index_arrived(
        self, arrivals: ArrivingLayers, names: Names, progress: Observer | None = None
    ) -> FilesIndexed:
        """Index the images that arrived: layers that were present before, and their visible files.

        Entries of tar archives that are not layers with files are removed. As `index_files`
        otherwise.
        """
        from cachedb.operations.files import index_files

        images, unread = self._all_layers(names, None)
        layers = (layer for image in images for layer in image.layers)
        arrivals.forget_others({each.digest for each in layers if each.media_type.may_unpack})
        watched = arguments.observer(progress, self.layout.progress)
        return index_files.index_files(self.layout, self.catalog, images, watched, unread)

    def drop_files_index(self) -> bool:
        """Remove the index of files; return whether there was one."""
        return self.catalog.drop_files_index()

    @as_step("read catalog")
    def history(self, name: str, platforms: Platforms = ()) -> tuple[HistoryStep, ...]:
        """Return the steps in which an image was built, oldest first, each with its layer if any.

        Raises:
            InvalidManifest: The config is malformed.
        """
        from cachedb.operations.files import layer_history

        return layer_history.steps(self.layout, self._layers(name, platforms))

    @as_step("read catalog")
    def inspect_image(self, name: str) -> CachedImage:
        """Return the manifests of an image, with platforms, sizes and numbers of layers.

        Raises:
            InvalidInput: The digest is that of a blob and not of an image.
        """
        from cachedb.operations.archives import inspect_image

        return inspect_image.inspect(self.layout, self.find_image(name))

    def document(self, name: str) -> bytes:
        """Return the bytes of the manifest, index or other blob that a name or digest resolves to.

        Raises:
            LimitExceeded: The blob is larger than a document may be.
            CorruptBlob: Its bytes have another digest.
        """
        from cachedb.limits import MANIFEST_BYTES

        return self.layout.blobs.read(self.find_root(name).digest, MANIFEST_BYTES)

    def config(self, name: str, platforms: Platforms = ()) -> bytes:
        """Return the bytes of the config of one platform of an image.

        Raises:
            CorruptBlob: Its bytes have another digest.
        """
        from cachedb.operations.transfer.local_graph import read_config

        return read_config(self.layout, self._layers(name, platforms).config)

    def _layers(self, name: str, platforms: Platforms) -> ImageLayers:
        from cachedb.operations.files.image_layers import find_layers
        from cachedb.operations.read import resolve

        with self.catalog.reading() as connection:
            image = resolve.find_image(connection, name)
        found = find_layers(self.layout, image, arguments.platforms(platforms))
        self._record_use(image.roots)
        return found

    @as_step("select images")
    def _all_layers(
        self, names: Names, where: Query | str | None
    ) -> tuple[list[ImageLayers], list[UnreadImage]]:
        """Find the layers of images; collect images whose documents cannot be read."""
        from cachedb.operations.files.image_layers import UnreadImage, find_all_layers

        found: dict[Digest, ImageLayers] = {}
        unread = []
        for root in self.targets(names, where):
            try:
                for image in find_all_layers(self.layout, root):
                    found.setdefault(image.digest, image)  # listed under the first of its names
            except CacheError as error:
                unread.append(UnreadImage(root.name or str(root.digest), None, error))
        return list(found.values()), unread

    def _listings(self) -> LayerListings:
        from cachedb.operations.files.image_layers import LayerListings

        return LayerListings(self.layout, self.catalog)
