"""What transfers and short commands cost as processes: system calls, and memory.

Numbers of calls are those of whole processes, counted by strace; memory is the peak of a process
in a limited address space, so that an allocation beyond the limit fails in it.
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from tests import strace
from tests.operations.test_budgets import peak_memory
from tests.registry.servers import Served

LAYERS, LARGE = 60, 64 << 20
IMAGE, LAYER = "bench/image:1", 64 << 10
CALLS = "fsync,fdatasync,link,linkat,rename,renameat,unlink,unlinkat,connect,sendto,openat"
PROGRAM = """
from cachedb.layout import fingerprint
fingerprint._RACY_NS = 0  # the times of a layout that was made just now are proof
from cachedb.cli.entry import main
main()
"""
CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}


def make(path: Path, sizes: list[int]) -> Path:
    """Write a layout with one image, whose layers have these sizes, and open it."""
    writer = layouts.Writer(path)
    made = [writer.layer(os.urandom(size), 0) for size in sizes]
    writer.name(writer.image(CONFIG, made), "image")
    writer.finish()
    Cache.open(path).close()
    return path


def calls(words: str, cache: Path) -> Counter[str]:
    """Count the system calls of a command, with its threads."""
    command = [sys.executable, "-c", PROGRAM, *words.split(), "--cache", cache]
    return strace.count(command, only=CALLS)


@pytest.fixture(scope="module")
def pushed(registry: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The reference of an image with many small layers at a registry."""
    name = f"{registry.host}/{IMAGE}"
    with Cache.open(make(tmp_path_factory.mktemp("small") / "made", [LAYER] * LAYERS)) as cache:
        cache.push("image", remote_name=name)
    return name


def test_a_pull_of_many_layers_syncs_each_once_and_sends_one_request_for_it(
    pushed: str, tmp_path: Path
) -> None:
    found = calls(f"pull --quiet {pushed}", tmp_path / "cache")
    content = LAYERS + 2  # with the manifest and the config

    assert content <= found["fsync"] <= content + 14
    assert found["link"] + found["linkat"] == content
    assert content <= found["unlink"] + found["unlinkat"] <= content + 3
    # One HEAD resolves the tag; the rest are one GET for each blob and document.
    assert found["sendto"] == content + 1
    assert found["fdatasync"] <= 30  # six commits of five


def test_a_pull_of_what_is_there_sends_one_request_and_writes_no_file(
    pushed: str, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    calls(f"pull --quiet {pushed}", cache)

    found = calls(f"pull --quiet {pushed}", cache)

    assert found["sendto"] == 1
    assert not found["fsync"]
    assert not found["rename"] + found["renameat"] + found["link"] + found["linkat"]
    assert found["fdatasync"] <= 20  # four commits of five: leases, and the use
    assert found["unlink"] + found["unlinkat"] <= 1


def test_a_push_of_many_layers_asks_sends_and_closes_each_once(
    registry: Served, tmp_path: Path
) -> None:
    path = make(tmp_path / "made", [LAYER] * LAYERS)
    other = f"{registry.host}/bench/pushed:1"

    found = calls(f"push --quiet image --remote-name {other}", path)
    again = calls(f"push --quiet image --remote-name {other}", path)

    assert found["fsync"] <= 1  # the folder of leases
    assert found["connect"] <= 16
    # Each blob is looked for, its upload begun, and its content sent.
    assert found["sendto"] <= 8 * (LAYERS + 2)
    assert again["sendto"] <= LAYERS + 8


@pytest.mark.parametrize("words", ["find-root image", "ls --quiet"])
def test_a_short_command_syncs_nothing_and_connects_to_nothing(words: str, tmp_path: Path) -> None:
    path = make(tmp_path / "made", [LAYER] * 3)
    calls(words, path)

    found = calls(words, path)

    assert not found["fsync"] + found["fdatasync"] + found["sendto"]
    assert not found["rename"] + found["renameat"] + found["link"] + found["linkat"]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory in bytes")
def test_a_layer_is_never_in_memory_as_a_whole(registry: Served, tmp_path: Path) -> None:
    path = make(tmp_path / "made", [LARGE, LARGE])
    name = f"{registry.host}/bench/large:1"

    assert peak_memory(path, f"push --quiet image --remote-name {name}") <= 70
    assert peak_memory(tmp_path / "cache", f"pull --quiet {name}") <= 70
