"""Transfers whose connection is cut, at several offsets, through the real operations."""

import random

import pytest

from cachedb.cache import Cache
from cachedb.oci import Reference
from cachedb.operations.transfer import remote_inspect
from tests import build
from tests.operations.registries import Holding, connecting, fetch, on_disk, pull, push, put
from tests.registry import servers
from tests.registry.cutting import cutting

_MIB = 1 << 20
_SIZE = 3 * _MIB + 12_345
# Not compressed, and not to be compressed: the offsets are those of the connection.
NOISE = build.Blob(random.Random(6).randbytes(_SIZE), build.OCI_LAYER, "sha256:" + "0" * 64)
IMAGE = build.image(NOISE, build.layer({"small": ""}))
OFFSETS = [1, 700, 100_000, _MIB, 2 * _MIB + 1, _SIZE]


@pytest.fixture(scope="module")
def filled(registry: servers.Served) -> servers.Served:
    put(registry.host, "t/cut", IMAGE)
    return registry


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_pull_goes_on_where_it_was_cut(
    empty: Cache, filled: servers.Served, offset: int
) -> None:
    with cutting(filled.port, [("down", offset)]) as proxy:
        report = fetch(empty, proxy.host, "cut:1")
        assert proxy.connections >= 2
        # What was on its way when it was cut is asked for again, and no more.
        assert proxy.down < _SIZE + 3 * _MIB // 2
    assert report.pulled[0].fetched == sum(blob.size for blob in IMAGE.blobs)
    assert on_disk(empty) == IMAGE.digests
    assert empty.verify().is_clean


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_push_survives_a_cut(
    holding: Holding, empty: Cache, registry: servers.Served, offset: int
) -> None:
    with cutting(registry.port, [("up", offset)]) as proxy:
        name = f"{proxy.host}/t/up{offset}:1"
        pushed = push(holding({name: IMAGE}), name)
        assert proxy.connections >= 2
    assert pushed.descriptor.digest == IMAGE.digest
    fetch(empty, registry.host, f"up{offset}:1")
    assert on_disk(empty) == IMAGE.digests
    assert empty.verify().is_clean


def list_tags(host: str) -> list[str]:
    with connecting() as connect:
        return list(remote_inspect.list_tags(connect(host), Reference.parse(f"{host}/t/cut")))


@pytest.mark.parametrize("before_the_end", [1, 12, 100], ids=str)
def test_a_list_of_tags_survives_a_cut(filled: servers.Served, before_the_end: int) -> None:
    with cutting(filled.port, []) as proxy:
        list_tags(proxy.host)
        length = proxy.down
    with cutting(filled.port, [("down", length - before_the_end)]) as proxy:
        assert list_tags(proxy.host) == ["1"]
        assert proxy.connections == 2


def test_a_pull_survives_many_cuts_that_bring_something(
    empty: Cache, filled: servers.Served
) -> None:
    """In however many runs: each goes on where the one before stopped."""
    with cutting(filled.port, [("down", 400_000)] * 12) as proxy:
        runs = 1
        while pull(empty, proxy.host, "cut:1", jobs=1).failures:
            runs += 1
            assert runs < 12
        assert proxy.down < 2 * _SIZE
    assert on_disk(empty) == IMAGE.digests
    assert empty.verify().is_clean
