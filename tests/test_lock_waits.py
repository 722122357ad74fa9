"""Pauses between attempts to take a lock."""

import pytest

from cachedb import lock_waits
from cachedb.lock_waits import Wait


def test_a_wait_tries_more_often_when_it_has_lasted_for_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a process that has just begun to wait wins, and old ones starve."""
    now = 0.0
    pauses: list[tuple[float, float]] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        pauses.append((now, seconds))
        now += seconds

    monkeypatch.setattr(lock_waits.time, "sleep", sleep)
    monkeypatch.setattr(lock_waits.time, "monotonic", lambda: now)
    wait = Wait(lambda: None, 3)
    while wait.goes_on():
        pass

    young = [seconds for began, seconds in pauses if 0.1 < began < 1]
    old = [seconds for began, seconds in pauses if began > 1.1]
    assert max(young) <= 0.01
    assert max(old) < min(young) / 2
    assert now >= 3


def test_pauses_in_a_queue_are_left_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_waits.time, "sleep", pytest.fail)
    pauses: list[float] = []
    wait = Wait(lambda: None, None)
    assert wait.goes_on(pauses.append)
    assert wait.goes_on(pauses.append)
    assert pauses == [0.05, 0.05]
