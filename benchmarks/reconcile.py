"""Time of reconciliation: of a complete layout, of one new image, and without a change.

    python -m benchmarks.reconcile [--images 10000] [--layout DIR] [--profile]

Writes a layout of that many images (about five blobs each, half of the layers shared, one image in
ten with two platforms and an attestation) and prints the CPU and wall seconds of each step.
"""

import argparse
import cProfile
import hashlib
import json
import pstats
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cachedb.catalog.connect import Catalog
from cachedb.layout import Layout
from cachedb.operations.sync import reconcile
from tests import build

LAYERS_PER_IMAGE = 3
SHARED = 2000


def layer(text: str) -> build.Blob:
    """Write a layer that is no archive: reconciliation does not read layers."""
    content = text.encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return build.Blob(content, build.OCI_LAYER, digest)


def image(number: int, arch: str = "amd64") -> build.Thing:
    """Write the blobs of one image; return the descriptor of its manifest."""
    shared = layer(f"shared {number % SHARED}")
    own = [layer(f"{arch} layer {number}.{n}") for n in range(LAYERS_PER_IMAGE - 1)]
    return build.image(
        shared,
        *own,
        arch=arch,
        labels={"org.opencontainers.image.title": f"app{number}", "team": f"t{number % 20}"},
        env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"N={number}"],
        annotations={"org.opencontainers.image.version": f"1.{number}"},
    )


def thing(number: int) -> build.Thing:
    """Write an image, or an index of two images with an attestation; return its descriptor."""
    one = image(number)
    if number % 10:
        return one
    return build.index(one, image(number, "arm64"), build.attestation(one))


def make(path: Path, images: int) -> None:
    """Write a layout of `images` images; index.json once, at the end."""
    tree = build.Tree.make(path)
    entries = []
    for number in range(images):
        made = thing(number)
        tree.put(*made.blobs)
        name = f"registry.example.com/team{number % 50}/app{number % 997}:1.{number}"
        entries.append(made.descriptor(annotations={build.REF_NAME: name}))
    tree.write_index(json.dumps({"schemaVersion": 2, "manifests": entries}))


@contextmanager
def measured(what: str, *, profile: bool) -> Iterator[None]:
    """Print the CPU and wall seconds of the block."""
    profiler = cProfile.Profile(time.process_time)
    if profile:
        profiler.enable()
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {what} | {cpu:.3f} | {wall:.3f} |", flush=True)
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Write the layout unless it exists, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--layout", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.layout or Path(folder) / "cache"
        if not path.exists():
            make(path, options.images)
        run(path, profile=options.profile)


def run(path: Path, *, profile: bool) -> None:
    """Measure every step on one layout; one name is added and removed again."""
    tree = build.Tree(path)
    print(f"### {len(tree.entries())} names, {len(tree.blobs())} blobs\n")
    print("| step | CPU s | wall s |\n| --- | ---: | ---: |")
    with Layout.open(path) as layout:
        layout.make_private()
        database = layout.private / "index.db"
        database.unlink(missing_ok=True)
        catalog = Catalog.open(database)
        with measured("first reconciliation", profile=profile):
            reconcile.reconcile(layout, catalog)
        with measured("again, while time stamps are too recent to trust", profile=False):
            reconcile.reconcile(layout, catalog)
        tree.add(image(time.time_ns()), "registry.example.com/new:1")
        with measured("one new image", profile=profile):
            reconcile.reconcile(layout, catalog)
        time.sleep(2.1)
        reconcile.reconcile(layout, catalog)
        with measured("no change", profile=False):
            reconcile.reconcile(layout, catalog)
        tree.unname("registry.example.com/new:1")
        with measured("one name less", profile=profile):
            reconcile.reconcile(layout, catalog)
        catalog.close()
    print(f"\n{database.stat().st_size / 1e6:.1f} MB catalog")


if __name__ == "__main__":
    main()
