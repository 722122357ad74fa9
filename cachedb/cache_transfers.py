"""Transferring half of `Cache`: pull, push, copy, import and export."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from cachedb.cache_reader import CacheReader
from cachedb.catalog.user_state import uses
from cachedb.operations.read import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from cachedb.errors import CacheError
    from cachedb.oci import Platform, Reference
    from cachedb.operations.archives.export import ExportOptions, ExportPlan
    from cachedb.operations.archives.import_ import Imported, ImportOptions
    from cachedb.operations.transfer.copy import Copied, CopyOptions
    from cachedb.operations.transfer.progress import Progress
    from cachedb.operations.transfer.pull import PullOptions, PullReport
    from cachedb.operations.transfer.push import PushOptions, PushReport, Sending
    from cachedb.registry.client import Client


class CacheTransfers(CacheReader):
    """Move images between an open cache, registries and archives."""

    def pull(
        self,
        references: Sequence[Reference],
        connect: Callable[[str], Client],
        options: PullOptions,
        progress: Progress,
    ) -> PullReport:
        """Pull images from their registries, of which `connect` opens the client.

        An image that fails does not undo the others.

        Raises:
            CacheError: One image failed, with the reason.
            ExceptionGroup: Several images failed, each with a CacheError.
        """
        report = self.pull_each(references, connect, options, progress)
        _raise_failures([error for _, error in report.failures])
        return report

    def pull_each(
        self,
        references: Sequence[Reference],
        connect: Callable[[str], Client],
        options: PullOptions,
        progress: Progress,
    ) -> PullReport:
        """Pull images as `pull` does, but return the failures in the report."""
        from cachedb.operations.transfer.pull import pull

        return pull(self.layout, self.catalog, references, connect, options, progress)

    def plan_push(
        self,
        names: Sequence[str],
        remote_name: Reference | None = None,
        platforms: Sequence[Platform] = (),
    ) -> tuple[Sending, ...]:
        """Find the images of names, and their names in the registries.

        `platforms` are those of the options of the push; an image that is one manifest a platform
        is pushed for one of them.
        """
        from cachedb.operations.transfer import push

        return push.plan(self.catalog, names, remote_name, platforms)

    def push(
        self,
        sendings: Sequence[Sending],
        connect: Callable[[str], Client],
        options: PushOptions,
        progress: Progress,
    ) -> PushReport:
        """Push images to their registries, uploading only blobs that these do not have.

        An image that fails does not undo the others.

        Raises:
            CacheError: One image failed, with the reason.
            ExceptionGroup: Several images failed, each with a CacheError.
        """
        report = self.push_each(sendings, connect, options, progress)
        _raise_failures([error for _, error in report.failures])
        return report

    def push_each(
        self,
        sendings: Sequence[Sending],
        connect: Callable[[str], Client],
        options: PushOptions,
        progress: Progress,
    ) -> PushReport:
        """Push images as `push` does, but return the failures in the report."""
        from cachedb.operations.transfer.push import push

        report = push(self.layout, self.catalog, sendings, connect, options, progress)
        uses.record_use(self.catalog, names=[pushed.name for pushed in report.pushed])
        return report

    def copy(
        self,
        source: Reference,
        target: Reference,
        connect: Callable[[str], Client],
        options: CopyOptions,
        progress: Progress,
    ) -> Copied:
        """Pull an image and push it under another name; it stays in the cache."""
        from cachedb.operations.transfer.copy import copy

        copied = copy(self.layout, self.catalog, source, target, connect, options, progress)
        uses.record_use(self.catalog, names=[str(source)])
        return copied

    def import_archive(
        self, stream: BinaryIO, source: str, options: ImportOptions, progress: Progress
    ) -> Sequence[Imported]:
        """Import the images of an archive, all or none; `source` names it in errors.

        Raises:
            InvalidArchive: The archive is damaged, or no image in it is complete.
            Refused: A name belongs to another image, and `options` do not allow replacing it.
        """
        from cachedb.operations.archives.import_ import import_archive

        return import_archive(self.layout, self.catalog, stream, source, options, progress)

    def import_directory(
        self, folder: Path, options: ImportOptions, progress: Progress
    ) -> Sequence[Imported]:
        """Import the images of an OCI image layout, all or none; raises as `import_archive`."""
        from cachedb.operations.archives.import_ import import_directory

        return import_directory(self.layout, self.catalog, folder, options, progress)

    def plan_export(self, names: Sequence[str], options: ExportOptions) -> ExportPlan:
        """Plan an archive of images.

        Raises:
            BlobNotFound: A blob that the archive needs is missing.
            PlatformNotFound: An image does not have a platform of `options`.
        """
        from cachedb.operations.archives import export

        with self.catalog.reading() as connection:
            images = [resolve.find_image(connection, name) for name in names]
        return export.plan(self.layout, self.catalog, images, options)

    def export(self, plan: ExportPlan) -> Generator[bytes]:
        """Yield the bytes of the archive of a plan, hash every blob, and record the use.

        Raises:
            CorruptBlob: A blob has another hash; the archive ends incomplete.
        """
        uses.record_use(
            self.catalog,
            names=[image.name for image in plan.images if image.name is not None],
            digests=[image.digest for image in plan.images if image.name is None],
        )
        return plan.chunks(self.layout)


def _raise_failures(failures: Sequence[CacheError]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup(f"{len(failures)} images failed", failures)
