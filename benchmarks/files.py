"""Files inside the layers of images: index, differences, content and queries, beside tar and gzip.

    python -m benchmarks.files [ROW …] [--archive TAR …] [--megabytes 1000] [--images 1000]
                               [--repeat 3] [--json FILE] [--many FOLDER] [--trees FOLDER]

Each TAR is one layer of the measured image; files of this system are added as a last layer until
there are as many megabytes, with their directories: exactly 73 000 entries at 1000 megabytes.
Rows are `index`, `toc`, `diff`, `cat`, `size`, `refs`, `trees` and `empty`. Commands run in
turn; below each table is whether the minimum of the wall clock is within the target. `refs`
makes an index of many images, which takes minutes, in FOLDER: it is used again if it is there.
So does `trees`, which is measured if it is named: the archives of debootstrap's minbase (as
root) and of packages of Node.js that npm installs, in FOLDER. `empty`, which is measured if it
is named too, is about a layer of ten million empty files: time, peak memory, and the message
about the limit that it exceeds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.file_images import (
    EMPTY_FILES,
    LAST,
    LAZY,
    NAME,
    OTHER,
    REBUILT,
    debian,
    make_empty,
    make_many,
    make_measured,
    node,
    packed,
)
from benchmarks.timing import markdown, run, summary
from tests import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.timing import Run

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
QUERY = "refs file:/usr/bin/bash"


def main() -> None:
    """Make the images and measure the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=[row for row in ROWS if row not in _NAMED])
    parser.add_argument("--archive", action="append", default=[], type=Path)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--many", type=Path)
    parser.add_argument("--trees", type=Path)
    options = parser.parse_args()
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if set(options.rows) - {"refs", *_NAMED}:
            # In a process of its own: the peak memory of a child begins with that of its parent.
            _apart(make_measured, root, options.archive, options.megabytes * 1_000_000)
        for row in options.rows:
            found[row] = ROWS[row](root, options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def _apart(function: Callable[..., None], *arguments: object) -> None:
    process = multiprocessing.Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


# -- rows -----------------------------------------------------------------------------------------


def _index(root: Path, options: argparse.Namespace) -> object:
    layers = _layers(root, NAME)
    files = f"find {root}/tree -type f -print0 | xargs -0 sha256sum"
    beside = " && ".join([*(f"gzip -dc {layer} | tar tf -" for layer in layers), files])
    return _measure(
        f"index of an image of {_count(root)} files",
        {
            "gzip -dc | tar tf -, sha256sum": _shell(beside),
            "cachedb index files": _cachedb(root, "index", "files", NAME),
        },
        options,
        _ratio(1.25),
        lambda _: _drop(root),
    )


def _toc(root: Path, options: argparse.Namespace) -> object:
    layers = _layers(root, NAME)
    files = f"find {root}/tree -type f -print0 | xargs -0 sha256sum"
    beside = " && ".join([*(f"gzip -dc {layer} | tar tf -" for layer in layers), files])
    return _measure(
        "index of the same image in zstd:chunked, from its tables of contents",
        {
            "gzip -dc | tar tf -, sha256sum": _shell(beside),
            "cachedb index files": _cachedb(root, "index", "files", LAZY),
        },
        options,
        _ratio(0.1),
        lambda _: _drop(root),
    )


def _diff(root: Path, options: argparse.Namespace) -> object:
    found = {}
    for title, other in (("one more layer", OTHER), ("every layer rebuilt", REBUILT)):
        layers = dict.fromkeys([*_layers(root, NAME), *_layers(root, other)])
        both = " && ".join(f"gzip -dc {layer} | tar tf -" for layer in layers)
        command = _cachedb(root, "diff", NAME, other)
        _drop(root)
        found[f"{title}, not indexed"] = _measure(
            f"diff of two images, {title}, not indexed",
            {"gzip -dc | tar tf - of both": _shell(both), "cachedb diff": command},
            options,
            _ratio(1.3),
        )
        subprocess.run(_cachedb(root, "index", "files", NAME, other), check=True)
        found[f"{title}, indexed"] = _measure(
            f"diff of two images, {title}, indexed",
            {
                "cachedb find-root": _cachedb(root, "find-root", NAME),
                "cachedb diff": command,
            },
            options,
            _seconds(0.3),
        )
    return found


def _cat(root: Path, options: argparse.Namespace) -> object:
    last = _layers(root, NAME)[-1]
    return _measure(
        "content of a file in the last layer",
        {
            "gzip -dc | tar xO": _shell(f"gzip -dc {last} | tar xOf - {LAST}"),
            "cachedb cat": _cachedb(root, "cat", f"{NAME}:/{LAST}"),
        },
        options,
        _ratio(1.2),
    )


def _size(root: Path, options: argparse.Namespace) -> object:
    del options
    titles = (("no path is shared", [NAME]), ("each path twice", [NAME, REBUILT]))
    return {title: _bytes_each(root, f"index where {title}", names) for title, names in titles}


def _bytes_each(root: Path, title: str, names: Sequence[str]) -> float:
    """Index images anew; print and return the bytes of the index for each entry."""
    _drop(root)
    done = subprocess.run(
        _cachedb(root, "index", "files", "--format", "json", *names),
        check=True, capture_output=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    found: float = report["size"] / report["entries"]
    told = _Target(100, "bytes").told(found)
    print(f"{title}: {report['entries']} files, {found:.1f} bytes each; {told}", flush=True)
    return found


def _trees(root: Path, options: argparse.Namespace) -> object:
    folder: Path = options.trees or root / "trees"
    folder.mkdir(exist_ok=True)
    layers = [packed(make(folder).read_bytes()) for make in (debian, node)]
    images = {"Debian": [layers[0]], "Node.js": [layers[1]], "both": layers}
    build.layout(
        root / "cache",
        {f"example.com/{name.lower()}:1": build.image(*own) for name, own in images.items()},
    )
    return {
        name: _bytes_each(root, f"index of {name}", [f"example.com/{name.lower()}:1"])
        for name in images
    }


def _refs(root: Path, options: argparse.Namespace) -> object:
    cache: Path = options.many or root / "many"
    if not cache.exists():
        _apart(make_many, cache, options.images)
    size, files = _size_of_many(cache)
    print(f"index of {options.images} images: {files} files, {size / files:.1f} bytes each")
    command = [CACHEDB, "query", "-q", QUERY, "--cache", str(cache)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # so that the plan is kept
    measured = _measure(
        f"{QUERY}, over {options.images} images with {files} files",
        {
            "cachedb find-root": [CACHEDB, "find-root", "--cache", str(cache), "example.com/m:0"],
            "cachedb query": command,
        },
        options,
        _seconds(0.3),
    )
    return {"files": files, "bytes each": size / files, "measured": measured}


def _size_of_many(path: Path) -> tuple[int, int]:
    """Return the bytes of the index, and the entries in it."""
    (file,) = path.rglob("files.db")
    with closing(sqlite3.connect(file)) as driver:
        ((entries,),) = driver.execute("SELECT sum(entries) FROM layer")
    return file.stat().st_size, entries


def _empty(root: Path, options: argparse.Namespace) -> object:
    """Index a layer of more empty files than the limit; print what that costs, and its message."""
    del options
    _apart(make_empty, root)
    started = time.perf_counter()
    with (root / "message").open("wb") as message:
        process = subprocess.Popen(_cachedb(root, "index", "files", "--all"), stderr=message)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = {
        "files": EMPTY_FILES,
        "wall": time.perf_counter() - started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "exit code": process.returncode,
        "message": (root / "message").read_text(),
    }
    print(
        f"layer of {EMPTY_FILES} empty files: {found['wall']:.1f} s, CPU {found['cpu']:.1f} s, "
        f"{found['memory']:.0f} MiB, exit code {found['exit code']}\n{found['message']}",
        flush=True,
    )
    return found


ROWS = {
    "index": _index, "toc": _toc, "diff": _diff, "cat": _cat, "size": _size, "refs": _refs,
    "trees": _trees, "empty": _empty,
}  # fmt: skip
_NAMED = {"trees", "empty"}
"""Rows that are measured if they are named."""


# -- measuring ------------------------------------------------------------------------------------


def _layers(root: Path, name: str) -> list[str]:
    found: list[str] = json.loads((root / "layers.json").read_text())[name]
    return found


def _cachedb(root: Path, *words: str) -> list[str]:
    return [CACHEDB, *words, "--cache", str(root / "cache")]


def _shell(command: str) -> list[str]:
    return ["sh", "-c", command]


def _drop(root: Path) -> None:
    for path in (root / "cache").rglob("files.db*"):
        path.unlink()


def _count(root: Path) -> int:
    found = 0
    for layer in _layers(root, NAME):
        with tarfile.open(layer) as archive:
            found += sum(1 for _ in archive)
    return found


class _Target(NamedTuple):
    """A limit on a figure: a ratio to the first command, seconds, or bytes."""

    most: float
    unit: str

    def told(self, found: float) -> str:
        verdict = "within" if found <= self.most else "above"
        return f"{found:.2f} {self.unit}, {verdict} the target of {self.most:g}"


def _ratio(most: float) -> _Target:
    return _Target(most, "of the first")


def _seconds(most: float) -> _Target:
    return _Target(most, "s")


def _measure(
    title: str,
    commands: Mapping[str, Sequence[str]],
    options: argparse.Namespace,
    target: _Target,
    prepare: Callable[[str], None] = lambda _: None,
) -> object:
    there = {name: words for name, words in commands.items() if shutil.which(words[0])}
    runs: dict[str, list[Run]] = {name: [] for name in there}
    for _ in range(options.repeat):
        for name, words in there.items():
            prepare(name)
            runs[name].append(run(words, {}))
    print(markdown(title, runs), flush=True)
    found = summary(runs)
    first, *_, last = (row["wall_minimum"] for row in found.values())
    print(f"\n{target.told(last if target.unit == 's' else last / first)}", flush=True)
    return {"title": title, "commands": found}


if __name__ == "__main__":
    main()
