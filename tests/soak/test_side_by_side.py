"""Pulls side by side, and beside collections: every image arrives, and whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli.registry import serving_things
from tests.crash import oracle
from tests.soak import workers
from tests.soak.processes import Worker

BASE = build.layer({"base": "x" * 1000})
IMAGES = {
    f"team/app{number}:1": build.image(BASE, build.layer({"app": f"{number}" * 500}))
    for number in range(16)
}
GIB = 1 << 30


def pull(cache: Path, names: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cachedb", "pull", *names],
        env={**os.environ, "CACHEDB_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("processes", [4, pytest.param(16, marks=pytest.mark.campaign)])
def test_sixteen_pulls_at_once_are_sixteen_names(tmp_path: Path, processes: int) -> None:
    """The layout is made by the first process."""
    cache = tmp_path / "cache"
    with serving_things(IMAGES) as registry:
        names = [f"{registry.host}/{name}" for name in IMAGES]
        running = [pull(cache, names[number::processes]) for number in range(processes)]
        for process in running:
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
    digests = [thing.digest for thing in IMAGES.values()]
    assert oracle.names_of(cache) == dict(zip(names, digests, strict=True))
    assert build.Tree(cache).blobs() == set().union(*(t.digests for t in IMAGES.values()))
    with Cache.open(cache) as opened:
        assert opened.verify().is_clean


@pytest.mark.campaign
def test_collections_beside_the_pull_of_a_gibibyte_take_nothing_from_it(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    Cache.create(cache).close()
    big = build.Blob(os.urandom(1 << 20) * (GIB >> 20), build.OCI_LAYER)
    image = build.image(BASE, big)
    collector = Worker(workers.collect, cache)
    with serving_things({"team/big:1": image}) as registry:
        collector.start()
        with pull(cache, [f"{registry.host}/team/big:1"]) as process:
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err
        collector.kill()
    assert collector.errors == []
    assert collector.did > 1
    assert build.Tree(cache).blobs() == image.digests
    with Cache.open(cache) as opened:
        assert [str(each.health) for each in opened.list()] == ["complete"]
        assert opened.verify().is_clean
