"""Peak memory of reports, extrapolated from two sizes to 10 000 names and 200 000 blobs."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import layouts

BYTES = 150_000_000
BLOBS = 200_000
_PER_IMAGE = 20
_FEW, _MANY = 1_000, 2_000
"""Numbers of images; the catalog of the smaller layout fills the page cache of SQLite already."""
_MEASURE = """
import sys
from cachedb.cli.app import main
try:
    main()
finally:
    peak = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
    print(peak, file=sys.stderr)
"""
# Not ru_maxrss, in which Linux counts the process that started this one too.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("reports")
    paths = {images: folder / str(images) for images in (_FEW, _MANY)}
    for images, path in paths.items():
        layouts.make_layered(path, images)
        # The first opening writes the catalog, and the first report compiles its query.
        for words in (["ls"], ["report"]):
            command = [sys.executable, "-m", "cachedb", *words, "--cache", str(path)]
            subprocess.run(command, check=True, capture_output=True)
    return paths


def peak(cache: Path, *words: str) -> int:
    """Return the peak memory in bytes of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *words, "--cache", str(cache)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stderr.splitlines()[-1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--format", "json"), id="json"),
        pytest.param(("--format", "markdown"), id="markdown"),
        pytest.param(("--html", "-"), id="html"),
    ],
)
def test_a_report_of_200_000_blobs_takes_at_most_150_megabytes(
    made: dict[int, Path], words: tuple[str, ...]
) -> None:
    few, many = (peak(made[images], "report", *words) for images in (_FEW, _MANY))
    per_blob = (many - few) / ((_MANY - _FEW) * _PER_IMAGE)
    assert few + per_blob * (BLOBS - _FEW * _PER_IMAGE) <= BYTES
