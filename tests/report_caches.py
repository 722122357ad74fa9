"""Caches for tests of reports: of several registries, platforms and ages, some of it hostile."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cachedb.cache import Cache
from tests import build

REPOSITORIES = (
    ("docker.io/library/alpine", 6, ("amd64", "arm64", "arm", "riscv64")),
    ("docker.io/library/debian", 5, ("amd64", "arm64")),
    ("docker.io/library/postgres", 4, ("amd64", "arm64")),
    ("quay.io/prometheus/node-exporter", 4, ("amd64", "arm64", "s390x")),
    ("quay.io/prometheus/prometheus", 3, ("amd64", "arm64")),
    ("registry.example.com/shop/web", 12, ("amd64",)),
    ("registry.example.com/shop/payments", 8, ("amd64", "arm64")),
    ("registry.example.com/shop/search", 6, ("amd64", "arm64")),
    ("registry.example.com/data/ingest", 5, ("amd64",)),
    ("registry.example.com/data/notebooks", 3, ("amd64", "arm64")),
    ("ghcr.io/acme/toolbox", 4, ("amd64", "arm64", "arm")),
)
HOSTILE = (
    "<script>window.broken = 1</script>",
    "\"><img src=x onerror='window.broken = 1'>",
    "</script><script>window.broken = 1</script>",
    "\u202egnp.exe",
    "back`tick|pipe",
)
DAY = timedelta(days=1)


def varied(tree: build.Tree, seed: int = 7) -> None:
    """Fill a layout with images of REPOSITORIES, whose layers share bases."""
    rng = random.Random(seed)
    bases = {
        arch: [_layer(rng, 400_000) for _ in range(3)]
        for arch in ("amd64", "arm64", "arm", "riscv64", "s390x")
    }
    for repository, tags, architectures in REPOSITORIES:
        own = {arch: _layer(rng, rng.randrange(40_000, 300_000)) for arch in architectures}
        for number in range(tags):
            images = [
                build.image(
                    rng.choice(bases[arch]),
                    own[arch],
                    _layer(rng, rng.randrange(5_000, 120_000)),
                    arch=arch,
                    variant={"arm64": "v8", "arm": "v7"}.get(arch, ""),
                )
                for arch in architectures
                # Old tags have fewer platforms.
                if number > 1 or arch != architectures[-1] or len(architectures) < 3
            ]
            thing = images[0] if len(images) == 1 else build.index(*images)
            tree.add(thing, f"{repository}:1.{number}")
    tree.put(_layer(rng, 250_000))


def hostile(tree: build.Tree) -> None:
    """Fill a layout with images whose names and annotations attack a page that shows them."""
    for number, name in enumerate(HOSTILE):
        image = build.image(
            build.layer({"file": str(number)}), annotations={"title": name, name: name}
        )
        tree.add(image, name)


def _layer(rng: random.Random, size: int) -> build.Blob:
    return build.layer({"file": rng.randbytes(size)}, media_type=build.OCI_LAYER)


def spread(path: Path, now: datetime | None = None) -> None:
    """Let the images of a cache have come in over two years, the later the more."""
    moment = now or datetime.now(UTC)
    Cache.open(path).close()
    rng = random.Random(11)
    with closing(sqlite3.connect(path / ".cachedb" / "index.db")) as catalog, catalog:
        keys = [key for (key,) in catalog.execute("SELECT id FROM ref ORDER BY id")]
        for key in keys:
            age = DAY * (730 * rng.random() ** 2.2)
            added = int((moment - age).timestamp() * 1e6)
            catalog.execute(
                "UPDATE ref SET added = ?, pulled = ? WHERE id = ?", (added, added, key)
            )
