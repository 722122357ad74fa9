"""Index of files from the bytes that arrive: layers are indexed when they are complete."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.feedback.progress import UNWATCHED, Progress
from cachedb.oci import Digest
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.files.index_files import FilesIndexed
from tests import build
from tests.operations.registries import fetch, put
from tests.registry import servers

BASE = build.layer({"etc/base": "b" * 4000})
UPPER = build.layer({f"usr/f{n}": str(n) * 500 for n in range(800)})
APP = build.image(BASE, UPPER)
NAME = "example.com/app:1"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.create(tmp_path / "cache") as opened:
        yield opened


def indexed(cache: Cache) -> dict[str, str | None]:
    with cache.catalog.reading_files() as connection:
        return {row.digest: row.problem for row in connection.each(statements.LAYERS)}


def take_in(cache: Cache, content: bytes) -> FilesIndexed:
    with cache.indexing_arrivals() as arrivals:
        images = cache.import_archive(io.BytesIO(content), "test.tar", ImportOptions(), UNWATCHED)
    return cache.index_arrived(arrivals, [str(image.descriptor.digest) for image in images])


@pytest.mark.parametrize(
    "style",
    [
        pytest.param(build.LINUXKIT, id="linuxkit"),
        pytest.param(build.SKOPEO, id="skopeo"),
    ],
)
def test_an_import_reads_layers_once_and_indexes_them(cache: Cache, style: build.Style) -> None:
    found = take_in(cache, build.archive({NAME: APP}, style))

    assert (found.read, found.known, found.entries) == (0, 2, 801)
    assert cache.query("files path:/etc/base is:visible").rows
    assert indexed(cache) == {BASE.digest: None, UPPER.digest: None}


def test_the_index_of_arrived_layers_is_that_of_layers_read_again(
    cache: Cache, tmp_path: Path
) -> None:
    archive = build.archive({NAME: APP})
    take_in(cache, archive)
    with Cache.create(tmp_path / "other") as other:
        other.import_archive(io.BytesIO(archive), "test.tar", ImportOptions(), UNWATCHED)
        other.index_files()

        query = "files show layer,path,type,size,mode,digest sort path"
        assert cache.query(query).rows == other.query(query).rows


def test_layers_that_were_here_before_are_read_from_the_layout(cache: Cache) -> None:
    archive = build.archive({NAME: APP})
    cache.import_archive(io.BytesIO(archive), "test.tar", ImportOptions(), UNWATCHED)

    assert take_in(cache, archive).read == 2


def test_archives_that_are_no_layers_are_not_indexed(cache: Cache) -> None:
    chart = build.artifact(
        build.Blob(BASE.content, "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        artifact_type="application/vnd.cncf.helm.config.v1+json",
    )

    take_in(cache, build.archive({NAME: chart}))

    assert indexed(cache) == {}


def test_a_hostile_layer_is_a_finding_and_stops_no_import(cache: Cache) -> None:
    broken = build.Blob(gzip.compress(b"no tar" * 999), BASE.media_type, BASE.diff_id)

    found = take_in(cache, build.archive({NAME: build.image(BASE, broken)}))

    (layer,) = found.unreadable
    assert layer.digest == broken.digest
    assert f"layer {broken.digest}" in layer.why
    assert set(indexed(cache)) == {BASE.digest, broken.digest}


class Interrupting(Progress):
    """Interrupts the transfer of one blob in its middle."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def advance(self, digest: Digest, offset: int) -> None:
        if digest == self._digest and offset:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def registry(registry: servers.Served) -> servers.Served:
    put(registry.host, "t/app", APP)
    return registry


def test_a_pull_indexes_layers_while_they_arrive(cache: Cache, registry: servers.Served) -> None:
    with cache.indexing_arrivals() as arrivals:
        (pulled,) = fetch(cache, registry.host, "app:1").pulled
        assert set(indexed(cache)) == {BASE.digest, UPPER.digest}

    found = cache.index_arrived(arrivals, [pulled.name])

    assert (found.read, found.known, found.entries) == (0, 2, 801)


def test_an_interrupted_pull_keeps_the_layers_that_it_finished(
    cache: Cache, registry: servers.Served
) -> None:
    with pytest.raises(KeyboardInterrupt), cache.indexing_arrivals():
        fetch(cache, registry.host, "app:1", jobs=1, progress=Interrupting(BASE.digest))
    assert set(indexed(cache)) == {UPPER.digest}  # the larger one comes first

    with cache.indexing_arrivals() as arrivals:
        (pulled,) = fetch(cache, registry.host, "app:1").pulled

    assert cache.index_arrived(arrivals, [pulled.name]).read == 0
