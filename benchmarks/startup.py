"""Print the start-up table: processor time of whole commands on a cache of one image, as Markdown.

    python -m benchmarks.startup [--repeat 9] [--beside NAME=PROGRAM] [--instructions]

Milliseconds of processor (user and system) of whole processes, minimum and median of the repeated
runs, all commands in turn. Targets hold for a machine on which `import typer` takes 58 ms, and are
scaled by what it takes here. A minimum above the scaled target is bold. `--beside` adds columns
of another build of cachedb. `--instructions` counts millions of instructions of one run by
valgrind's callgrind instead, which does not depend on the load of the machine.

Beside cachedb: bare Python, its imports, a minimal typer program, and `skopeo inspect` and
`umoci ls` of the same layout, where they are installed. `pull` is a row where docker-registry is.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import layouts
from benchmarks.timing import run
from tests.registry.servers import docker_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Measure = Callable[[Sequence[str], dict[str, str]], float]
    Target = Callable[[Mapping[str, float]], tuple[float, float]]

LEAST = 9
# From so many seconds on, the times of a copied layout prove that nothing has changed since.
SETTLED = 2.1
NAME = "docker.io/bench/app-00000:v1"
MINIMAL = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def first(number: int = 1) -> None:
    "Do the first."
@app.command()
def second(number: int = 1) -> None:
    "Do the second."
"""
TYPER_MS = 58
"""Processor time of `import typer` on the machine of the targets."""
OTHER = "another program"
TYPER, REQUESTS = "`import typer`", "`import typer, requests`"
HELP, COMPLETION = "a minimal typer program, `--help`", "a minimal typer program, completion"


@dataclass(frozen=True)
class Row:
    """Work of cachedb, by its words after `cachedb`; each run of a row that changes has a copy.

    In `words`, CACHE is the layout of the run, and QUERY a query of a shape that is new in each.
    """

    name: str
    words: str
    target: Target
    """From the minima of the other programs to the milliseconds that the row may take.

    The first holds where `import typer` takes `TYPER_MS`, the second here.
    """
    copies: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def _at_most(milliseconds: float) -> Target:
    return lambda others: (milliseconds, milliseconds * others[TYPER] / TYPER_MS)


def _beside_typer(program: str) -> Target:
    """Return the target of 78 ms, and of 1.15 times a minimal typer program."""

    def target(others: Mapping[str, float]) -> tuple[float, float]:
        here = min(78 * others[TYPER] / TYPER_MS, 1.15 * others[program])
        return here * TYPER_MS / others[TYPER], here

    return target


def _above_imports(milliseconds: float) -> Target:
    """Return the target of some milliseconds above the imports of typer and requests."""

    def target(others: Mapping[str, float]) -> tuple[float, float]:
        here = others[REQUESTS] + milliseconds * others[TYPER] / TYPER_MS
        return here * TYPER_MS / others[TYPER], here

    return target


def _completing(*words: str) -> dict[str, str]:
    return {"COMP_WORDS": "\n".join(("cachedb", *words)), "COMP_CWORD": str(len(words)),
            "_CACHEDB_COMPLETE": "complete_bash", "CACHEDB_CACHE": "CACHE"}  # fmt: skip


ROWS = (
    Row("`--version`", "--version", _at_most(30)),
    Row("`--help`", "--help", _beside_typer(HELP)),
    Row("completion of a command", "", _beside_typer(COMPLETION), environment=_completing("sh")),
    Row("completion of an image", "", _beside_typer(COMPLETION),
        environment=_completing("show", "doc")),
    Row("`ls`", "ls", _at_most(80)),
    Row("`find-root NAME`", f"find-root {NAME}", _at_most(80)),
    Row("`show NAME`", f"show {NAME}", _at_most(125)),
    Row("`tree NAME`", f"tree {NAME}", _at_most(125)),
    Row("`why NAME`", f"why {NAME}", _at_most(125)),
    Row("`du`", "du", _at_most(125)),
    Row("`validate`", "validate", _at_most(125)),
    Row("`rm NAME`", f"rm {NAME}", _at_most(125), copies="removal"),
    Row("`gc --dry-run`", "gc --dry-run", _at_most(125)),
    Row("`query`, seen before", "query refs", _at_most(125)),
    Row("`gc` that removes one image", "gc --grace 0", _at_most(160), copies="collection"),
    Row("`import` of one small archive", "import ARCHIVE", _at_most(160), copies="import"),
    Row("`pull` of what is there", "pull IMAGE", _above_imports(60)),
    Row("`query`, not seen before", "query QUERY", _at_most(330)),
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """A build of cachedb, and a folder for its caches."""

    program: str
    folder: Path

    def call(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a command that is not measured."""
        subprocess.run(
            [self.program, *words], env=os.environ | environment, check=True, capture_output=True
        )


class Scene:
    """A layout of one image, caches of each build that hold it, and a registry that has it."""

    def __init__(self, root: Path, registry: str | None, copies: int) -> None:
        self._root = root
        self._copies = copies
        self._image = f"{registry}/bench/app:v1" if registry else None
        self.made = root / "made"
        layouts.make(self.made, 1)
        self._archive = root / "image.tar"
        self._write_archive()
        self._write_minimal()
        self._pushed = False

    @property
    def rows(self) -> list[Row]:
        """The rows that can be measured here."""
        return [row for row in ROWS if self._image or "IMAGE" not in row.words]

    def others(self) -> dict[str, tuple[Sequence[str], dict[str, str]]]:
        """Return the programs that cachedb is compared with, those that are installed."""
        minimal = [sys.executable, str(self._root / "minimal")]
        completing = {"COMP_WORDS": "minimal\nf", "COMP_CWORD": "1",
                      "_MINIMAL_COMPLETE": "complete_bash"}  # fmt: skip
        found: dict[str, tuple[Sequence[str], dict[str, str]]] = {
            "bare python": ([sys.executable, "-c", "pass"], {}),
            TYPER: ([sys.executable, "-c", "import typer"], {}),
            REQUESTS: ([sys.executable, "-c", "import typer, requests"], {}),
            HELP: ([*minimal, "--help"], {}),
            COMPLETION: (minimal, completing),
            "`skopeo inspect`": (["skopeo", "inspect", f"oci:{self.made}:{NAME}"], {}),
            "`umoci ls`": (["umoci", "ls", "--layout", str(self.made)], {}),
        }
        return {name: each for name, each in found.items() if shutil.which(each[0][0])}

    def prepare(self, build: Build) -> None:
        """Make the caches of a build, and open each once."""
        self._open(build, build.folder / "cache")
        build.call(["query", "refs"], self._environment(build.folder / "cache"))
        for number in range(self._copies):
            for row in ROWS:
                if row.copies:
                    self._open(build, build.folder / f"{row.copies}-{number}")
            build.call(["rm", NAME], self._environment(build.folder / f"collection-{number}"))
        if self._image:
            if not self._pushed:
                cache = self._environment(build.folder / "cache")
                build.call(["push", NAME, "--remote-name", self._image], cache)
                self._pushed = True
            build.call(["pull", self._image], self._environment(build.folder / "cache"))

    def command(self, build: Build, row: Row, number: int) -> tuple[Sequence[str], dict[str, str]]:
        """Return the words and the environment of one run of a row."""
        cache = build.folder / (f"{row.copies}-{number}" if row.copies else "cache")
        values = {"ARCHIVE": str(self._archive), "IMAGE": str(self._image),
                  # The values of a query make no new shape; its length does.
                  "QUERY": " or ".join(["size > 1"] * (number + 2))}  # fmt: skip
        words = [values.get(word, word) for word in row.words.split()]
        environment = {
            key: value.replace("CACHE", str(cache)) if value == "CACHE" else value
            for key, value in row.environment.items()
        }
        return [build.program, *words], environment | self._environment(cache)

    def _environment(self, cache: Path) -> dict[str, str]:
        return {"CACHEDB_CACHE": str(cache), "XDG_CACHE_HOME": str(cache.parent / "xdg")}

    def _open(self, build: Build, cache: Path) -> None:
        shutil.copytree(self.made, cache)
        build.call(["ls"], self._environment(cache))

    def _write_archive(self) -> None:
        layout = self._root / "more"
        writer = layouts.Writer(layout)
        config = {"architecture": "amd64", "os": "linux",
                  "rootfs": {"type": "layers", "diff_ids": []}}  # fmt: skip
        image = writer.image(config, [writer.layer(b"more" * 20)])
        writer.name(image, "docker.io/bench/more:v1")
        writer.finish()
        with tarfile.open(self._archive, "w") as archive:
            archive.add(layout, ".")

    def _write_minimal(self) -> None:
        (self._root / "minimal_program.py").write_text(MINIMAL)
        (self._root / "minimal").write_text("from minimal_program import app\napp()\n")


def milliseconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the milliseconds of processor of one process."""
    return run(command, environment).cpu * 1000


def instructions(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the millions of instructions of one process."""
    counting = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(
        counting, env=os.environ | environment, check=True, capture_output=True, text=True
    )
    (counted,) = re.findall(r"Collected : (\d+)", done.stderr)
    return int(counted) / 1e6


def measure(
    scene: Scene, builds: Mapping[str, Build], repeat: int, how: Measure
) -> dict[str, dict[str, list[float]]]:
    """Run everything in turn; return the figures by name of the row and of the build."""
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(repeat + 1):  # the first run writes .pyc files and is left out
        for name, (command, environment) in scene.others().items():
            found.setdefault(name, {}).setdefault(OTHER, []).append(how(command, environment))
        for row in scene.rows:
            for build, program in builds.items():
                figure = how(*scene.command(program, row, number))
                found.setdefault(row.name, {}).setdefault(build, []).append(figure)
    return {
        name: {build: figures[1:] for build, figures in each.items()}
        for name, each in found.items()
    }


def table_of_times(
    found: Mapping[str, Mapping[str, Sequence[float]]], builds: Sequence[str]
) -> str:
    """Return a table of targets, minima and medians, in Markdown."""
    minima = {name: min(each[OTHER]) for name, each in found.items() if OTHER in each}
    targets = {row.name: row.target(minima) for row in ROWS}
    columns = [f"{each}: {what}" for each in builds for what in ("minimum", "median")]
    lines = _head("command", "target", "here", *columns)
    for name, each in found.items():
        target = targets.get(name)
        cells = [name, *(("", "") if target is None else (f"{each:.0f}" for each in target))]
        for build in builds:
            figures = _figures(each, build, builds)
            if not figures:
                cells += ["", ""]
                continue
            is_missed = target is not None and build == builds[-1] and min(figures) > target[1]
            mark = "**" if is_missed else ""
            cells += [f"{mark}{min(figures):.0f}{mark}", f"{statistics.median(figures):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_counts(
    found: Mapping[str, Mapping[str, Sequence[float]]], builds: Sequence[str]
) -> str:
    """Return a table of the figures of one run each, in Markdown."""
    lines = _head("command", *builds)
    for name, each in found.items():
        cells = [" ".join(f"{n:,.0f}" for n in _figures(each, b, builds)) for b in builds]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def _head(first: str, *others: str) -> list[str]:
    return [f"| {' | '.join((first, *others))} |", f"| --- |{' ---: |' * len(others)}"]


def _figures(
    row: Mapping[str, Sequence[float]], build: str, builds: Sequence[str]
) -> Sequence[float]:
    """Return the figures of a build; those of another program stand in the last column."""
    return row.get(OTHER if OTHER in row and build == builds[-1] else build, ())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every command and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=LEAST)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args(arguments)
    how, repeat = (instructions, 1) if options.instructions else (milliseconds, options.repeat)
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    programs = dict(text.split("=", 1) for text in options.beside)
    programs["cachedb"] = str(Path(sys.executable).with_name("cachedb"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        os.environ["HOME"] = folder  # no setting of the user takes part
        has_registry = shutil.which("docker-registry") is not None
        served = stack.enter_context(docker_registry(root / "registry")) if has_registry else None
        scene = Scene(root, served.host if served else None, repeat + 1)
        builds = {
            name: Build(program, root / f"build-{number}")
            for number, (name, program) in enumerate(programs.items())
        }
        for build in reversed(builds.values()):
            scene.prepare(build)
        time.sleep(SETTLED)
        found = measure(scene, builds, repeat, how)
        printed = table_of_counts if options.instructions else table_of_times
        print(printed(found, list(builds)))


if __name__ == "__main__":
    main()
