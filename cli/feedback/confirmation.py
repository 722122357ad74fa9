"""Confirmation of a change at the terminal."""

from __future__ import annotations

import sys

from cachedb.errors import Declined, Refused


def confirm(change: str) -> None:
    """Ask on stderr whether to make a change, such as `remove 3 names`.

    Raises:
        Declined: The answer is not yes; the end of the input counts as no.
        Refused: stdin is not a terminal.
    """
    if not sys.stdin.isatty():
        raise Refused(
            f"refusing to {change} without confirmation: stdin is not a terminal",
            hint="--yes, or --dry-run to list them",
        )
    try:
        sys.stderr.write(f"{change}? [y/N]: ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\nnothing was changed\n")
        raise
    if not answer:
        sys.stderr.write("\n")
    if answer.strip().lower() not in {"y", "yes"}:
        raise Declined(f"declined to {change}; nothing was changed")
