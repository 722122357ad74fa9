"""Reading half of `Cache`: listings, queries, inspection and disk usage."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from cachedb import arguments
from cachedb.catalog import state
from cachedb.catalog.enums import INDEX_PROBLEMS
from cachedb.catalog.statements import refs
from cachedb.errors import CacheError, QueryError, StorageFailed
from cachedb.feedback.progress import as_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from cachedb.arguments import Names
    from cachedb.catalog.connect import Catalog
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statements.index.file_entries import FilesCoverageRow
    from cachedb.layout import Layout
    from cachedb.layout.unreadable_entry import UnreadableEntry
    from cachedb.oci import Digest, Platform
    from cachedb.operations.gc.mark import Kept
    from cachedb.operations.gc.remove import RemovalPlan
    from cachedb.operations.read.grouped_usage import GroupKey, GroupUsage
    from cachedb.operations.read.inspect import Inspection
    from cachedb.operations.read.listing import Listing
    from cachedb.operations.read.misspelled_values import Correction
    from cachedb.operations.read.resolve import ResolvedImage, Root
    from cachedb.operations.read.run_query import ExplainedQuery, QueryResult
    from cachedb.operations.read.saved_queries import SavedQuery
    from cachedb.operations.read.sbom import PackageListing, Sbom, SbomCoverage
    from cachedb.operations.read.tree import TreeNode
    from cachedb.operations.read.usage import ImageUsage, SetUsage, Usage
    from cachedb.operations.read.usage_tree import UsageBranch
    from cachedb.operations.read.why import Route
    from cachedb.operations.report.check import RuleResult
    from cachedb.operations.report.model import CacheReport, LayerShares
    from cachedb.operations.report.rules import RuleFile
    from cachedb.operations.sync.history import Event
    from cachedb.query.syntax.tree import Query


_T = TypeVar("_T")


class CacheReader:
    """Read an open cache; each method reads in one transaction of the catalog."""

    @property
    def layout(self) -> Layout:
        """The files of the cache."""
        raise NotImplementedError

    @property
    def catalog(self) -> Catalog:
        """The catalog of the cache."""
        raise NotImplementedError

    @as_step("select images")
    def list(self, where: Query | str | None = None) -> Sequence[Listing]:
        """List images, sorted by name; or those of the refs of a query, in its order if any.

        Raises:
            QueryError: The query is not one of refs.
        """
        from cachedb.operations.read import listing

        query, only = self._parsed(where), None
        if query is not None:
            from cachedb.operations.read import run_query
            from cachedb.operations.read.targets import refuse_other_sorts

            refuse_other_sorts(query)
            only = run_query.select_ids(self._with_uses(), query.sorted_by("name"))
        return self.answer(lambda ask: listing.list_images(ask, only))

    def iter_images(self) -> Iterator[Listing]:
        """Yield the images that `list` returns without a query; memory is that of a batch.

        Each batch is read in a transaction of its own: an image that is removed meanwhile may be
        left out.
        """
        from cachedb.operations.read import listing

        return listing.iter_images(self.catalog)

    def has_pins(self) -> bool:
        """Return whether an entry of index.json is pinned."""
        with self.catalog.reading() as connection:
            return connection.value(refs.PINNED) is not None

    def unreadable_entries(self) -> tuple[UnreadableEntry, ...]:
        """Return the entries of index.json that cannot be read, in the order of the file."""
        with self.catalog.reading() as connection:
            recorded = state.read(connection, INDEX_PROBLEMS) or "[]"
        if recorded == "[]":
            return ()
        from cachedb.layout.unreadable_entry import read_recorded

        return read_recorded(recorded)

    def configuration_problem(self) -> str | None:
        """Return why the configuration file of the cache is ignored; None if it is read."""
        if self.layout.is_own_trusted("cachedb.toml"):
            return None
        from cachedb.operations.read import cache_configuration

        return cache_configuration.problem(self.layout)

    @as_step("read catalog")
    def answer(self, answer: Callable[[Connection], _T]) -> _T:
        """Return the result of `answer`, which reads in one transaction of the catalog."""
        with self.catalog.reading() as connection:
            return answer(connection)

    def parse(self, text: str | Sequence[str], noun: str = "refs", /, **params: str) -> Query:
        """Parse a query that may use saved queries of this cache.

        `noun` is the noun of a query without one. `params` are the values of `$name`, which are
        bound and never parsed.

        Raises:
            QueryError: The query has a syntax error or a type error.
        """
        from cachedb.operations.read import saved_queries
        from cachedb.query.syntax.parser import parse

        saved = saved_queries.load(self.layout)
        try:
            return parse(text, noun=noun, saved=saved, params=params)
        except QueryError as error:
            from cachedb.operations.read.run_query import CatalogNames
            from cachedb.query.tools.rewrite.suggest import with_suggestion

            names = CatalogNames(self.catalog)
            raise with_suggestion(error, noun, saved, names) from error.__cause__

    @as_step("query")
    def query(self, query: Query | str, /, **params: str) -> QueryResult:
        """Run a query, parsed by `parse` if it is text; the result is a sequence of rows.

        The rows are named tuples, whose fields are the columns of the query. `to_dicts`,
        `to_columns` and `to_arrow` of the result convert them.

        Raises:
            QueryError: The query has a syntax error or a type error.
            LimitExceeded: The query takes longer than ``CACHEDB_LIMIT_QUERY_SECONDS``.
        """
        from cachedb.operations.read import run_query

        asked = self.parse(query, **params) if isinstance(query, str) else query
        return run_query.run_query(self._with_uses(), asked)

    def _parsed(self, where: Query | str | None) -> Query | None:
        return self.parse(where) if isinstance(where, str) else where

    @as_step("query")
    def sbom_coverage(self, query: Query) -> SbomCoverage | None:
        """Count refs without a readable SBOM for a query of packages; None for any other query."""
        from cachedb.operations.read import run_query, sbom

        if not run_query.reads_packages(self.catalog, query):
            return None
        with self.catalog.reading() as connection:
            return sbom.coverage(connection)

    @as_step("query")
    def files_coverage(self, query: Query) -> FilesCoverageRow | None:
        """Count refs without indexed files for a query of files; None for any other query."""
        from cachedb.operations.read import run_query

        return run_query.files_coverage(self.catalog, query)

    def tests_indexed_refs(self, query: Query) -> bool:
        """Return whether a query has the flag `indexed` of refs, which is about packages."""
        from cachedb.operations.read import run_query

        return run_query.tests_indexed_refs(self.catalog, query)

    @as_step("query")
    def correct_values(self, query: Query) -> Correction | None:
        """Replace values that the cache does not know by near ones; None if there are none.

        Costs an index lookup for each value; see `misspelled_values.correct`.
        """
        from cachedb.operations.read import misspelled_values

        return misspelled_values.correct(self.catalog, query)

    @as_step("query")
    def meant_where_empty(self, query: Query) -> str | None:
        """Return the query that was probably meant by one whose answer is empty, else None.

        Costs a few queries; see `misspelled_values.meant_where_empty`.
        """
        from cachedb.operations.read import misspelled_values, saved_queries

        return misspelled_values.meant_where_empty(
            self.catalog, query, saved_queries.load(self.layout)
        )

    def saved_queries(self) -> tuple[SavedQuery, ...]:
        """Return the saved queries of this cache, also those with errors."""
        from cachedb.operations.read import saved_queries

        return saved_queries.list_saved(self.layout)

    @as_step("read catalog")
    def explain(self, query: Query) -> ExplainedQuery:
        """Explain a query: canonical form, meaning, SQL and query plan; does not run it."""
        from cachedb.operations.read import run_query

        return run_query.explain(self.catalog, query)

    @as_step("query")
    def analyze(self, query: Query) -> ExplainedQuery:
        """Explain a query and run it, with rows and seconds of each of its parts."""
        from cachedb.operations.read import run_query

        return run_query.analyze(self._with_uses(), query)

    def find_root(self, text: str) -> Root:
        """Resolve a name or digest to its only root descriptor.

        Raises:
            AmbiguousName: Several documents have that name, also as platforms of one image.
            RefNotFound: There is no such name.
            BlobNotFound: There is no such blob.
        """
        from cachedb.operations.read import resolve

        return self.answer(lambda ask: resolve.find(ask, text))

    def find_image(self, text: str) -> ResolvedImage:
        """Resolve a name or digest to its image: one document, or one manifest a platform.

        Raises:
            AmbiguousName: Several images have that name.
            RefNotFound: There is no such name.
            BlobNotFound: There is no such blob.
        """
        from cachedb.operations.read import resolve

        return self.answer(lambda ask: resolve.find_image(ask, text))

    def find_roots(self, text: str) -> Sequence[Root]:
        """Resolve a name to the roots of its image, or a digest to every root that contains it."""
        from cachedb.operations.read import resolve

        return self.answer(lambda ask: resolve.find_roots(ask, text))

    @as_step("read catalog")
    def inspect(self, name: str) -> Inspection:
        """Return platforms, configuration and labels of an image."""
        from cachedb.operations.read import inspect, resolve

        with self.catalog.reading() as connection:
            return inspect.inspect(connection, self.layout, resolve.find_image(connection, name))

    @as_step("read catalog")
    def tree(self, name: str) -> TreeNode:
        """Return the tree of blobs that an image contains.

        Raises:
            LimitExceeded: The image is nested too deeply, or has too many documents.
        """
        from cachedb.operations.read import resolve, tree

        with self.catalog.reading() as connection:
            return tree.tree(connection, resolve.find_image(connection, name))

    def sboms(self, name: str, platform: Platform | str | None = None) -> Iterator[Sbom]:
        """Yield the SBOM documents of an image or of one platform, unchanged."""
        from cachedb.operations.read import resolve, sbom

        with self.catalog.reading() as connection:
            image = resolve.find_image(connection, name)
            yield from sbom.sboms(connection, self.layout, image, arguments.platform(platform))
        self._record_use(image.roots)

    @as_step("read catalog")
    def packages(self, name: str, platform: Platform | str | None = None) -> PackageListing:
        """List the packages in the SBOMs of an image or of one platform."""
        from cachedb.operations.read import resolve, sbom

        with self.catalog.reading() as connection:
            image = resolve.find_image(connection, name)
            listing = sbom.list_packages(connection, image, arguments.platform(platform))
        self._record_use(image.roots)
        return listing

    @as_step("read catalog")
    def why(self, digest: Digest | str) -> tuple[Route, ...]:
        """Return every ref that reaches a blob, each with one path to it."""
        from cachedb.operations.read import why as routes

        with self.catalog.reading() as connection:
            return routes.reaching(connection, arguments.digest(digest))

    @as_step("measure usage")
    def usage(self) -> Usage:
        """Measure total, shared and exclusive disk usage of every image, in bytes."""
        from cachedb.operations.read import usage

        with self.catalog.reading() as connection:
            return usage.measure(self.layout, connection)

    @as_step("measure usage")
    def usage_by(self, key: GroupKey, roots: Sequence[Root] | None = None) -> Sequence[GroupUsage]:
        """Measure images by registry, repository or platform; only some of them if given."""
        from cachedb.operations.read import grouped_usage

        with self.catalog.reading() as connection:
            return grouped_usage.measure_groups(connection, key, _refs_of(roots))

    @as_step("measure usage")
    def usage_tree(self, roots: Sequence[Root] | None = None) -> Sequence[UsageBranch]:
        """Measure registries, their repositories and the images in these; only some if given."""
        from cachedb.operations.read import usage_tree

        with self.catalog.reading() as connection:
            return usage_tree.measure_tree(connection, _refs_of(roots))

    @as_step("report")
    def report(self) -> CacheReport:
        """Compile the report on the whole cache: space, platforms, ages, sharing, findings."""
        from cachedb.operations.report import build

        return build.report(self.layout, self._with_uses())

    @as_step("report")
    def report_with_layers(self) -> tuple[CacheReport, LayerShares]:
        """Compile the report on the whole cache, and the layers of its images for a treemap."""
        from cachedb.operations.report import build

        return build.report_with_layers(self.layout, self._with_uses())

    @as_step("check rules")
    def check(self, file: RuleFile) -> Sequence[RuleResult]:
        """Run the queries of the rules of a file, and return the findings of each.

        Raises:
            InvalidInput: The query of a rule is not valid.
        """
        from cachedb.operations.report import check

        return check.check(self.layout, self._with_uses(), file)

    @as_step("select images")
    def targets(self, names: Names = (), where: Query | str | None = None) -> Sequence[Root]:
        """Return the roots of names and of a query; all roots if there is neither."""
        from cachedb.operations.read.targets import targets

        query = self._parsed(where)
        catalog = self.catalog if query is None else self._with_uses()
        return targets(catalog, arguments.names(names), query)

    @as_step("select images")
    def selected_names(self, where: Query | str) -> Sequence[str]:
        """Return a text for each image that a query selects: its name, ``name@digest`` or digest.

        A name is returned if all of its refs are selected.
        """
        from cachedb.operations.read.targets import selected_names

        query = self.parse(where) if isinstance(where, str) else where
        return selected_names(self._with_uses(), query)

    def usage_of(self, names: Names = (), where: Query | str | None = None) -> SetUsage:
        """Measure disk usage of several images together, in bytes."""
        return self.usage_of_roots(self.targets(names, where))

    @as_step("measure usage")
    def usage_of_roots(self, roots: Sequence[Root]) -> SetUsage:
        """Measure disk usage of several resolved images together, in bytes."""
        from cachedb.operations.read import usage

        with self.catalog.reading() as connection:
            return usage.measure_some(connection, roots)

    @as_step("measure usage")
    def usage_of_each(self, roots: Sequence[Root]) -> Sequence[ImageUsage]:
        """Measure disk usage of each of several resolved images, in bytes, the largest first."""
        from cachedb.operations.read import usage

        with self.catalog.reading() as connection:
            return usage.measure_each(connection, roots)

    @as_step("find shared blobs")
    def kept_besides(self, plan: RemovalPlan) -> Sequence[Kept]:
        """Return blobs of a plan's refs that other refs reach too, with one name each."""
        from cachedb.operations.gc import mark

        return mark.kept_besides(self.catalog, plan.ref_ids)

    @as_step("find shared blobs")
    def kept(self) -> Sequence[Kept]:
        """Return every blob that a ref reaches, with the first name of such a ref."""
        from cachedb.operations.gc import mark

        return mark.kept(self.catalog)

    def log(
        self,
        since: datetime | None = None,
        *,
        operations: Iterable[str] = (),
        names: Iterable[str] = (),
    ) -> Sequence[Event]:
        """Return the operations on this cache, newest first; at least the last 2000 are kept.

        `operations` and `names` select those of some kinds and on some names: whole ones, short
        ones, repositories, or beginnings of digests.

        Raises:
            InvalidInput: No operation has that name.
            StorageFailed: This user may not read ``.cachedb``, where the log is, or other users
                may write it.
        """
        from cachedb.operations.sync import history

        if not self.layout.is_private_trusted:
            raise StorageFailed(
                f"cannot read the log: {self.layout.private} is closed to this user, "
                "or other users can write it"
            )

        wanted = history.EventFilter(
            operations=frozenset(operations), names=tuple(names), since=since
        )
        return history.events(self.layout, wanted)

    def _with_uses(self) -> Catalog:
        """Return the catalog after entering recorded uses and pins."""
        from cachedb.operations.sync import history

        # On a read-only or locked cache, queries see the state of the last reconciliation.
        with suppress(CacheError):
            history.bring_up_to_date(self.layout, self.catalog)
        return self.catalog

    def _record_use(self, roots: Sequence[Root]) -> None:
        from cachedb.operations.sync import history

        history.record(
            self.layout,
            self.catalog,
            history.USE,
            names=[root.name for root in roots if root.name is not None],
            digests=[root.digest for root in roots if root.name is None],
        )


def _refs_of(roots: Sequence[Root] | None) -> Sequence[int] | None:
    """Return the ids of the refs among roots, None for None."""
    if roots is None:
        return None
    return [root.ref_id for root in roots if root.ref_id is not None]
