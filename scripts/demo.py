"""What cachedb does, on a sample that is made here: ``make demo``.

Every command that is shown is the real one, with its real output.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from cachedb.cache import Cache
from scripts import sample


def main() -> None:
    """Write the sample, and run the commands on it."""
    with tempfile.TemporaryDirectory(prefix="cachedb-demo-") as folder:
        os.chdir(folder)
        sample.write(Path())
        tour(Path("cache"))
    tell("That was all; the sample is gone.")


def tour(cache: Path) -> None:
    """Run what one would run on a cache, in the order in which one would."""
    tell("Two archives, of an image for three platforms and of one that shares its base:")
    cachedb(cache, "import", "app.tar", "tool.tar")

    tell("What is in the cache:")
    cachedb(cache, "ls")
    cachedb(cache, "show", sample.APP)
    cachedb(cache, "tree", sample.TOOL)

    tell("Is every image complete? Is one complete for a platform that it was not built for?")
    cachedb(cache, "validate")
    cachedb(cache, "validate", "--platform", "linux/riscv64", sample.TOOL)

    tell("Ask: which images run on arm64? What do they hold that is larger than a megabyte?")
    cachedb(cache, "query", "refs", "arch:arm64")
    cachedb(cache, "query", "layers", "size", "gt", "1M", "sort", "-size")

    tell("Which images reference the layer that both have?")
    cachedb(cache, "why", largest_layer(cache, sample.TOOL))

    tell("What would removing the first image free? Less than it takes: the base is shared.")
    cachedb(cache, "du")
    cachedb(cache, "rm", "--dry-run", sample.APP)

    tell("Remove it, and collect what nothing keeps any longer.")
    cachedb(cache, "rm", sample.APP)
    cachedb(cache, "gc", "--grace", "0")

    tell("The other image has lost nothing: every byte is read and hashed.")
    cachedb(cache, "verify")
    cachedb(cache, "ls")


def largest_layer(cache: Path, name: str) -> str:
    """Return the digest of the largest layer of an image."""
    with Cache.open(cache) as opened:
        answer = opened.query(f"layers children({name}) sort -size limit 1 show digest")
    return str(answer.rows[0][0])


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


if __name__ == "__main__":
    main()
