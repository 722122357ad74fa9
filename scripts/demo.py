"""What cachedb does, on a sample that is made here: ``make demo``.

Two archives are written as other tools would write them, and then every command that follows is
the real one, with its real output.
"""

import os
import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import build

BASE_BYTES, APP_BYTES = 3_000_000, 400_000


def main() -> None:
    """Make the sample, and run the commands on it."""
    with tempfile.TemporaryDirectory(prefix="cachedb-demo-") as folder:
        os.chdir(folder)
        make_sample()
        tour(Path(folder) / "cache")
    tell("That was all; the sample is gone.")


def tour(cache: Path) -> None:
    """Run what one would run on a cache, in the order in which one would."""
    tell("Two archives, of an image for three platforms and of one that shares its base:")
    cachedb(cache, "import", "app.tar", "tool.tar")

    tell("What is in the cache:")
    cachedb(cache, "ls")
    cachedb(cache, "show", "example.com/app:1")
    cachedb(cache, "tree", "example.com/tool:2")

    tell("Is all of it there, for every platform? Is it for one that nobody has built?")
    cachedb(cache, "validate")
    cachedb(cache, "validate", "--platform", "linux/riscv64", "example.com/tool:2")

    tell("Ask: which images run on arm64? What do they hold that is larger than a megabyte?")
    cachedb(cache, "query", "refs", "arch:arm64")
    cachedb(cache, "query", "layers", "size", "gt", "1M", "sort", "-size")

    tell("Who keeps the layer that both images have?")
    cachedb(cache, "why", BASE.digest)

    tell("What would removing the first image free? Less than it takes: the base is shared.")
    cachedb(cache, "du")
    cachedb(cache, "rm", "--dry-run", "example.com/app:1")

    tell("Remove it, and collect what nothing keeps any longer.")
    cachedb(cache, "rm", "example.com/app:1")
    cachedb(cache, "gc", "--grace", "0")

    tell("The other image has lost nothing: every byte is read and hashed.")
    cachedb(cache, "verify")
    cachedb(cache, "ls")


def make_sample() -> None:
    """Archive an image for three platforms with provenance, and one that shares its base."""
    images = [
        build.image(
            BASE if arch == "amd64" else layer(f"base for {arch}", BASE_BYTES),
            layer(f"app for {arch}", APP_BYTES),
            arch=arch,
            variant=variant,
            labels={"org.opencontainers.image.title": "app"},
            env=["PATH=/usr/bin:/bin"],
            entrypoint=["/app"],
        )
        for arch, variant in (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))
    ]
    app = build.index(*images, *map(build.attestation, images))
    tool = build.image(BASE, layer("tool", APP_BYTES), entrypoint=["/tool"])
    Path("app.tar").write_bytes(build.archive({"example.com/app:1": app}))
    Path("tool.tar").write_bytes(build.archive({"example.com/tool:2": tool}))


def layer(name: str, size: int) -> build.Blob:
    """Make a layer of so many bytes, the same ones at every run."""
    return build.layer({name: random.Random(name).randbytes(size)})


def cachedb(cache: Path, *arguments: str) -> None:
    """Run a command of cachedb, and show it as one would type it."""
    say(f"$ cachedb {shlex.join(arguments)}")
    environment = {**os.environ, "CACHEDB_CACHE": str(cache)}
    command = [sys.executable, "-m", "cachedb", *arguments]
    subprocess.run(command, check=False, env=environment, stderr=subprocess.STDOUT)


def tell(text: str) -> None:
    """Say what comes next."""
    say(f"\n# {text}")


def say(line: str) -> None:
    """Write a line before the output of what is run next."""
    print(line, flush=True)


BASE = layer("base for amd64", BASE_BYTES)

if __name__ == "__main__":
    main()
