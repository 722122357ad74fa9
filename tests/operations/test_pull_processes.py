"""Pulls in processes of their own, side by side."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.operations.processes import finished, running
from tests.operations.registries import on_disk
from tests.registry.holding_back import HoldingBack, holding_back

_MIB = 1 << 20
_PATIENCE = 30
BIG = build.layer({"big": bytes(range(256)) * (4 * _MIB // 256)}, media_type=build.OCI_LAYER)
IMAGE = build.image(BIG, build.layer({"small": ""}))


@pytest.fixture
def server() -> Iterator[HoldingBack]:
    with holding_back(IMAGE) as held:
        yield held


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Cache.create(tmp_path / "cache").close()
    return tmp_path / "cache"


def until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def part(folder: Path) -> int:
    """Return how much of the big layer is on the stage."""
    path = folder / ".cachedb" / "ingest" / f"sha256-{BIG.digest[7:]}.part"
    return path.stat().st_size if path.exists() else 0


def has_open(pid: int) -> bool:
    """Whether a process has opened the file that the big layer goes into."""
    name = f"sha256-{BIG.digest[7:]}.part"
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it may be closed by now
            if os.readlink(link).endswith(name):
                return True
    return False


def half_arrives(server: HoldingBack, folder: Path) -> None:
    assert server.begun.wait(_PATIENCE)
    until(lambda: part(folder) >= _MIB)


def downloads(server: HoldingBack) -> list[str | None]:
    """Return with which Range the big layer was asked for, each time."""
    return [range_ for method, path, range_ in server.requests
            if method == "GET" and path.endswith(BIG.digest)]  # fmt: skip


def test_two_processes_fetch_a_blob_once(server: HoldingBack, folder: Path) -> None:
    names = [f"{server.host}/a/x:1", f"{server.host}/b/y:1"]
    with running(folder, "pull", names[0]) as first, running(folder, "pull", names[1]) as second:
        half_arrives(server, folder)
        until(lambda: all(has_open(process.pid) for process in (first, second)))
        server.go_on.set()
        results = [finished(first), finished(second)]

    assert [code for code, _, _ in results] == [0, 0], results
    assert downloads(server) == [None]
    with Cache.open(folder) as cache:
        assert sorted(str(each.name) for each in cache.list()) == sorted(names)
        assert on_disk(cache) == IMAGE.digests
        assert cache.verify().is_clean
