"""Standard streams: open and buffered."""

from __future__ import annotations

import io
import os
import sys

_STREAMS = 3


def prepare() -> None:
    """Open closed standard streams on /dev/null, and buffer an unbuffered stdout.

    A descriptor that is closed would be given to the next file that is opened, and Python has
    None for its stream. With ``PYTHONUNBUFFERED``, a write to a pipe or to a full disk may end
    after a part of the text, and Python does not write the rest.
    """
    _open_closed()
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (for the whole process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.RawIOBase):
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        raw = sys.stdout.detach()
        assert isinstance(raw, io.RawIOBase)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=True
        )


def _open_closed() -> None:
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < _STREAMS:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
