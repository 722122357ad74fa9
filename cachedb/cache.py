"""Public API: `Cache`, an image layout with a catalog of its content."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cachedb import arguments
from cachedb.cache_files import CacheFiles
from cachedb.cache_retention import CacheRetention
from cachedb.cache_transfers import CacheTransfers
from cachedb.closing import Closing
from cachedb.feedback.progress import as_step
from cachedb.fleet.publishing import CacheFleet
from cachedb.layout import Layout
from cachedb.operations.gc.grace import GRACE_SECONDS
from cachedb.operations.sync import open_catalog

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from os import PathLike

    from cachedb.arguments import Connect, Names, Observer, Platforms
    from cachedb.catalog.connect import Catalog
    from cachedb.oci import Reference
    from cachedb.operations.check.findings import Finding
    from cachedb.operations.check.repair import Repair
    from cachedb.operations.check.validate import Validation
    from cachedb.operations.check.verify import Verification
    from cachedb.operations.gc.mark import GCPlan
    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.gc.sweep import GCReport
    from cachedb.operations.sync.rebuild import Rebuilt
    from cachedb.operations.transfer.pull import PullOptions, PullReport
    from cachedb.query.syntax.tree import Query


class Cache(CacheTransfers, CacheFiles, CacheRetention, CacheFleet, Closing):
    """OCI image layout with a catalog of its content; a context manager.

    Opening reconciles the catalog with the files. The catalog of a read-only cache is used if it
    is up to date, else the catalog that the user keeps of it, or one in memory. On a full disk the
    catalog is in memory until `collect` frees space. With `catalog`, a URL of PostgreSQL, it is in
    that server.
    """

    def __init__(
        self, layout: Layout, catalog: Catalog | None, *, is_in_memory: bool = False
    ) -> None:
        self._layout = layout
        self._catalog = catalog
        self._is_in_memory = is_in_memory
        self._is_closed = False

    @property
    def layout(self) -> Layout:
        """The files of the cache."""
        self._check_open()
        return self._layout

    @property
    def catalog(self) -> Catalog:
        """The catalog of the cache."""
        self._check_open()
        if self._catalog is None:
            raise ValueError(f"the cache was opened without its catalog: {str(self.root)!r}")
        return self._catalog

    @property
    def root(self) -> Path:
        """The directory of the cache."""
        return self._layout.root

    def __repr__(self) -> str:
        closed = ", closed" if self._is_closed else ""
        return f"<Cache {str(self.root)!r}{closed}>"

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(f"operation on a closed cache: {str(self.root)!r}")

    @classmethod
    def open(
        cls,
        root: str | PathLike[str],
        *,
        catalog: str | None = None,
        progress: Observer | None = None,
    ) -> Self:
        """Open an existing cache.

        `progress` observes the long steps of opening and of every method, unless a method is given
        another observer; it is called by several threads. The first opening of a layout reads
        every document in it.

        Raises:
            CacheNotFound: There is no such directory.
            NotALayout: It is not an OCI image layout.
            SchemaTooNew: A newer cachedb has written its catalog.
            StorageFailed: The server of the catalog cannot be reached, or refuses the user.
            CatalogOfAnother: The catalog in the server is that of another cache.
        """
        return cls._of(Layout.open(Path(root)), catalog, progress)

    @classmethod
    def open_files(cls, root: str | PathLike[str]) -> Self:
        """Open an existing cache without its catalog: for its log, policy and saved queries.

        These work also where the server of the catalog cannot be reached. All else raises
        ValueError.

        Raises:
            CacheNotFound: There is no such directory.
            NotALayout: It is not an OCI image layout.
        """
        return cls(Layout.open(Path(root)), None)

    @classmethod
    def create(
        cls,
        root: str | PathLike[str],
        *,
        catalog: str | None = None,
        progress: Observer | None = None,
    ) -> Self:
        """Open a cache as `open` does; create it first if the directory is absent or empty.

        Raises:
            NotALayout: The directory holds other files and no layout.
            StorageFailed: The file system refused, or the server of the catalog.
            CatalogOfAnother: The catalog in the server is that of another cache.
        """
        return cls._of(Layout.create(Path(root)), catalog, progress)

    @contextmanager
    def forecast(
        self, references: Sequence[Reference], connect: Connect, options: PullOptions
    ) -> Iterator[tuple[Cache, PullReport]]:
        """Yield the cache as it will be after `pull_each`, for plans, and the report of that.

        Documents and configs are read from the registries, layers are not. Names that are removed
        from the forecast stay in this cache.

        Raises:
            StorageFailed: The pull would need more space than is free.
        """
        from tempfile import TemporaryDirectory

        from cachedb.operations.transfer import pull
        from cachedb.operations.transfer.forecast_layout import ForecastLayout

        copy = self.catalog.copied()
        with (
            TemporaryDirectory(prefix="cachedb-") as folder,
            Layout.create(Path(folder)) as scratch,
        ):
            layout = ForecastLayout.over(self.layout, scratch)
            with Cache(layout, copy) as future:
                yield future, pull.forecast(layout, copy, references, connect, options)

    @staticmethod
    def examine(
        root: str | PathLike[str],
        *,
        catalog: str | None = None,
        progress: Observer | None = None,
    ) -> Sequence[Finding]:
        """Diagnose a cache, also one that cannot be opened; changes nothing and takes no lock.

        Raises:
            CacheNotFound: There is no such directory.
        """
        from cachedb.operations.check import doctor

        with Layout.open_as_found(Path(root)) as layout:
            layout.progress = arguments.observer(progress)
            return doctor.examine(layout, open_catalog.place_of(layout, catalog))

    @staticmethod
    def rebuild(
        root: str | PathLike[str],
        *,
        catalog: str | None = None,
        progress: Observer | None = None,
    ) -> Rebuilt:
        """Rebuild the catalog of a cache from its files; keep user state that is still valid."""
        from cachedb.operations.sync import rebuild

        with Layout.open(Path(root)) as layout:
            layout.progress = arguments.observer(progress)
            return rebuild.rebuild(layout, open_catalog.place_of(layout, catalog))

    @staticmethod
    def restore_names(root: str | PathLike[str], *, catalog: str | None = None) -> int:
        """Replace an unreadable index.json by its last copy; return the number of its names.

        Raises:
            NotFound: The catalog holds no copy.
        """
        from cachedb.operations.sync import rebuild

        with Layout.open_as_found(Path(root)) as layout:
            return rebuild.restore_names(layout, open_catalog.place_of(layout, catalog))

    @staticmethod
    def attach(root: str | PathLike[str], catalog: str) -> str:
        """Make a catalog in a server that of this cache; return its name.

        It is the one that the URL `catalog` names, else that of the identifier of the cache. The
        cache that it was of before cannot use it any more.

        Raises:
            InvalidInput: The URL is malformed, or names no catalog.
            CatalogMismatch: There is no such catalog.
            StorageFailed: The server cannot be reached, or the cache is read-only.
        """
        server_catalog = open_catalog.server_catalogs()
        with Layout.open(Path(root)) as layout:
            return str(server_catalog.attach(layout, catalog))

    @staticmethod
    def detach(root: str | PathLike[str]) -> str:
        """Give a cache a new identifier, which is the name of its catalog in a server.

        A copy of a cache needs it. The catalog of the identifier before stays in its server.

        Raises:
            StorageFailed: The cache is read-only, or the file system refused.
        """
        server_catalog = open_catalog.server_catalogs()
        with Layout.open(Path(root)) as layout:
            return str(server_catalog.detach(layout))

    @classmethod
    def _of(cls, layout: Layout, catalog: str | None, progress: Observer | None) -> Self:
        try:
            layout.progress = arguments.observer(progress)
            opened = open_catalog.open_catalog(layout, catalog)
        except BaseException:
            layout.close()
            raise
        return cls(layout, opened.catalog, is_in_memory=opened.is_in_memory)

    def close(self) -> None:
        """Close the catalog and the directory; closing again has no effect.

        Every other method of a closed cache raises ValueError, like those of a closed file.
        """
        if not self._is_closed:
            if self._catalog is not None and self._catalog.has_changed:
                self.publish_changes()
            self._is_closed = True
            if self._catalog is not None:
                self._catalog.close()
            self._layout.close()

    def __del__(self) -> None:
        if not getattr(self, "_is_closed", True):
            self.close()

    def save_query(self, name: str, text: str, doc: str | None = None) -> None:
        """Save a query, which other queries use as ``@name``; `doc` is its description."""
        from cachedb.operations.read import saved_queries

        saved_queries.save(self.layout, name, text, doc)

    def forget_query(self, name: str) -> None:
        """Remove a saved query."""
        from cachedb.operations.read import saved_queries

        saved_queries.forget(self.layout, name)

    @as_step("validate")
    def validate(
        self,
        names: Names = (),
        platforms: Platforms = (),
        where: Query | str | None = None,
    ) -> Sequence[Validation]:
        """Check that declared blobs of images are present, from the catalog; all if no names."""
        from cachedb.operations.check import validate

        roots = self.targets(names, where)
        with self.catalog.reading() as connection:
            return validate.validate(connection, roots, arguments.platforms(platforms))

    def validate_deeply(
        self,
        names: Names = (),
        platforms: Platforms = (),
        where: Query | str | None = None,
    ) -> Sequence[Validation]:
        """Validate images as `validate`, and hash every blob and decompress every layer.

        What the index of files has from a false table of contents is replaced by what the archive
        has, and `index_files` does not use that table any more.
        """
        from cachedb.operations.check import deep_validation
        from cachedb.operations.files import false_tables

        roots = self.targets(names, where)
        wanted = arguments.platforms(platforms)
        distrust = partial(false_tables.distrust, self.layout, self.catalog)
        return deep_validation.validate_deeply(self.layout, self.catalog, roots, wanted, distrust)

    def verify(
        self,
        names: Names = (),
        *,
        where: Query | str | None = None,
    ) -> Verification:
        """Hash the blobs of images, or all blobs; record the results in the catalog."""
        from cachedb.operations.check import verify

        chosen: Collection[int] | None = None
        if names or where is not None:
            chosen = {root.blob_id for root in self.targets(names, where)}
        return verify.verify(self.layout, self.catalog, chosen)

    def repair(
        self,
        found: Verification,
        copies: Sequence[Path] = (),
        connect: Connect | None = None,
    ) -> Sequence[Repair]:
        """Replace corrupt and missing blobs from other layouts, then from registries."""
        from cachedb.operations.check import repair

        with ExitStack() as stack:
            layouts = tuple(stack.enter_context(Layout.open(copy)) for copy in copies)
            sources = repair.Sources(copies=layouts, connect=connect)
            return repair.repair(self.layout, self.catalog, found, sources)

    @as_step("collection")
    def clean(self) -> GCReport:
        """Remove all names, and all blobs that no running operation holds."""
        from cachedb.operations.gc import clean

        return clean.clean(self.layout, self.catalog)

    @as_step("find unreferenced blobs")
    def plan_collection(
        self,
        *,
        grace: float = GRACE_SECONDS,
        quarantine: float | None = None,
        after: RemovalPlan | None = None,
        where: Query | str | None = None,
    ) -> GCPlan:
        """Plan a collection of unreferenced blobs that match `where`, `after` a removal."""
        from cachedb.operations.gc import mark
        from cachedb.operations.read.targets import chosen_blobs

        query = self._parsed(where)
        return mark.plan(
            self.layout,
            self.catalog,
            grace=grace,
            quarantine=quarantine,
            without=() if after is None else after.ref_ids,
            chosen=None if query is None else chosen_blobs(self._with_uses(), query),
        )

    @as_step("collection")
    def collect(self, plan: GCPlan) -> GCReport:
        """Delete the blobs of a plan that are still unreferenced, and temporary files."""
        from cachedb.operations.gc import sweep

        if self._is_in_memory:
            self._catalog, self._is_in_memory = open_catalog.make_room(self.layout), False
        return sweep.apply(plan, self.layout, self.catalog)
