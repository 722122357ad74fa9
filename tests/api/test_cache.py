"""`Cache` as a program uses it: text for values, one or several of them, and its lifetime."""

import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from cachedb import Cache, Digest, Platform, Progress, Query, Reference, Registries
from cachedb.catalog.connect import Catalog
from cachedb.errors import (
    InvalidDigest,
    InvalidInput,
    InvalidPlatform,
    InvalidReference,
    QueryError,
    RefNotFound,
    StorageFailed,
)
from cachedb.layout import Layout
from cachedb.operations.archives import sample_images as sample
from cachedb.operations.gc.retention import Policy
from cachedb.operations.sync import reconcile
from tests.registry.servers import Served

ARM = "linux/arm64"


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    sample.write(tmp_path)
    return tmp_path


@pytest.fixture
def cache(archives: Path) -> Iterator[Cache]:
    with Cache.create(archives / "cache") as opened:
        opened.import_(archives / "app.tar")
        opened.import_(str(archives / "tool.tar"))
        yield opened


def content(root: Path) -> dict[str, bytes]:
    """Return the files of a layout that other tools read."""
    paths = (root / "index.json", *(root / "blobs").rglob("*"))
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


# -- one or several, text or values ----------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        sample.APP,
        [sample.APP],
        (name for name in [sample.APP]),
        {sample.APP: 1},
    ],
    ids=["text", "list", "generator", "keys"],
)
def test_names_are_one_or_several(cache: Cache, names: object) -> None:
    (root,) = cache.targets(names)  # type: ignore[arg-type]
    assert root.name == sample.APP


@pytest.mark.parametrize(
    "platforms", [ARM, Platform.parse(ARM), [ARM], [Platform.parse(ARM)]],
    ids=["text", "value", "texts", "values"],
)  # fmt: skip
def test_platforms_are_text_or_values(cache: Cache, platforms: object) -> None:
    (found,) = cache.validate(sample.APP, platforms)  # type: ignore[arg-type]
    assert [str(each.platform) for each in found.platforms if not each.is_attestation] == [ARM]


def test_a_query_is_text_or_parsed(cache: Cache) -> None:
    parsed = cache.parse("arch:arm64")
    assert isinstance(parsed, Query)
    assert cache.list("arch:arm64") == cache.list(parsed)
    assert [image.name for image in cache.list("arch:arm64")] == [sample.APP]
    assert cache.usage_of((), "arch:arm64") == cache.usage_of(sample.APP)
    assert [root.name for root in cache.plan_removal((), "repo:tool").roots] == [sample.TOOL]


def test_a_digest_is_text_or_a_value(cache: Cache) -> None:
    layer = cache.query("layers sort -size limit 1")[0].digest
    assert cache.why(str(layer)) == cache.why(Digest(layer))
    with pytest.raises(InvalidDigest):
        cache.why("sha256:12")


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (QueryError, lambda cache: cache.list("arhc:arm64")),
        (InvalidPlatform, lambda cache: cache.validate((), "linux/")),
        (InvalidReference, lambda cache: cache.pull("two words")),
        (InvalidPlatform, lambda cache: cache.pull("app", platforms="linux/")),
        (InvalidInput, lambda cache: cache.pull("app", jobs=0)),
        (InvalidInput, lambda cache: cache.export(sample.APP, "app.tar", format="zip")),
        (RefNotFound, lambda cache: cache.export("absent", "app.tar")),
        (InvalidInput, lambda cache: cache.export(sample.APP, cache.root / "app.tar")),
        (StorageFailed, lambda cache: cache.import_("absent.tar")),
        (RefNotFound, lambda cache: cache.push("absent")),
    ],
    ids=["field", "platform", "reference", "pulled-platform", "jobs", "format", "exported",
         "inside", "file", "pushed"],
)  # fmt: skip
def test_bad_input_raises_an_error_of_cachedb_and_changes_nothing(
    cache: Cache, archives: Path, monkeypatch: pytest.MonkeyPatch, error: type, call: object
) -> None:
    monkeypatch.chdir(archives)
    before = content(cache.root)
    with pytest.raises(error):
        call(cache)  # type: ignore[operator]
    assert content(cache.root) == before


# -- transfers -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["oci", "docker", "filesystem"])
def test_export_writes_a_file_in_every_format(cache: Cache, archives: Path, form: str) -> None:
    (image,) = cache.export(sample.APP, archives / "out.tar", format=form, platforms="linux/amd64")
    assert image.name == sample.APP
    assert (archives / "out.tar").stat().st_size > 3_000_000


def test_an_exported_archive_is_imported_under_another_name(cache: Cache, archives: Path) -> None:
    cache.export(sample.TOOL, archives / "out.tar", name="other:1")
    with Cache.create(archives / "second") as second:
        (image,) = second.import_(archives / "out.tar")
    assert image.name == "docker.io/library/other:1"


def test_an_import_of_a_directory_reads_a_layout(cache: Cache, archives: Path) -> None:
    with Cache.create(archives / "second") as second:
        names = {image.name for image in second.import_(cache.root)}
        assert names == {sample.APP, sample.TOOL}


def test_images_are_pushed_pulled_and_copied_by_text(
    cache: Cache, registry: Served, archives: Path
) -> None:
    remote, copied = f"{registry.host}/api/tool:1", f"{registry.host}/api/copied:1"
    report = cache.push(sample.TOOL, remote_name=remote)
    lines: list[str] = []
    with Cache.create(archives / "second") as second, Registries() as registries:
        (pulled,) = second.pull(
            remote, platforms="linux/amd64", registries=registries, progress=lines.append
        ).pulled
        second.copy(remote, copied, registries=registries)
        assert [image.name for image in second.list()] == [remote]
    assert pulled.descriptor.digest == report.pushed[0].descriptor.digest
    assert any(line.endswith("3,010,560 bytes") for line in lines)


def test_an_observer_receives_every_finished_blob(
    cache: Cache, registry: Served, archives: Path
) -> None:
    class Counting(Progress):
        def __init__(self) -> None:
            self.finished: dict[Digest, int] = {}

        def finish(self, digest: Digest, size: int, how: str = "") -> None:  # noqa: ARG002
            self.finished[digest] = size

    remote = Reference.parse(f"{registry.host}/api/observed:1")
    cache.push(sample.TOOL, remote_name=remote)
    counting = Counting()
    with Cache.create(archives / "second") as second:
        second.pull([remote], progress=counting)
        layers = {row.digest: row.size for row in second.query("layers")}
    assert counting.finished.items() >= layers.items()


# -- plans and reports -----------------------------------------------------------------------


def test_a_repr_is_one_line_however_large_the_plan(cache: Cache, archives: Path) -> None:
    shown = [
        cache.plan_removal([sample.APP, sample.TOOL]),
        cache.plan_retention(Policy(drop=(cache.parse("repo:app"),))),
        cache.plan_collection(grace=0),
        cache.query("blobs"),
        cache.verify(),
        cache,
    ]
    cache.remove(cache.plan_removal(sample.APP))
    shown += [cache.plan_collection(grace=0), cache.collect(cache.plan_collection(grace=0))]
    for value in shown:
        assert "\n" not in repr(value)
        assert len(repr(value)) < 400, repr(value)
    assert "garbage=<19 Candidate>" in repr(shown[-2])


def test_plans_and_reports_cannot_be_changed(cache: Cache) -> None:
    plan = cache.plan_collection(grace=0)
    for value in (plan, cache.collect(plan), cache.plan_removal(sample.APP), cache.verify()):
        with pytest.raises(AttributeError):
            value.garbage = ()  # type: ignore[misc, union-attr]
        with pytest.raises(AttributeError):
            value.more = 1  # type: ignore[union-attr]


def test_a_removal_of_no_names_removes_nothing(cache: Cache) -> None:
    assert cache.plan_removal([]).roots == ()
    assert cache.remove(cache.plan_removal([])) == ()
    assert len(cache.list()) == 2


def test_prune_takes_a_policy_as_text(cache: Cache) -> None:
    cache.pin(sample.APP)
    plan = cache.plan_prune('version = 1\ndrop = ["repo:app", "repo:tool"]\nmax-size = "50G"')
    assert len(cache.list()) == 2
    assert [root.name for root in cache.prune(plan)] == [sample.TOOL]
    assert "\n" not in repr(plan)
    assert [image.name for image in cache.list()] == [sample.APP]


# -- lifetime and threads --------------------------------------------------------------------


def test_a_closed_cache_raises_as_a_closed_file(cache: Cache) -> None:
    cache.close()
    cache.close()
    assert repr(cache) == f"<Cache {str(cache.root)!r}, closed>"
    for call in (cache.list, cache.usage, cache.clean, lambda: cache.pull("app")):
        with pytest.raises(ValueError, match="operation on a closed cache"):
            call()


def test_closing_twice_does_not_close_a_descriptor_of_another_file(cache: Cache) -> None:
    cache.close()
    with open(os.devnull, "rb") as other:  # has the number that the cache had
        cache.close()
        assert other.read() == b""


def test_a_cache_that_is_not_closed_gives_its_descriptor_back(archives: Path) -> None:
    gc.collect()  # what earlier tests have left open
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        Cache.create(archives / "forgotten")
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_threads_share_a_cache(cache: Cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        listed = set(pool.map(lambda _: tuple(cache.list()), range(40)))
    assert len(listed) == 1


def test_threads_share_a_cache_whose_catalog_is_in_memory(cache: Cache) -> None:
    layout, catalog = Layout.open(cache.root), Catalog.in_memory()
    reconcile.reconcile(layout, catalog)
    with Cache(layout, catalog, is_in_memory=True) as shared:
        with ThreadPoolExecutor(8) as pool:
            listed = set(pool.map(lambda _: tuple(shared.list()), range(40)))
        inside = [len(shared.list()) for _ in shared.sboms(sample.APP)]
    assert len(listed) == 1
    assert set(inside) <= {2}


def test_threads_ask_the_cache_while_another_pulls(
    cache: Cache, registry: Served, archives: Path
) -> None:
    names = [f"{registry.host}/api/threads:{number}" for number in range(4)]
    for name in names:
        cache.push(sample.TOOL, remote_name=name)
    with Cache.create(archives / "filled") as filled:
        start = Barrier(3)

        def read() -> list[int]:
            start.wait()
            counts = []
            while not counts or counts[-1] < len(names):
                counts.append(len(filled.query("refs show name,digest").to_dicts()))
                if pulling.done():
                    pulling.result()
            return counts

        def pull() -> None:
            start.wait()
            for name in names:
                filled.pull(name)

        with ThreadPoolExecutor(3) as pool:
            pulling = pool.submit(pull)
            readers = [pool.submit(read) for _ in range(2)]
            seen = [reader.result() for reader in readers]
    assert all(counts == sorted(counts) for counts in seen), seen


def test_readers_see_every_change_of_a_writer_in_another_thread(
    cache: Cache, archives: Path
) -> None:
    before, copies = len(cache.list()), 6
    start = Barrier(4)

    def read(_: int) -> list[int]:
        start.wait()
        during = [len(cache.list()) for _ in range(10)]
        writing.result()
        return [*during, len(cache.list())]

    def write() -> None:
        start.wait()
        for number in range(copies):
            cache.import_(archives / "tool.tar", name=f"copy:{number}")

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(write)
        seen = list(pool.map(read, range(3)))
    assert all(counts == sorted(counts) for counts in seen), seen
    assert [counts[-1] for counts in seen] == [before + copies] * 3
