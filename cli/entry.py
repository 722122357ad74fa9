"""Entry point of the program: the command line, and --version without importing it."""

from __future__ import annotations

import sys

from cachedb.cli import standard_streams
from cachedb.version import VERSION


def main() -> None:
    """Print the version if that is all the command line asks for, else run the command line.

    `cachedb.cli.app` imports typer, which is four fifths of the time of a program that prints
    one line.
    """
    standard_streams.prepare()
    if sys.argv[1:] == ["--version"] and _is_printed(f"cachedb {VERSION}\n"):
        return
    from cachedb.cli.app import main as run

    run()


def _is_printed(line: str) -> bool:
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except (OSError, ValueError):  # `app` prints it again, and reports the failure
        return False
    return True
