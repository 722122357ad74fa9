"""Print the start-up table: processor time of whole commands on a cache of one image, as Markdown.

    python -m benchmarks.startup [REPEAT]

Milliseconds of processor (user and system) of a whole process, minimum and median of REPEAT runs
(at least 9), all commands in turn. Beside them: bare Python, `import typer`, a minimal typer
program, and `skopeo inspect` and `umoci ls` of the same layout where they are installed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import layouts
from benchmarks.timing import run
from tests.registry.servers import docker_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEAST = 9
CACHEDB = str(Path(sys.executable).with_name("cachedb"))
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
app(prog_name="minimal")
"""
_COMPLETE = {"_CACHEDB_COMPLETE": "complete_bash", "COMP_WORDS": "cachedb\nshow\ndoc",
             "COMP_CWORD": "2"}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A row of the table; `prepare` is called before each run and is not measured."""

    name: str
    command: Callable[[int], Sequence[str]]
    """From the number of the run to the words to run."""
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None


class Scene:
    """A layout of one image, opened once before, and copies that commands may change."""

    def __init__(self, root: Path, registry: str | None) -> None:
        self.root = root
        self.registry = registry
        self.made, self.cache, self.scratch = root / "made", root / "cache", root / "scratch"
        layouts.make(self.made, 1)
        shutil.copytree(self.made, self.cache)
        self.call("ls", cache=self.cache)
        self.call("export", NAME, "--outfile", str(root / "image.tar"), cache=self.cache)
        if registry:
            self.call("push", NAME, "--remote-name", f"{registry}/bench/app:v1", cache=self.cache)
            self.call("pull", f"{registry}/bench/app:v1", cache=root / "pulled")

    def call(self, *arguments: str, cache: Path) -> None:
        """Run a command that is not measured."""
        subprocess.run(
            [CACHEDB, *arguments, "--cache", str(cache)], check=True, capture_output=True
        )

    def fresh(self) -> None:
        """Make `scratch` a copy of the cache, whose catalog is up to date."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.copytree(self.made, self.scratch)
        self.call("ls", cache=self.scratch)

    def emptied(self) -> None:
        """Make `scratch` a cache whose only image is no longer referenced."""
        self.fresh()
        self.call("rm", NAME, cache=self.scratch)

    def removed(self) -> None:
        """Remove `scratch`."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def cases(self) -> list[Case]:
        """Return the rows of the table, in its order; those of programs that are here."""
        found = [
            _of("bare python", sys.executable, "-c", "pass"),
            _of("`import typer`", sys.executable, "-c", "import typer"),
            _of("`import typer, requests`", sys.executable, "-c", "import typer, requests"),
            _of("a minimal typer program, `--help`", sys.executable, "-c", MINIMAL, "--help"),
            _of("`--version`", CACHEDB, "--version"),
            _of("`--help`", CACHEDB, "--help"),
            _of("`ls --help`", CACHEDB, "ls", "--help"),
            Case(
                "completion of a name",
                lambda _: [CACHEDB],
                {**_COMPLETE, "CACHEDB_CACHE": str(self.cache)},
            ),
            *(
                self._on(self.cache, *words.split())
                for words in (
                    "ls", f"find-root {NAME}", f"show {NAME}", f"tree {NAME}", f"why {NAME}", "du",
                    "validate", "gc --dry-run", "query refs",
                )
            ),
            Case("a query not seen before", self._unseen),
            self._on(self.scratch, "rm", NAME, prepare=self.fresh),
            self._on(self.scratch, "gc", "--grace", "0", prepare=self.emptied),
            self._on(self.scratch, "import", str(self.root / "image.tar"), prepare=self.removed),
            _of("skopeo inspect", "skopeo", "inspect", f"oci:{self.made}:{NAME}"),
            _of("umoci ls", "umoci", "ls", "--layout", str(self.made)),
        ]  # fmt: skip
        if self.registry:
            image = f"{self.registry}/bench/app:v1"
            found.insert(-2, self._on(self.root / "pulled", "pull", image))
        return [case for case in found if shutil.which(case.command(0)[0])]

    def _on(self, cache: Path, *words: str, prepare: Callable[[], object] = lambda: None) -> Case:
        name = " ".join(Path(word).name if word.startswith("/") else word for word in words)
        return Case(
            f"`{name}`", lambda _: [CACHEDB, *words, "--cache", str(cache)], prepare=prepare
        )

    def _unseen(self, number: int) -> Sequence[str]:
        """Return a query of another shape at every run: the values alone make no new one."""
        query = " or ".join(["size > 1"] * (number + 1))
        return [CACHEDB, "query", query, "--cache", str(self.cache)]


def _of(name: str, *command: str) -> Case:
    return Case(name, lambda _: command)


def main() -> None:
    """Measure every command and print the table."""
    repeat = max(LEAST, int(sys.argv[1]) if len(sys.argv) > 1 else LEAST)
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        has_registry = shutil.which("docker-registry") is not None
        served = stack.enter_context(docker_registry(root / "registry")) if has_registry else None
        cases = Scene(root, served.host if served else None).cases()
        measured: dict[str, list[float]] = {case.name: [] for case in cases}
        for number in range(repeat + 1):  # the first run writes .pyc files and is left out
            for case in cases:
                case.prepare()
                cpu = run(case.command(number), dict(case.environment)).cpu
                measured[case.name].append(cpu * 1000)
    print(f"Milliseconds of processor, of {repeat} runs, in turn.\n")
    print("| command | minimum | median |\n|---|---:|---:|")
    for name, times in measured.items():
        print(f"| {name} | {min(times[1:]):.0f} | {statistics.median(times[1:]):.0f} |")


if __name__ == "__main__":
    main()
