"""Transferring half of `Cache`: pull, push, copy, import and export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cachedb import arguments
from cachedb.cache_reader import CacheReader
from cachedb.feedback.progress import as_step

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from cachedb.arguments import Connect, Names, Observer, Platforms, References
    from cachedb.errors import CacheError
    from cachedb.oci import Digest, Reference
    from cachedb.operations.archives.export import Exported, ExportOptions, ExportPlan
    from cachedb.operations.archives.export_formats import Form
    from cachedb.operations.archives.import_ import Imported, ImportOptions
    from cachedb.operations.transfer.copy import Copied
    from cachedb.operations.transfer.pull import Pulled, PullOptions, PullReport
    from cachedb.operations.transfer.push import PushOptions, PushReport, Sending


class CacheTransfers(CacheReader):
    """Move images between an open cache, registries and archives."""

    def pull(
        self,
        names: References,
        *,
        platforms: Platforms = (),
        referrers: bool = False,
        trusted: Digest | None = None,
        force: bool = False,
        jobs: int | None = None,
        registries: Connect | None = None,
        progress: Observer | None = None,
    ) -> PullReport:
        """Pull images from their registries; one that fails does not undo the others.

        Present blobs are not transferred again, an interrupted pull is resumed, and a name
        appears when all of its blobs are stored.

        Args:
            names: References, such as ``alpine:3.20`` or ``ghcr.io/org/app@sha256:…``.
            platforms: Platforms to pull, such as ``linux/arm64``; every one if none is given.
                The whole index is kept.
            referrers: Pull signatures, SBOMs and other referrers as well.
            trusted: Digest to pull, in place of the one that the tag resolves to.
            force: Accept an image of another platform than requested.
            jobs: Number of parallel requests; by default two for each core, at most eight.
            registries: Clients of registries, such as `Registries`; without it, clients with
                the credentials of docker and podman, closed at the end.
            progress: Observer of the transfers, or a function that receives a line for each
                finished blob. It is called by several threads.

        Raises:
            InvalidReference: A name is not a reference; nothing was pulled.
            InvalidPlatform: A platform is not one; nothing was pulled.
            CacheError: One image failed, with the reason.
            ExceptionGroup: Several images failed, each with a CacheError whose note has the name.
        """
        from cachedb.operations.transfer.pull import PullOptions

        options = PullOptions(
            platforms=arguments.platforms(platforms),
            jobs=arguments.jobs(jobs),
            is_forced=force,
            has_referrers=referrers,
            trusted=trusted,
        )
        parsed = arguments.references(names)
        with arguments.connecting(registries) as connect:
            report = self.pull_each(parsed, connect, options, progress)
        _raise_failures("pull", [(name.familiar, error) for name, error in report.failures])
        return report

    def pull_each(
        self,
        references: Sequence[Reference],
        connect: Connect,
        options: PullOptions,
        progress: Observer | None = None,
    ) -> PullReport:
        """Pull images as `pull` does, but return the failures in the report."""
        from cachedb.operations.transfer.pull import pull

        watched = arguments.observer(progress, self.layout.progress)
        return pull(self.layout, self.catalog, references, connect, options, watched)

    def present(self, names: References, platforms: Platforms = ()) -> tuple[Pulled, ...]:
        """Return the images that are complete in the cache, for `platforms` or for all of them.

        No request is sent, so a tag may have moved in its registry.
        """
        from cachedb.operations.check import validate
        from cachedb.operations.transfer.pull import find_present

        wanted = arguments.platforms(platforms)
        with self.catalog.reading() as connection:
            return find_present(
                connection,
                arguments.references(names),
                lambda root: validate.is_whole(connection, root, wanted),
            )

    def plan_push(
        self,
        names: Names,
        remote_name: str | Reference | None = None,
        platforms: Platforms = (),
    ) -> tuple[Sending, ...]:
        """Find the images of names, and their names in the registries.

        `platforms` are those of the options of the push; an image that is one manifest a platform
        is pushed for one of them.

        Raises:
            RefNotFound: A name is not in the cache.
            InvalidInput: Several images would have one remote name.
        """
        from cachedb.operations.transfer import push

        target = None if remote_name is None else arguments.reference(remote_name)
        wanted = arguments.platforms(platforms)
        return push.plan(self.catalog, arguments.names(names), target, wanted)

    def push(
        self,
        names: Names,
        *,
        remote_name: str | Reference | None = None,
        platforms: Platforms = (),
        arch_tags: bool = False,
        override: bool = False,
        jobs: int | None = None,
        registries: Connect | None = None,
        progress: Observer | None = None,
    ) -> PushReport:
        """Push images to their registries, uploading only blobs that these do not have.

        An image that fails does not undo the others. Arguments as of `pull`, and:

        Args:
            names: Names of images in the cache.
            remote_name: Name to push the only image to.
            platforms: Platforms to push; every one if none is given.
            arch_tags: Tag each platform as well: ``TAG-amd64``, ``TAG-arm-v7``.
            override: Replace an image that has the tag; without it, two indexes are merged.
            jobs: Number of parallel requests.
            registries: Clients of registries.
            progress: Observer of the transfers.

        Raises:
            CacheError: One image failed, with the reason.
            ExceptionGroup: Several images failed, each with a CacheError whose note has the name.
        """
        options = _push_options(platforms, arch_tags=arch_tags, override=override, jobs=jobs)
        planned = self.plan_push(names, remote_name, options.platforms)
        with arguments.connecting(registries) as connect:
            report = self.push_each(planned, connect, options, progress)
        failures = [(sending.target.familiar, error) for sending, error in report.failures]
        _raise_failures("push", failures)
        return report

    def push_each(
        self,
        sendings: Sequence[Sending],
        connect: Connect,
        options: PushOptions,
        progress: Observer | None = None,
    ) -> PushReport:
        """Push images as `push` does, but return the failures in the report."""
        from cachedb.operations.sync import history
        from cachedb.operations.transfer.push import push

        watched = arguments.observer(progress, self.layout.progress)
        report = push(self.layout, self.catalog, sendings, connect, options, watched)
        if report.pushed:
            history.record(
                self.layout,
                self.catalog,
                history.PUSH,
                names=[pushed.name for pushed in report.pushed],
                size=sum(pushed.sent for pushed in report.pushed),
            )
        return report

    def copy(
        self,
        source: str | Reference,
        target: str | Reference,
        *,
        platforms: Platforms = (),
        referrers: bool = True,
        arch_tags: bool = False,
        override: bool = False,
        jobs: int | None = None,
        registries: Connect | None = None,
        progress: Observer | None = None,
    ) -> Copied:
        """Pull an image and push it under another name; it stays in the cache.

        Arguments as of `pull` and `push`.

        Raises:
            CacheError: The pull or the push failed.
        """
        from cachedb.operations.sync import history
        from cachedb.operations.transfer.copy import CopyOptions, copy

        push = _push_options(platforms, arch_tags=arch_tags, override=override, jobs=jobs)
        ends = arguments.reference(source), arguments.reference(target)
        watched = arguments.observer(progress, self.layout.progress)
        options = CopyOptions(push=push, has_referrers=referrers)
        with arguments.connecting(registries) as connect:
            copied = copy(self.layout, self.catalog, *ends, connect, options, watched)
        history.record(
            self.layout,
            self.catalog,
            history.COPY,
            names=[copied.pulled.name, str(copied.pushed.target)],
            size=copied.pushed.sent,
        )
        return copied

    def import_(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        replace: bool = False,
        progress: Observer | None = None,
    ) -> Sequence[Imported]:
        """Import the images of an archive or of an OCI image layout, all or none.

        Args:
            path: Archive of OCI or of docker save, also compressed; or a directory.
            name: Name for the only image.
            replace: Replace other images that have the same names.
            progress: Observer, or a function that receives a line for each finished blob.

        Raises:
            InvalidArchive: The archive is damaged, or no image in it is complete.
            Refused: A name belongs to another image, and `replace` is not set.
            StorageFailed: The file cannot be read.
        """
        from cachedb.archive import input_file
        from cachedb.operations.archives.import_ import ImportOptions

        options = ImportOptions(name=name, may_replace=replace)
        if os.path.isdir(path):
            return self.import_directory(Path(path), options, progress)
        with input_file.opened(os.fspath(path)) as stream:
            return self.import_archive(stream, os.fspath(path), options, progress)

    def import_archive(
        self,
        stream: BinaryIO,
        source: str,
        options: ImportOptions,
        progress: Observer | None = None,
    ) -> Sequence[Imported]:
        """Import the images of an archive, all or none; `source` names it in errors.

        Raises:
            InvalidArchive: The archive is damaged, or no image in it is complete.
            Refused: A name belongs to another image, and `options` do not allow replacing it.
        """
        from cachedb.operations.archives.import_ import import_archive

        watched = arguments.observer(progress, self.layout.progress)
        return import_archive(self.layout, self.catalog, stream, source, options, watched)

    def import_directory(
        self, folder: Path, options: ImportOptions, progress: Observer | None = None
    ) -> Sequence[Imported]:
        """Import the images of an OCI image layout, all or none; raises as `import_archive`."""
        from cachedb.operations.archives.import_ import import_directory

        watched = arguments.observer(progress, self.layout.progress)
        return import_directory(self.layout, self.catalog, folder, options, watched)

    def export(
        self,
        names: Names,
        path: str | os.PathLike[str],
        *,
        format: Form | str = "oci",  # noqa: A002  (as the option --format)
        platforms: Platforms = (),
        name: str | Reference | None = None,
        force: bool = False,
    ) -> Sequence[Exported]:
        """Write images to an archive; the file is replaced when it is complete and durable.

        Args:
            names: Names of images in the cache.
            path: File to write, outside of the cache.
            format: ``oci``, ``docker`` (for docker load) or ``filesystem`` (tree of one image).
            platforms: Platforms to export: by default all in an OCI archive, else that of this
                machine.
            name: Name of the only image in the archive.
            force: Accept an image of another platform than requested.

        Raises:
            InvalidInput: The format does not exist, or the file would be inside of the cache.
            BlobNotFound: A blob that the archive needs is missing.
            PlatformNotFound: An image does not have a requested platform.
            CorruptBlob: A blob has another hash; no file is written.
        """
        from cachedb.archive import output_file
        from cachedb.operations.archives.export import ExportOptions
        from cachedb.operations.archives.export_formats import Form

        target = os.fspath(path)
        output_file.refuse_inside(self.layout.root, target)
        options = ExportOptions(
            form=Form.parse(format),
            platforms=arguments.platforms(platforms),
            name=None if name is None else str(arguments.reference(name).with_default_tag()),
            is_forced=force,
        )
        plan = self.plan_export(names, options)
        output_file.write(target, self.export_chunks(plan))
        return plan.images

    @as_step("plan export")
    def plan_export(self, names: Names, options: ExportOptions) -> ExportPlan:
        """Plan an archive of images.

        Raises:
            BlobNotFound: A blob that the archive needs is missing.
            PlatformNotFound: An image does not have a platform of `options`.
        """
        from cachedb.operations.archives import export
        from cachedb.operations.read import resolve

        with self.catalog.reading() as connection:
            images = [resolve.find_image(connection, name) for name in arguments.names(names)]
        return export.plan(self.layout, self.catalog, images, options)

    def export_chunks(self, plan: ExportPlan) -> Generator[bytes]:
        """Yield the bytes of the archive of a plan, hash every blob, and record the use.

        Raises:
            CorruptBlob: A blob has another hash; the archive ends incomplete.
        """
        from cachedb.operations.sync import history

        history.record(
            self.layout,
            self.catalog,
            history.EXPORT,
            names=[image.name for image in plan.images if image.name is not None],
            digests=[image.digest for image in plan.images if image.name is None],
        )
        return plan.chunks(self.layout)


def _push_options(
    platforms: Platforms, *, arch_tags: bool, override: bool, jobs: int | None
) -> PushOptions:
    from cachedb.operations.transfer.push import PushOptions
    from cachedb.operations.transfer.tag_update import Conflict

    return PushOptions(
        platforms=arguments.platforms(platforms),
        jobs=arguments.jobs(jobs),
        has_arch_tags=arch_tags,
        conflict=Conflict.REPLACE if override else Conflict.MERGE,
    )


def _raise_failures(verb: str, failures: Sequence[tuple[str, CacheError]]) -> None:
    """Raise the failure of one image, or a group; a note of each has the name of its image."""
    for name, error in failures:
        error.add_note(f"{verb} {name}")
    errors = [error for _, error in failures]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup(f"cannot {verb} {len(errors)} images", errors)
