"""Workers: a pool of threads for requests, which KeyboardInterrupt ends at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

JOBS = min(8, 2 * (os.cpu_count() or 1))
"""Default of concurrent requests."""

_T = TypeVar("_T")
_R = TypeVar("_R")


@contextmanager
def workers(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool, and wait for its threads at the end unless the user interrupts.

    A transfer can take long, and is resumed by the next command.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def run_all(pool: Executor, action: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Call a function for each of some items, and return the results in their order.

    After the first error no call begins, and running calls are awaited.
    """
    return results([pool.submit(action, item) for item in items])


def results(futures: list[Future[_R]]) -> list[_R]:
    """Return the results of futures; raise the first error after all of them have ended."""
    try:
        return [future.result() for future in futures]
    except Exception:
        for future in futures:
            future.cancel()
        wait(futures)
        raise
