"""What only looks writes nothing: strace sees no call that changes anything in the cache."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import bench as benches
from tests.crash.bench import Bench

_LOCKS = re.compile(r"/index\.db\"|/\.lock\"|gc\.lock\"")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benches.opened(tmp_path_factory.mktemp("dry"), side_by_side=1) as opened:
        yield opened


def changes(trace: Path, cache: Path) -> list[str]:
    """Return the calls that change something, but for opening the database and its locks."""
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        is_reading = "openat(" in line and not re.search("O_CREAT|O_TRUNC", line)
        if str(cache) in line and not is_reading and not _LOCKS.search(line):
            found.append(line)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["gc", "--dry-run", "--grace", "0"],
        ["gc", "--dry-run", "--explain"],
        ["gc", "--dry-run", "--drop", "all()", "--keep", "example.com"],
        ["rm", "--dry-run", "APP"],
        ["ls"],
        ["du"],
        ["validate"],
        ["why", "DIGEST"],
        ["doctor"],
        ["query", "refs"],
    ],
    ids=" ".join,
)
def test_nothing_is_written(bench: Bench, arguments: list[str]) -> None:
    scenario, place = bench.scenarios["rm"], bench.places[0]
    bench.restore(scenario, place)
    app = scenario.arguments[1]
    digest = scenario.expected.before[app]
    given = [{"APP": app, "DIGEST": digest}.get(each, each) for each in arguments]
    trace = place.folder / "trace"
    ended = place.server.traced(["-y", "-o", str(trace)], place.cache, *given)
    assert ended.code in {0, 2}, ended.output
    assert trace.stat().st_size > 0
    mutating = re.compile(
        r"\b(openat|write|pwrite64|rename\w*|link\w*|unlink\w*|mkdir\w*|rmdir|ftruncate|"
        r"fallocate|fchmod\w*|fchown\w*|symlink\w*|utimensat)\("
    )
    lines = [line for line in changes(trace, place.cache) if mutating.search(line)]
    assert lines == []


def test_a_run_that_is_not_dry_does_write(bench: Bench) -> None:
    scenario = bench.scenarios["rm"]
    assert bench.points(scenario)
