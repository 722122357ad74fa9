"""Arguments of the Python API: text or values, one or several."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import InvalidInput
from cachedb.feedback.progress import UNWATCHED, LineProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from cachedb.oci import Digest, Platform, Reference
    from cachedb.registry.client import Client

    Names: TypeAlias = str | Iterable[str]
    References: TypeAlias = str | Reference | Iterable[str | Reference]
    Platforms: TypeAlias = str | Platform | Iterable[str | Platform]
    Connect: TypeAlias = Callable[[str], Client]
    Observer: TypeAlias = Progress | Callable[[str], object]


def names(given: Names) -> tuple[str, ...]:
    """Return one or several names as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given)


def reference(given: str | Reference) -> Reference:
    """Parse a reference that is text.

    Raises:
        InvalidReference: The text is not a reference.
    """
    from cachedb.oci import Reference  # noqa: PLC0415  (most calls parse nothing)

    return Reference.parse(given) if isinstance(given, str) else given


def references(given: References) -> tuple[Reference, ...]:
    """Parse one or several references.

    Raises:
        InvalidReference: A text is not a reference.
    """
    from cachedb.oci import Reference  # noqa: PLC0415

    several = (given,) if isinstance(given, (str, Reference)) else given
    return tuple(map(reference, several))


def platforms(given: Platforms) -> tuple[Platform, ...]:
    """Parse one or several platforms; none selects every platform.

    Raises:
        InvalidPlatform: A text is not a platform.
    """
    from cachedb.oci import Platform  # noqa: PLC0415

    several = (given,) if isinstance(given, (str, Platform)) else given
    return tuple(Platform.parse(each) if isinstance(each, str) else each for each in several)


def platform(given: str | Platform | None) -> Platform | None:
    """Parse a platform that is text.

    Raises:
        InvalidPlatform: The text is not a platform.
    """
    from cachedb.oci import Platform  # noqa: PLC0415

    return Platform.parse(given) if isinstance(given, str) else given


def digest(given: str | Digest) -> Digest:
    """Parse a digest that is text.

    Raises:
        InvalidDigest: The text is not a digest.
    """
    from cachedb.oci import Digest  # noqa: PLC0415

    return given if isinstance(given, Digest) else Digest(given)


def jobs(given: int | None) -> int:
    """Return the number of parallel requests; by default two for each core, at most eight.

    Raises:
        InvalidInput: The number is below 1.
    """
    from cachedb.operations.transfer.workers import JOBS  # noqa: PLC0415

    if given is None:
        return JOBS
    if given < 1:
        raise InvalidInput(f"invalid number of jobs {given}: expected 1 or more")
    return given


def observer(given: Observer | None, default: Progress = UNWATCHED) -> Progress:
    """Return an observer; a function receives a line for each finished blob of a transfer."""
    if given is None:
        return default
    return given if isinstance(given, Progress) else LineProgress(given)


@contextmanager
def connecting(given: Connect | None) -> Iterator[Connect]:
    """Yield the given clients of registries, or clients that are closed at the end."""
    if given is not None:
        yield given
        return
    from cachedb.registry.clients import Registries  # noqa: PLC0415  (slow to import)

    with Registries() as registries:
        yield registries
