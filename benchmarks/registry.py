"""Pull, push and hashing of cachedb and peers, with docker-registry on loopback.

    python -m benchmarks.registry [--layers 10] [--size 100] [--repeat 5] [--tls] [--folder DIR]
                                  [--beside NAME=PROGRAM] [--json FILE]

Two images: one of LAYERS incompressible layers of SIZE MiB, and one of sixty small layers. Each
is pulled into an empty layout and again, pushed to an empty registry, again, and to a second
repository of the same registry; its blobs are verified beside `openssl dgst`. Tables are Markdown,
and JSON in FILE. The tools (cachedb, other builds of it, and skopeo, oras, crane
and regctl where they are on PATH) alternate; the output of one is removed before the next run.
cachedb syncs what it writes before a name leads to it. Each build of cachedb pushes from a copy of
the layout that it has opened before, since a build refuses the catalog of a later one.
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
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.layouts import Writer
from benchmarks.timing import Run, markdown, run, summary
from tests.registry.servers import Authority, Served, docker_registry, make_authority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

CACHEDB = str(Path(sys.executable).with_name("cachedb"))
SMALL_LAYERS, SMALL_SIZE = 60, 64 << 10
_CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
_STORED = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that transfers images between a registry and a layout; {} are placeholders."""

    name: str
    pull: str
    push: str
    open: str | None = None
    """Command that opens a layout, so that this is no part of a measurement."""
    verify: str | None = None
    """Command that hashes the blobs of a layout that is opened."""


def _build(name: str, program: str) -> Tool:
    return Tool(
        name,
        program + " pull --quiet {trust} --cache {layout} {image}",
        program + " push --quiet {trust} --cache {layout} image --remote-name {image}",
        program + " ls --quiet --cache {layout}",
        program + " verify --quiet --cache {layout}",
    )


PEERS = (
    Tool(
        "skopeo",
        "skopeo copy --quiet --src-tls-verify=false docker://{image} oci:{layout}:image",
        "skopeo copy --quiet --dest-tls-verify=false oci:{layout}:image docker://{image}",
    ),
    Tool(
        "oras",
        "oras copy --no-tty --from-{oras} {image} --to-oci-layout {layout}:image",
        "oras copy --no-tty --from-oci-layout {layout}:image --to-{oras} {image}",
    ),
    Tool(
        "crane",
        "crane pull --insecure --format=oci {image} {layout}",
        "crane push --insecure {layout} {image}",
    ),
    Tool(
        "regctl",
        "regctl --host reg={host},tls={regctl} image copy {image} ocidir://{layout}:image",
        "regctl --host reg={host},tls={regctl} image copy ocidir://{layout}:image {image}",
    ),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of a run: directory, repetitions, and whether the registry speaks TLS."""

    root: Path
    tools: Sequence[Tool]
    repeat: int
    authority: Authority | None
    results: dict[str, dict[str, dict[str, float]]]

    def compare(self, title: str, layers: int, size: int) -> None:
        """Pull and push an image with layers of the given sizes in bytes."""
        made = self.root / "made"
        # In another process: the peak memory of a child begins with the size of its parent.
        maker = multiprocessing.Process(target=_make, args=(made, layers, size))
        maker.start()
        maker.join()
        sources = self._sources(made)
        self._pull(title, sources)
        self._push(title, sources)
        self._verify(title, sources)
        for path in {made, *sources.values()}:
            shutil.rmtree(path)

    def _sources(self, made: Path) -> dict[str, Path]:
        """Return the layout from which each tool pushes: a copy for a build that opens it."""
        found = {}
        for number, tool in enumerate(self.tools):
            found[tool.name] = made
            if tool.open is not None:
                found[tool.name] = copy = self.root / f"source-{number}"
                subprocess.run(["cp", "-a", made, copy], check=True)
                run(tool.open.format(layout=copy).split(), {})
        return found

    def _pull(self, title: str, sources: Mapping[str, Path]) -> None:
        layout = self.root / "layout"
        first: dict[str, list[Run]] = defaultdict(list)
        again: dict[str, list[Run]] = defaultdict(list)
        with self._registry() as served:
            image = f"{served.host}/bench/image:1"
            self._run(self.tools[0].push, sources[self.tools[0].name], image)
            for _ in range(self.repeat):
                for tool in self.tools:
                    first[tool.name].append(self._run(tool.pull, layout, image))
                    again[tool.name].append(self._run(tool.pull, layout, image))
                    shutil.rmtree(layout)
        shutil.rmtree(self.root / "registry")
        self._show(f"{title}: pull", first)
        self._show(f"{title}: pull what is there", again)

    def _push(self, title: str, sources: Mapping[str, Path]) -> None:
        new: dict[str, list[Run]] = defaultdict(list)
        again: dict[str, list[Run]] = defaultdict(list)
        second: dict[str, list[Run]] = defaultdict(list)
        for _ in range(self.repeat):
            for tool in self.tools:
                made = sources[tool.name]
                with self._registry() as served:
                    image, other = f"{served.host}/bench/image:1", f"{served.host}/bench/other:1"
                    new[tool.name].append(self._run(tool.push, made, image))
                    again[tool.name].append(self._run(tool.push, made, image))
                    second[tool.name].append(self._run(tool.push, made, other))
                shutil.rmtree(self.root / "registry")
        self._show(f"{title}: push", new)
        self._show(f"{title}: push what is there", again)
        self._show(f"{title}: push to another repository", second)

    def _verify(self, title: str, sources: Mapping[str, Path]) -> None:
        runs: dict[str, list[Run]] = defaultdict(list)
        for _ in range(self.repeat):
            for tool in self.tools:
                if tool.verify is not None:
                    command = tool.verify.format(layout=sources[tool.name])
                    runs[tool.name].append(run(command.split(), {}))
            blobs = (sources[self.tools[0].name] / "blobs" / "sha256").iterdir()
            runs["openssl"].append(run(["openssl", "dgst", "-sha256", *map(str, blobs)], {}))
        self._show(f"{title}: verify", runs)

    def _show(self, title: str, runs: dict[str, list[Run]]) -> None:
        print(markdown(title, runs), flush=True)
        self.results[title] = summary(runs)

    def _registry(self) -> AbstractContextManager[Served]:
        settings = {} if self.authority is None else self.authority.environment
        return docker_registry(self.root / "registry", **settings)

    def _run(self, command: str, layout: Path, image: str) -> Run:
        trust = "" if self.authority is None else f"--cert-file {self.authority.ca}"
        words = command.format(
            layout=layout,
            image=image,
            host=image.partition("/")[0],
            trust=trust,
            oras="insecure" if self.authority else "plain-http",
            regctl="insecure" if self.authority else "disabled",
        ).split()
        os.sync()  # or one pays for what another one has written
        return run(words, {})


def _make(path: Path, layers: int, size: int) -> None:
    """Write a layout; its layers are gzip, so that tools do not compress them again."""
    writer = Writer(path)
    made = [writer.layer(os.urandom(size), _STORED) for _ in range(layers)]
    writer.name(writer.image(_CONFIG, made), "image")
    writer.finish()


def main() -> None:
    """Write the images and compare the tools."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # A process that may not write .pyc files compiles every module at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    tools = [_build("cachedb", CACHEDB)]
    tools += [_build(*text.split("=", 1)) for text in options.beside]
    tools += [tool for tool in PEERS if shutil.which(tool.pull.split()[0])]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        authority = make_authority(root / "authority") if options.tls else None
        bench = Bench(root, tools, options.repeat, authority, {})
        bench.compare(
            f"{options.layers} layers of {options.size} MiB", options.layers, options.size << 20
        )
        bench.compare(f"{SMALL_LAYERS} layers of 64 KiB", SMALL_LAYERS, SMALL_SIZE)
    if options.json:
        options.json.write_text(json.dumps(bench.results, indent=1))


if __name__ == "__main__":
    main()
