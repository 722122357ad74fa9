"""Pull and push of cachedb and skopeo, with docker-registry on loopback.

    python -m benchmarks.registry [--layers 10] [--size 100] [--repeat 5] [--tls] [--folder DIR]

Two images: one of LAYERS incompressible layers of SIZE MiB, and one of sixty small layers. Each is
pulled into an empty layout and again, pushed to an empty registry, again, and to a second
repository of the same registry. The tools alternate; the output of one is removed before the next
run.
"""

from __future__ import annotations

import argparse
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
from benchmarks.timing import Run, run, show
from tests.registry.servers import Authority, Served, docker_registry, make_authority

if TYPE_CHECKING:
    from collections.abc import Sequence
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


TOOLS = (
    Tool(
        "cachedb",
        CACHEDB + " pull --quiet {trust} --cache {layout} {image}",
        CACHEDB + " push --quiet {trust} --cache {layout} image --remote-name {image}",
    ),
    Tool(
        "skopeo",
        "skopeo copy --quiet --src-tls-verify=false docker://{image} oci:{layout}:image",
        "skopeo copy --quiet --dest-tls-verify=false oci:{layout}:image docker://{image}",
    ),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of a run: directory, repetitions, and whether the registry speaks TLS."""

    root: Path
    tools: Sequence[Tool]
    repeat: int
    authority: Authority | None

    def compare(self, title: str, layers: int, size: int) -> None:
        """Pull and push an image with layers of the given sizes in bytes."""
        made = self.root / "made"
        # In another process: the peak memory of a child begins with the size of its parent.
        maker = multiprocessing.Process(target=_make, args=(made, layers, size))
        maker.start()
        maker.join()
        self._pull(title, made)
        self._push(title, made)
        shutil.rmtree(made)

    def _pull(self, title: str, made: Path) -> None:
        layout = self.root / "layout"
        first: dict[str, list[Run]] = defaultdict(list)
        again: dict[str, list[Run]] = defaultdict(list)
        with self._registry() as served:
            image = f"{served.host}/bench/image:1"
            self._run(self.tools[0].push, made, image)
            for _ in range(self.repeat):
                for tool in self.tools:
                    first[tool.name].append(self._run(tool.pull, layout, image))
                    again[tool.name].append(self._run(tool.pull, layout, image))
                    shutil.rmtree(layout)
        shutil.rmtree(self.root / "registry")
        show(f"{title}: pull", first)
        show(f"{title}: pull what is there", again)

    def _push(self, title: str, made: Path) -> None:
        new: dict[str, list[Run]] = defaultdict(list)
        again: dict[str, list[Run]] = defaultdict(list)
        second: dict[str, list[Run]] = defaultdict(list)
        for _ in range(self.repeat):
            for tool in self.tools:
                with self._registry() as served:
                    image, other = f"{served.host}/bench/image:1", f"{served.host}/bench/other:1"
                    new[tool.name].append(self._run(tool.push, made, image))
                    again[tool.name].append(self._run(tool.push, made, image))
                    second[tool.name].append(self._run(tool.push, made, other))
                shutil.rmtree(self.root / "registry")
        show(f"{title}: push", new)
        show(f"{title}: push what is there", again)
        show(f"{title}: push to another repository", second)

    def _registry(self) -> AbstractContextManager[Served]:
        settings = {} if self.authority is None else self.authority.environment
        return docker_registry(self.root / "registry", **settings)

    def _run(self, command: str, layout: Path, image: str) -> Run:
        trust = "" if self.authority is None else f"--cert-file {self.authority.ca}"
        os.sync()  # or one pays for what another one has written
        return run(command.format(layout=layout, image=image, trust=trust).split(), {})


def _make(path: Path, layers: int, size: int) -> None:
    """Write a layout; its layers are gzip, so that tools do not compress them again."""
    writer = Writer(path)
    made = [writer.layer(os.urandom(size), _STORED) for _ in range(layers)]
    writer.name(writer.image(_CONFIG, made), "image")
    writer.finish()
    # Reconciled before the first run: that is not part of the measurement.
    subprocess.run([CACHEDB, "ls", "--cache", path], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Write the images and compare the tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    tools = [tool for tool in TOOLS if shutil.which(tool.pull.split()[0])]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        authority = make_authority(root / "authority") if options.tls else None
        bench = Bench(root, tools, options.repeat, authority)
        bench.compare(
            f"{options.layers} layers of {options.size} MiB", options.layers, options.size << 20
        )
        bench.compare(f"{SMALL_LAYERS} layers of 64 KiB", SMALL_LAYERS, SMALL_SIZE)


if __name__ == "__main__":
    main()
