"""Bulk work on a layout of many small images, as Markdown and JSON.

    python -m benchmarks.bulk [ROW…] [--images 1000] [--repeat 3] [--json FILE]
                              [--beside NAME=PROGRAM]

Rows: first-open, find-root, change, gc, gc-nothing, rm, verify, ls, ls-quiet, du, validate. Each
measures whole processes in turn: cachedb, other builds of it (`--beside`), and the tools on PATH
that do the same. 10 000 images are 72 000 blobs. Every run of a row that changes the layout gets a
copy of its own, which the same build has opened before; files are in the page cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import layouts
from benchmarks.timing import Run, markdown, run, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
NAME = "docker.io/bench/app-00000:v1"
HALF = "name:docker.io/bench/app-*[02468]:v1"
# From so many seconds on, the times of a copied layout prove that nothing has changed since.
SETTLED = 2.1


@dataclass(frozen=True)
class Row:
    """Work by its words after `cachedb` and the commands of other tools; PATH is the layout."""

    words: str
    peers: dict[str, str]
    is_opened: bool = True
    prepare: Callable[[Path], None] = lambda _: None
    changes: bool = False


ROWS = {
    "first-open": Row("ls --quiet", {}, is_opened=False, changes=True),
    "find-root": Row(
        f"find-root --quiet {NAME}", {"skopeo inspect": f"skopeo inspect --raw oci:PATH:{NAME}"}
    ),
    "change": Row("find-root docker.io/bench/new:v1", {}, prepare=layouts.extend, changes=True),
    "gc": Row(
        "gc --grace 0 --quiet",
        {"umoci gc": "umoci gc --layout PATH"},
        prepare=layouts.halve,
        changes=True,
    ),
    "gc-nothing": Row(
        "gc --grace 0 --quiet", {"umoci gc": "umoci gc --layout PATH"}, changes=True
    ),
    "rm": Row(f"rm --yes --where {HALF}", {}, changes=True),
    "verify": Row("verify --quiet", {"sha256sum": "find PATH/blobs -type f -exec sha256sum {} +"}),
    "ls": Row("ls", {"umoci ls": "umoci ls --layout PATH"}),
    "ls-quiet": Row("ls --quiet", {"umoci ls": "umoci ls --layout PATH"}),
    "du": Row("du", {}),
    "validate": Row("validate", {}),
}


class Scene:
    """A layout as another tool wrote it, and copies of it that each build has opened."""

    def __init__(self, root: Path, images: int) -> None:
        self._root = root
        self._made = root / "made"
        # In a process of its own: the peak memory of a child begins with the size of its parent.
        maker = multiprocessing.Process(target=layouts.make, args=(self._made, images))
        maker.start()
        maker.join()

    def layout(self, row: Row, build: str) -> Path:
        """Return the layout on which a build is to do the work of a row."""
        path = self._root / ("changed" if row.changes else f"opened{build.replace('/', '-')}")
        if row.changes:
            shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            subprocess.run(["cp", "-a", self._made, path], check=True)
            if row.is_opened:
                time.sleep(SETTLED)
                self._open(path, build)
        row.prepare(path)
        os.sync()  # unlinking a file waits for the disk while its content is being written
        return path

    def _open(self, path: Path, build: str) -> None:
        if Path(build).name == "cachedb":
            subprocess.run(
                [build, "ls", "--quiet", "--cache", path], check=True, stdout=subprocess.DEVNULL
            )


def measure(scene: Scene, row: Row, builds: dict[str, str], repeat: int) -> dict[str, list[Run]]:
    """Run the commands of a row in turn; return the runs of each."""
    commands = {f"{name} {row.words}": (build, [build, *row.words.split(), "--cache", "PATH"])
                for name, build in builds.items()}  # fmt: skip
    for name, text in row.peers.items():
        if shutil.which(text.split()[0]):
            commands[name] = (text.split()[0], text.split())
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, (build, words) in commands.items():
            path = str(scene.layout(row, build))
            found[name].append(run([word.replace("PATH", path) for word in words], {}))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    builds = {"cachedb": CACHEDB, **dict(text.split("=", 1) for text in options.beside)}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), options.images)
        for name in options.rows or ROWS:
            runs = measure(scene, ROWS[name], builds, options.repeat)
            print(markdown(f"{name}, {options.images} images", runs), flush=True)
            results[name] = summary(runs)
    if options.json:
        options.json.write_text(json.dumps({"images": options.images, "rows": results}, indent=1))


if __name__ == "__main__":
    main()
