"""Pauses of Python's cyclic garbage collector."""

from __future__ import annotations

import gc

import pytest

from cachedb.operations.cyclic_collector import collector_paused


def test_the_collector_is_paused_inside_of_a_block_and_of_blocks_in_it() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_the_pause() -> None:
    with pytest.raises(ValueError, match="why"), collector_paused():
        raise ValueError("why")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
