"""An operation that Ctrl-C ends in the middle of a query does not wait for its own transaction."""

import threading

import pytest

from cachedb.cache import Cache
from cachedb.operations.transfer.publish import leasing


def test_an_interruption_does_not_wait_for_a_statement_that_is_half_read(cache: Cache) -> None:
    ended = threading.Event()
    kept = []

    def read_half() -> None:
        with leasing(cache.layout, cache.catalog), cache.catalog.writing() as connection:
            result = connection.driver.execute("SELECT digest FROM blob")
            kept.append(result)  # as a traceback keeps it
            result.fetchone()
            raise KeyboardInterrupt

    def interrupt() -> None:
        with pytest.raises(KeyboardInterrupt):
            read_half()
        ended.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert ended.wait(120), "it waits for a lock that it holds itself"
    thread.join()
    assert not cache.layout.active_leases()
