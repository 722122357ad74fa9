"""Demonstration on sample images: ``make demo``.

Every command that is printed is executed, and its output is not edited.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from cachedb.cache import Cache
from cachedb.operations.archives import sample_images as sample


def main() -> None:
    """Write the sample archives to a temporary directory, and run the commands there."""
    with tempfile.TemporaryDirectory(prefix="cachedb-demo-") as folder:
        os.chdir(folder)
        sample.write(Path())
        tour(Path("cache"))
    heading("End of the demonstration; the sample has been removed.")


def tour(cache: Path) -> None:
    """Import, list, validate, query, remove and collect."""
    heading("Import two archives: an image for three platforms, and one that shares its base.")
    cachedb(cache, "import", "app.tar", "tool.tar")

    heading("List the images, print one in full, and one as a tree.")
    cachedb(cache, "ls")
    cachedb(cache, "show", sample.APP)
    cachedb(cache, "tree", sample.TOOL)

    heading("Validate every image; then one for a platform that it was not built for.")
    cachedb(cache, "validate")
    cachedb(cache, "validate", "--platform", "linux/riscv64", sample.TOOL)

    heading("Query: images for arm64, and layers larger than a megabyte.")
    cachedb(cache, "query", "refs", "arch:arm64")
    cachedb(cache, "query", "layers", "size", "gt", "1M", "sort", "-size")

    heading("Which images reference the layer that both share, and by which path?")
    cachedb(cache, "why", largest_layer(cache, sample.TOOL))

    heading("Removing the first image frees less than its size: the base is shared.")
    cachedb(cache, "du")
    cachedb(cache, "rm", "--dry-run", sample.APP)

    heading("A page about the whole cache, for a browser.")
    cachedb(cache, "report", "--section", "repositories")
    cachedb(cache, "report", "--html", "report.html")

    heading("Remove it, and collect unreferenced blobs.")
    cachedb(cache, "rm", sample.APP)
    cachedb(cache, "gc", "--grace", "0")

    heading("The other image is unaffected: read and hash every byte.")
    cachedb(cache, "verify")
    cachedb(cache, "ls")


def largest_layer(cache: Path, name: str) -> str:
    """Return the digest of the largest layer of an image."""
    with Cache.open(cache) as opened:
        answer = opened.query(f"layers children({name}) sort -size limit 1 show digest")
    return str(answer.rows[0][0])


def cachedb(cache: Path, *arguments: str) -> None:
    """Print a command of cachedb as it is typed, and run it."""
    echo(f"$ cachedb {shlex.join(arguments)}")
    environment = {**os.environ, "CACHEDB_CACHE": str(cache)}
    command = [sys.executable, "-m", "cachedb", *arguments]
    subprocess.run(command, check=False, env=environment, stderr=subprocess.STDOUT)


def heading(text: str) -> None:
    """Print a heading."""
    echo(f"\n# {text}")


def echo(line: str) -> None:
    """Print a line before the output of the next command."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
