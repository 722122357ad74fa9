"""What verifying a blob costs, in system calls and memory, without a clock."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from tests import connections, strace

FEW, MANY = 100, 300
_VERIFY = """
import resource, sys
from pathlib import Path
from cachedb.cache import Cache
with Cache.open(Path(sys.argv[1])) as cache:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = cache.verify()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(found.blobs, after - before)
"""


@pytest.fixture
def made(tmp_path: Path) -> layouts.Made:
    return layouts.Made(tmp_path)


def opened_once(path: Path) -> Path:
    with Cache.open(path):
        return path


def system_calls(path: Path) -> tuple[Counter[str], int]:
    done = strace.run([sys.executable, "-c", _VERIFY, opened_once(path)])
    return done.calls, int(done.printed.split()[0])


def test_verification_hashes_a_small_blob_with_four_system_calls(
    made: layouts.Made,
) -> None:
    few, hashed_few = system_calls(made.of(FEW))
    many, hashed_many = system_calls(made.of(MANY))
    more = hashed_many - hashed_few
    assert more > (MANY - FEW) * layouts.OWN_BLOBS
    # A layout younger than two seconds is compared once more, which opens a hundred files.
    for name in ("openat", "read", "close"):
        assert many[name] - few[name] <= 1.15 * more, name


def test_verification_takes_at_most_a_kilobyte_of_memory_a_blob(made: layouts.Made) -> None:
    path = opened_once(made.of(2_000))
    done = subprocess.run(
        [sys.executable, "-c", _VERIFY, path], check=True, capture_output=True, text=True
    )
    blobs, grown = map(int, done.stdout.split())
    assert grown <= blobs


def test_verification_of_more_blobs_costs_no_more_statements(made: layouts.Made) -> None:
    counts: Counter[str] = Counter()
    for images in (FEW, MANY):
        with Cache.open(opened_once(made.of(images))) as cache:
            counter = connections.counting_statements(lambda: counts.update([str(images)]))  # noqa: B023
            with counter:
                assert cache.verify().blobs > images * layouts.OWN_BLOBS
    assert 0 < counts[str(FEW)] == counts[str(MANY)]
