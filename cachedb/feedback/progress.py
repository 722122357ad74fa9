"""Progress reports of long operations, for a terminal or another observer.

Calls come from several threads. The base class ignores all reports; the command line has its own.
"""

from __future__ import annotations

from functools import wraps
from typing import (
    TYPE_CHECKING,
    BinaryIO,
    Concatenate,
    Final,
    ParamSpec,
    Self,
    TypeVar,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from cachedb.oci.digest import Digest

    class _Observed(Protocol):
        @property
        def progress(self) -> Progress: ...

    class _OfLayout(Protocol):
        @property
        def layout(self) -> _Observed: ...


_C = TypeVar("_C", bound="_OfLayout")
_P = ParamSpec("_P")
_R = TypeVar("_R")

BYTES: Final = "bytes"
"""The unit of tasks that read or write bytes; any other unit is a noun, such as ``blobs``."""
UNCOUNTED: Final = ""
"""The unit of tasks whose end cannot be foretold, such as one statement of SQL."""


class Task:
    """One step of an operation, a context manager that ignores all reports."""

    def advance(self, amount: int = 1) -> None:
        """Report that `amount` more units are done."""

    def end(self) -> None:
        """Report that the step has ended, complete or not; called once, by the block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class CountedStream:
    """Read another stream, and report to a task how many bytes were read."""

    def __init__(self, stream: BinaryIO, task: Task) -> None:
        self._stream = stream
        self._task = task

    def read(self, size: int = -1, /) -> bytes:
        """Read as the other stream does."""
        chunk = self._stream.read(size)
        self._task.advance(len(chunk))
        return chunk

    def close(self) -> None:
        """Close the other stream."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Progress:
    """An observer that ignores all reports."""

    def task(self, what: str, total: int | None = None, unit: str = BYTES) -> Task:  # noqa: ARG002
        """Report that a step begins, such as ``verify``, of `total` units if that is known.

        The unit of a step that cannot be counted is empty. Transfers of blobs belong to the step
        inside of which they are reported.
        """
        return Task()

    def announce(self, size: int) -> None:
        """Report bytes that will be transferred, as far as known in advance."""

    def expect(self, digest: Digest, size: int, image: str = "") -> None:
        """Report that the transfer of a blob of `size` bytes starts, for an image."""

    def advance(self, digest: Digest, offset: int) -> None:
        """Report that `offset` bytes of a blob are done; fewer than before after a restart."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """Report that a blob is done; `how` is one word if it was not transferred whole."""

    def note(self, line: str) -> None:
        """Report one line for the user."""


UNWATCHED = Progress()


def as_step(
    what: str,
) -> Callable[[Callable[Concatenate[_C, _P], _R]], Callable[Concatenate[_C, _P], _R]]:
    """Decorate a method of a cache: each call is an uncounted step of its observer."""

    def decorate(method: Callable[Concatenate[_C, _P], _R]) -> Callable[Concatenate[_C, _P], _R]:
        @wraps(method)
        def call(self: _C, /, *arguments: _P.args, **named: _P.kwargs) -> _R:
            with self.layout.progress.task(what, unit=UNCOUNTED):
                return method(self, *arguments, **named)

        return call

    return decorate


class LineProgress(Progress):
    """Pass a line of text for each finished blob to a function such as `print`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        """Write digest and size."""
        self._write(f"{digest}  {size:,} bytes  {how}".rstrip())

    def note(self, line: str) -> None:
        """Write the line."""
        self._write(line)


def warn_of_algorithms(progress: Progress, digests: Iterable[Digest]) -> None:
    """Note a warning if a digest is not sha256, which other tools do not read."""
    found = sorted({digest.algorithm for digest in digests} - {"sha256"})
    if found:
        progress.note(
            f"warning: the cache has {' and '.join(found)} digests now; linuxkit, crane, umoci "
            "and skopeo can no longer read it"
        )
