"""Farm of a campaign: one cache that hosts share, its operations, and faults of their lines."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from cachedb.cache import Cache
from cachedb.catalog.enums import OWNER
from cachedb.catalog.index.derived_rows import facts
from cachedb.catalog.server.address import ServerAddress
from cachedb.catalog.server.catalog import ServerCatalog
from cachedb.operations.fleet import membership
from tests import build
from tests.cli.registry import serving_things
from tests.crash import oracle, scenarios
from tests.hosts import worker
from tests.hosts.host import Ended, Host, Running
from tests.hosts.proxy import Fault, Kind, Proxy, running
from tests.hosts.worker import Identity
from tests.postgresql import Server

CACHE = "c"
CHANGED = "docker.io/library/changed:1"
CUT_OFF, LEASE, BEAT = 1.0, 2.0, 0.5
"""Periods of the host that meets a fault, in seconds: 120, 120 and 30 of a real one."""
STATED = CUT_OFF + LEASE
"""Time after which no other host is blocked by one that has died."""
_MARGIN = 30.0
"""Time that commands may take themselves, on a machine that does other work."""
_BUSY, _STORAGE = 5, 9
_WRITTEN = "index.json is written, and not the catalog"


class Operation(NamedTuple):
    """A command, the cache that it starts from, and what it has to come to."""

    name: str
    arguments: tuple[str, ...]
    template: Path
    expected: oracle.Expected
    database: str
    """Database with the catalog of the template; empty if there is none before."""

    @property
    def is_published(self) -> bool:
        """Whether the catalog is in a file, and a copy of it in the server."""
        return self.name == "fleet-sync"


class Farm:
    """A cache of two hosts: the lines of the first one go through a proxy."""

    def __init__(self, server: Server, proxy: Proxy, folder: Path, registry: str) -> None:
        self.server, self.proxy, self._folder = server, proxy, folder
        self.database = server.make_database()
        self.cache = folder / "cache"
        self.victim = Host(Identity("host-a"), folder / "output-a")
        self.dying = Host(Identity("host-a", CUT_OFF, LEASE, BEAT), folder / "output-a")
        self.other = Host(Identity("host-b"), folder / "output-b")
        self.operations = dict(self._make(registry))

    @property
    def url(self) -> str:
        """URL of the catalog for the other host."""
        return self.server.url(CACHE, self.database)

    @property
    def through_proxy(self) -> str:
        """URL of the catalog for the host that meets faults."""
        return (
            f"postgresql+psycopg://postgres@127.0.0.1:{self.proxy.port}/{self.database}"
            f"?cache={CACHE}&sslmode=disable&gssencmode=disable"
        )

    def restore(self, operation: Operation) -> None:
        """Make a fresh copy of the cache that an operation starts from, and of its catalog."""
        self.proxy.clear()
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.copytree(operation.template, self.cache)
        source = operation.database or "template0"
        self.server.psql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self.server.psql(f"CREATE DATABASE {self.database} TEMPLATE {source}")
        if not operation.database:
            return
        self._own()
        if operation.is_published:
            with Cache.open(self.cache) as cache:
                membership.store(cache.layout, membership.Membership(url=self.through_proxy))
        else:
            Cache.open(self.cache, catalog=self.url).close()

    def messages(self, operation: Operation) -> int:
        """Run an operation without a fault; return how many messages it sends."""
        self.restore(operation)
        self.proxy.expect(None)
        ended = self._start(self.victim, operation, self.through_proxy).wait()
        assert ended.code == 0, ended.output
        count = self.proxy.count
        assert oracle.violations(self.cache, operation.expected, ended_well=True) == []
        return count

    def check(
        self, operation: Operation, fault: Fault, meanwhile: Callable[[], None] | None = None
    ) -> list[str] | None:
        """Let an operation meet a fault; return what is wrong afterwards; None if it did not."""
        self.restore(operation)
        return self.meet(operation, fault, meanwhile, url=self.through_proxy, others=self.url)

    def meet(
        self,
        operation: Operation,
        fault: Fault,
        meanwhile: Callable[[], None] | None,
        *,
        url: str,
        others: str,
    ) -> list[str] | None:
        """Let an operation meet a fault as `check` does, on a cache that was restored.

        `url` and `others` are the URLs of the catalog for the host that meets it, and for others.
        """
        self.proxy.expect(fault, meanwhile)
        # Short periods may end by themselves on a busy machine, which is an error like a fault.
        host = self.victim if fault.kind is Kind.DELAYED else self.dying
        running = self._start(host, operation, url)
        if fault.kind.is_silent:
            self.proxy.when_met(running.kill)
        ended = running.wait()
        self.proxy.wait()
        if not self.proxy.has_met:
            return None
        found = oracle.violations(self.cache, operation.expected, ended_well=ended.code == 0)
        found += self._judge(operation, fault, ended)
        if operation.is_published:
            found += self._after_publication(operation)
        else:
            found += self.other.call(
                worker.go_on, str(self.cache), others, operation.arguments, STATED + _MARGIN
            )
        return found + self.residues(operation, others)

    def residues(self, operation: Operation, url: str) -> list[str]:
        """Return what is left of an operation after a collection; what has a lease, once it ends.

        A lease whose release was lost keeps its blobs for the stated time.
        """
        found = oracle.residues(self.cache, operation.expected)
        if found and not operation.is_published:
            time.sleep(STATED)
            self.other.run(self.cache, "gc", "--grace", "0", catalog=url)
            found = oracle.residues(self.cache, operation.expected)
        return found

    def _start(self, host: Host, operation: Operation, url: str) -> Running:
        catalog = None if operation.is_published else url
        return host.start(self.cache, *operation.arguments, catalog=catalog)

    def _judge(self, operation: Operation, fault: Fault, ended: Ended) -> list[str]:
        """Judge what a command that has met a fault says of it."""
        if fault.kind.is_silent:
            return [] if ended.code is None else [f"it was not killed: {ended.output}"]
        lines = [line for line in ended.output.splitlines() if line.startswith("cachedb: ")]
        if ended.code == 0:
            return []
        if fault.kind is Kind.DELAYED:
            return [f"a late message is an error: {ended.output}"]
        if ended.code not in {_BUSY, _STORAGE} or "Traceback" in ended.output:
            return [f"ends with {ended.code}: {ended.output[-2000:]}"]
        if len(lines) != 1:
            return [f"{len(lines)} lines: {ended.output[-2000:]}"]
        return self._lies(operation, lines[0])

    def _lies(self, operation: Operation, line: str) -> list[str]:
        """Return what a message says, or leaves out, of the names that are in the files."""
        before, after = operation.expected.before, operation.expected.after
        if before == after:
            return []
        is_written = oracle.names_of(self.cache) == after
        if is_written and operation.name == "prune":  # which collects then, and may fail there
            return []
        if is_written != (_WRITTEN in line):
            return [f"the names are {'written' if is_written else 'as before'}, it says: {line}"]
        return []

    def _after_publication(self, operation: Operation) -> list[str]:
        """Publish again, and compare the copy with the catalog of the host."""
        self.proxy.clear()
        again = self.victim.run(self.cache, *operation.arguments)
        if again.code != 0:
            return [f"publishing again ends with {again.code}: {again.output}"]
        address = ServerAddress.parse(self.url)
        copy = ServerCatalog.connect_read_only(address, CACHE)
        with (
            closing(copy),
            Cache.open(self.cache) as cache,
            cache.catalog.reading() as ours,
            copy.reading() as theirs,
        ):
            difference = facts(ours) ^ facts(theirs)
        return [f"the copy differs in {len(difference)} facts"] if difference else []

    # -- templates ----------------------------------------------------------------------------

    def _make(self, registry: str) -> Iterator[tuple[str, Operation]]:
        app, tool = f"{registry}/t/app:1", f"{registry}/t/tool:2"
        archive = self._folder / "app.tar"
        archive.write_bytes(build.archive({app: scenarios.APP}))
        one, both = {tool: scenarios.TOOL}, {tool: scenarios.TOOL, app: scenarios.APP}
        new = "docker.io/library/new:3"
        tool_digest = scenarios.TOOL.digest
        yield self._template("first", ("ls",), both)
        pull = ("pull", "--insecure", registry, app)
        yield self._template("pull", pull, one, {app: scenarios.APP.digest})
        yield self._template("import", ("import", str(archive)), one, {app: scenarios.APP.digest})
        yield self._template("rm", ("rm", app), both, {app: None})
        yield self._template("tag", ("tag", tool, new), one, {new: tool_digest})
        yield self._template("gc", ("gc", "--grace", "0"), one, has_garbage=True)
        prune = ("prune", "--yes", "--drop", "tag:1", "--grace", "0")
        yield self._template("prune", prune, both, {app: None}, has_garbage=True)
        yield self._template("fleet-sync", ("fleet", "sync"), both)

    def _template(
        self,
        name: str,
        arguments: tuple[str, ...],
        named: dict[str, build.Thing],
        changes: dict[str, str | None] | None = None,
        *,
        has_garbage: bool = False,
    ) -> tuple[str, Operation]:
        path = self._folder / f"template-{name}"
        tree = build.layout(path, named)
        database = ""
        if name == "fleet-sync":
            database = self.server.make_database()
            with Cache.open(path) as cache:
                cache.join_fleet(self.server.url(CACHE, database))
                cache.tag(next(iter(named)), CHANGED)
        elif name != "first":
            database = self.server.make_database()
            Cache.open(path, catalog=self.server.url(CACHE, database)).close()
        if has_garbage:
            tree.put(*scenarios.APP.blobs, scenarios.ORPHAN)
        before = oracle.names_of(path)
        after = {**before, **(changes or {})}
        expected = oracle.Expected(
            before=before,
            after={key: digest for key, digest in after.items() if digest is not None},
            unsound={},
        )
        return name, Operation(name, arguments, path, expected, database)

    def _own(self) -> None:
        """Make the catalog that of the copy of the layout, whose identifier has another inode."""
        path = self.cache / ".cachedb" / "cache-id"
        owner = f"{path.read_text().strip()} {path.stat().st_ino}"
        self.server.psql(
            f"UPDATE {CACHE}.state SET value = '{owner}' WHERE key = '{OWNER}'", self.database
        )


@contextmanager
def opened(server: Server, fallback: Path, address: str = "127.0.0.1") -> Iterator[Farm]:
    """Set a farm up, in memory where that can be, with a registry at an address; clear it away."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="farm-", dir=scenarios.scratch(fallback)))
        stack.callback(shutil.rmtree, folder)
        registry = stack.enter_context(serving_things(scenarios.SERVED, address=address))
        proxy = stack.enter_context(running(server.folder / ".s.PGSQL.5432"))
        yield Farm(server, proxy, folder, registry.host)
