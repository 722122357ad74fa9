"""Entry point of the program: the command line, and --version without importing it."""

from __future__ import annotations

import gc
import sys

from cachedb.cli import standard_streams
from cachedb.version import VERSION

_COLLECT_AFTER = 50_000


def main() -> None:
    """Print the version if `--version` is the only argument, else run the command line.

    `cachedb.cli.app` imports typer, which is four fifths of the time of a program that prints
    one line.
    """
    standard_streams.prepare()
    if sys.argv[1:] == ["--version"] and _is_printed(f"cachedb {VERSION}\n"):
        return
    # Objects of a command live until it ends, so frequent detection of cycles finds nothing: with
    # the default threshold it is a tenth of the time of an import or of indexing a layout.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        from cachedb.cli import deferred_modules

        deferred_modules.defer(*deferred_modules.NAMES)
        from cachedb.cli.app import main as run

        run()
    finally:
        # The interpreter searches all objects for cycles before it ends, for finalizers that
        # nothing here relies on: files are closed by their blocks.
        gc.freeze()


def _is_printed(line: str) -> bool:
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except (OSError, ValueError):  # `app` prints it again, and reports the failure
        return False
    return True
