"""Run the comparisons of `make bench`: ``python -m benchmarks [IMAGES]`` (default 1000)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import layouts
from benchmarks.timing import compare

CACHEDB = str(Path(sys.executable).with_name("cachedb"))


def main(images: int) -> None:
    """Write a layout of `images` images and run every comparison on it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        layouts.make(root / "made", images)
        _first_open(root)
        _copy(root / "made", root / "warm")
        subprocess.run([CACHEDB, "ls", "--quiet", "--cache", str(root / "warm")],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        _list(root)
        _resolve(root, images)
        _verify(root)
        _collect(root, images)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _first_open(root: Path) -> None:
    compare(
        "first open of a layout that another tool made",
        {"cachedb ls": [CACHEDB, "ls", "--quiet", "--cache", str(root / "new")]},
        repeat=3,
        prepare=lambda _: _copy(root / "made", root / "new"),
    )


def _list(root: Path) -> None:
    warm = str(root / "warm")
    floor = "import json; print(*(m['annotations'] for m in json.load(open('%s'))['manifests']))"
    compare(
        "list the names",
        {
            "cachedb ls": [CACHEDB, "ls", "--cache", warm],
            "cachedb query refs": [CACHEDB, "query", "refs", "--cache", warm],
            "umoci ls": ["umoci", "ls", "--layout", warm],
            "python json floor": [sys.executable, "-c", floor % f"{warm}/index.json"],
        },
    )


def _resolve(root: Path, images: int) -> None:
    warm, name = str(root / "warm"), f"docker.io/bench/app-{images // 2:05}:v1"
    compare(
        "resolve one name",
        {
            "cachedb find-root": [CACHEDB, "find-root", "--quiet", name, "--cache", warm],
            "skopeo inspect --raw": ["skopeo", "inspect", "--raw", f"oci:{warm}:{name}"],
        },
    )


def _verify(root: Path) -> None:
    warm = str(root / "warm")
    every = f"find {warm}/blobs -type f | xargs sha256sum"
    compare(
        "hash every blob",
        {
            "cachedb verify": [CACHEDB, "verify", "--quiet", "--cache", warm],
            "sha256sum": ["sh", "-c", every],
        },
        repeat=3,
    )


def _collect(root: Path, images: int) -> None:
    """Compare collectors on a layout of which half of the names were removed."""
    half = root / "half"
    writer = layouts.make(half, images)
    writer.finish(slice(0, images // 2))
    scratch = root / "scratch"

    def prepare(name: str) -> None:
        _copy(half, scratch)
        if name.startswith("cachedb"):
            subprocess.run([CACHEDB, "ls", "--quiet", "--cache", str(scratch)],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip

    gc = [CACHEDB, "gc", "--grace", "0", "--quiet", "--cache", str(scratch)]
    compare(
        "collect after half of the names are gone",
        {
            "cachedb gc": gc,
            "cachedb gc --dry-run": [*gc, "--dry-run"],
            "umoci gc": ["umoci", "gc", "--layout", str(scratch)],
        },
        repeat=3,
        prepare=prepare,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
