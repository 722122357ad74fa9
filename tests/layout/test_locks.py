import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cachedb import lock_waits, system_calls
from cachedb.errors import CacheBusy, NotALayout
from cachedb.layout import Layout, locks
from cachedb.layout.locks import try_flock
from tests.layout import child

OPEN = "from cachedb.layout import Layout; from pathlib import Path; l = Layout.open(Path({!r}));"


def holding_in_child(path: Path, what: str):
    return child.holding(OPEN.format(str(path)) + f" c = l.{what}(); c.__enter__()")


@pytest.fixture
def root(layout_dir: Path):
    descriptor = os.open(layout_dir, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def private(layout_dir: Path):
    (layout_dir / ".cachedb").mkdir(mode=0o700)
    descriptor = os.open(layout_dir / ".cachedb", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


class Killing(logging.Filter):
    """Kill a process at each message that is logged."""

    def __init__(self, other: child.Child) -> None:
        super().__init__()
        self._other = other

    def filter(self, _record: logging.LogRecord) -> bool:
        self._other.kill()
        return True


def test_only_one_process_holds_the_names(layout_dir: Path, root: int) -> None:
    with holding_in_child(layout_dir, "locking_names") as other:
        with (
            pytest.raises(CacheBusy, match=rf"locked by process {other.pid} \(python") as caught,
            locks.names(root, timeout=0),
        ):
            pass
        assert caught.value.hint == "CACHEDB_LIMIT_LOCK_SECONDS=SECONDS waits longer"
        other.kill()
        with locks.names(root, timeout=0):
            pass


@pytest.mark.parametrize(
    ("what", "take"),
    [
        ("locking_names", lambda layout: layout.locking_names()),
        ("publishing", lambda layout: layout.sweeping()),
        ("sweeping", lambda layout: layout.publishing()),
    ],
)
def test_a_wait_of_two_seconds_is_logged_with_holder_and_limit(
    layout_dir: Path,
    what: str,
    take: Callable[[Layout], AbstractContextManager[None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lock_waits, "NOTICE_SECONDS", 0.05)
    with holding_in_child(layout_dir, what) as other, Layout.open(layout_dir) as layout:
        # The notice ends the wait, so that there is one however slow the machine is.
        kill = Killing(other)
        monkeypatch.setattr(logging.getLogger(lock_waits.__name__), "filters", [kill])
        with take(layout):
            pass
    (line,) = caplog.messages
    assert f"held by process {other.pid} (python" in line
    assert "CACHEDB_LIMIT_LOCK_SECONDS" in line


def test_threads_of_one_process_exclude_each_other(root: int) -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with locks.names(root):
            order.append("thread")

    with locks.names(root):
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        thread.join(timeout=0.1)
        assert thread.is_alive()
        order.append("main")
    thread.join()
    assert order == ["main", "thread"]


@pytest.mark.skipif(not system_calls.HAS_OFD_LOCKS, reason="needs locks of open files")
def test_writers_get_the_names_in_the_order_of_their_waits(
    layout_dir: Path, root: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waits, "_PAUSE_IN_QUEUE", 60)
    order: list[int] = []

    def wait_for_it(number: int) -> None:
        with locks.names(root):
            order.append(number)

    threads = [threading.Thread(target=wait_for_it, args=(number,)) for number in range(5)]
    with locks.names(root):
        for number, thread in enumerate(threads, 1):
            thread.start()
            while blocked(layout_dir / ".lock") < number:
                assert thread.is_alive()
                time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def blocked(path: Path) -> int:
    """Count the requests for a lock on a file that wait in the kernel."""
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("->" in line and f":{path.stat().st_ino} " in line for line in lines)


@pytest.mark.skipif(not system_calls.HAS_OFD_LOCKS, reason="needs locks of open files")
def test_a_wait_that_was_given_up_holds_the_names_for_no_longer_than_its_turn(
    layout_dir: Path, root: int
) -> None:
    path = layout_dir / ".lock"
    with locks.names(root):
        given_up = os.open(path, os.O_RDWR)
        system_calls.queue_for_record_lock(given_up)
        while blocked(path) == 0:
            time.sleep(0.01)
        os.close(given_up)
        assert blocked(path) == 1
    with locks.names(root):
        pass
    while blocked(path) > 0:
        time.sleep(0.01)


def test_closing_another_descriptor_of_the_file_does_not_drop_the_lock(
    layout_dir: Path, root: int
) -> None:
    with locks.names(root):
        os.close(os.open(layout_dir / ".lock", os.O_RDWR))
        script = OPEN.format(str(layout_dir)) + (
            "from cachedb.layout import locks\n"
            "from cachedb.errors import CacheBusy\n"
            "try:\n"
            "    with locks.names(l._root, timeout=0): print('taken')\n"
            "except CacheBusy: print('busy')\n"
        )
        assert child.run(script) == "busy"


def test_the_lock_is_free_after_an_error(root: int) -> None:
    with pytest.raises(ZeroDivisionError), locks.names(root):
        raise ZeroDivisionError
    with locks.names(root, timeout=0):
        pass


def test_several_publish_at_once_and_none_while_a_sweep_runs(
    layout_dir: Path, private: int
) -> None:
    with holding_in_child(layout_dir, "publishing") as other:
        with locks.sharing(private, timeout=0):
            pass
        with (
            pytest.raises(CacheBusy, match=f"locked by process {other.pid} "),
            locks.excluding(private, timeout=0),
        ):
            pass
    with holding_in_child(layout_dir, "sweeping"):
        with pytest.raises(CacheBusy), locks.sharing(private, timeout=0):
            pass
        with pytest.raises(CacheBusy), locks.excluding(private, timeout=0):
            pass
    with locks.excluding(private, timeout=0):
        pass


def test_the_locks_of_names_and_of_the_sweep_are_independent(root: int, private: int) -> None:
    with locks.excluding(private), locks.names(root, timeout=0):
        pass


def test_a_flock_on_the_file_of_names_does_not_hinder_us(layout_dir: Path, root: int) -> None:
    with (layout_dir / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with locks.names(root, timeout=0):
            pass


def test_waiting_ends_when_the_other_lets_go(layout_dir: Path, root: int) -> None:
    with holding_in_child(layout_dir, "locking_names") as other:
        threading.Timer(0.05, other.let_go).start()
        with locks.names(root, timeout=30):
            pass


def test_the_message_says_how_long_we_have_waited(
    layout_dir: Path, root: int, monkeypatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", locks.LOCK_SECONDS.replace(value=0))
    with (
        holding_in_child(layout_dir, "locking_names"),
        pytest.raises(CacheBusy, match=r"\(waited 0 s\)"),
        locks.names(root),
    ):
        pass


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(
    layout_dir: Path, root: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`linuxkit cache clean` removes the whole folder, the lock included."""
    opened: list[int] = []

    def removing(descriptor: int) -> bool:
        if not opened:
            (layout_dir / ".lock").unlink()
        opened.append(descriptor)
        return True

    monkeypatch.setattr(locks, "_NAMES", locks._NAMES._replace(attempt=removing))
    with locks.names(root):
        assert (layout_dir / ".lock").exists()
    assert len(opened) == 2


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    "trap",
    [
        pytest.param(make_link, id="link"),
        pytest.param(os.mkfifo, id="fifo"),
        pytest.param(os.mkdir, id="directory"),
    ],
)
def test_a_lock_file_that_is_a_trap_is_refused(layout_dir: Path, root: int, trap) -> None:
    trap(layout_dir / ".lock")
    with pytest.raises(NotALayout, match="not a regular file"), locks.names(root):
        pass
    assert not (layout_dir / "elsewhere").exists()


def test_a_file_made_locked_is_never_seen_unlocked(private: int) -> None:
    descriptor = locks.make_locked(private, "new")
    other = os.open("new", os.O_RDWR, dir_fd=private)
    assert not try_flock(other)
    os.close(descriptor)
    assert try_flock(other)
    os.close(other)


def test_a_file_that_is_removed_before_we_have_its_lock_is_made_again(
    private: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, made = fcntl.flock, []

    def removing(descriptor: int, operation: int) -> None:
        if not made:
            os.unlink("new", dir_fd=private)
        made.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removing)
    descriptor = locks.make_locked(private, "new")
    assert os.path.samestat(os.fstat(descriptor), os.stat("new", dir_fd=private))
    os.close(descriptor)
