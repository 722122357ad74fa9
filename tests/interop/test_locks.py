"""linuxkit holds ``.lock`` with an fcntl write lock on the whole file: we have to see each other.

Its util/filelock_unix.go calls fcntl(F_SETLK) and F_SETLKW with F_WRLCK, whence 0, start 0,
length 0; Python's fcntl.lockf is the same call.
"""

import os
from pathlib import Path

import pytest

from cachedb.errors import CacheBusy
from cachedb.layout import Layout, locks
from tests.layout import child

AS_LINUXKIT = "import fcntl; f = open({!r}, 'a+'); fcntl.lockf(f, {})"


@pytest.fixture
def lock(layout_dir: Path) -> Path:
    return layout_dir / ".lock"


def test_a_linuxkit_that_holds_the_lock_blocks_us_and_is_named(
    layout_dir: Path, lock: Path
) -> None:
    with (
        child.holding(AS_LINUXKIT.format(str(lock), "fcntl.LOCK_EX")) as linuxkit,
        Layout.open(layout_dir) as layout,
    ):
        with pytest.raises(CacheBusy) as caught, locks.names(layout._root, timeout=0):
            pass
        assert f"locked by process {linuxkit.pid} " in str(caught.value)
        linuxkit.kill()
        with locks.names(layout._root, timeout=0):
            pass


def test_we_block_a_linuxkit(layout_dir: Path, lock: Path) -> None:
    attempt = (
        "try:\n    "
        + AS_LINUXKIT.format(str(lock), "fcntl.LOCK_EX | fcntl.LOCK_NB")
        + "\nexcept BlockingIOError:\n    print('blocked')\nelse:\n    print('free')"
    )
    with Layout.open(layout_dir) as layout:
        with layout.locking_names():
            assert child.run(attempt) == "blocked"
        assert child.run(attempt) == "free"


def test_a_linuxkit_that_waits_gets_the_lock_when_we_let_go(layout_dir: Path, lock: Path) -> None:
    with Layout.open(layout_dir) as layout:
        with layout.locking_names():
            waiting = child.start(AS_LINUXKIT.format(str(lock), "fcntl.LOCK_EX"))
            assert waiting.poll() is None
        assert waiting.wait(timeout=30) == 0


def test_the_lock_file_is_one_that_linuxkit_can_open(layout_dir: Path, lock: Path) -> None:
    before = os.umask(0o022)
    try:
        with Layout.open(layout_dir) as layout, layout.locking_names():
            assert lock.stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)
    assert lock.exists()
    assert lock.stat().st_size == 0
