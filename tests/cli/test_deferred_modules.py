"""Modules that are executed when they are first used."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cachedb.cli import deferred_modules
from cachedb.cli.deferred_modules import defer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of modules; what a test imports from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_deferred_module_is_executed_by_its_first_use(folder: Path) -> None:
    trace: list[str] = []
    sys.modules["trace_of_test"] = _with(ModuleType("trace_of_test"), trace=trace)
    (folder / "used_late.py").write_text("import trace_of_test\ntrace_of_test.trace += 'x'\nn = 7")
    defer("used_late")
    import used_late  # type: ignore[import-not-found]  # noqa: PLC0415
    import used_late as again  # noqa: PLC0415

    assert trace == []
    assert (used_late.n, again.n, used_late.__name__) == (7, 7, "used_late")
    assert trace == ["x"]
    assert type(used_late) is ModuleType


def test_a_deferred_submodule_is_an_attribute_of_its_package(folder: Path) -> None:
    (folder / "outer").mkdir()
    (folder / "outer" / "__init__.py").write_text("")
    (folder / "outer" / "inner.py").write_text("n = 3")
    defer("outer.inner")
    import outer.inner  # type: ignore[import-not-found]  # noqa: PLC0415
    from outer import inner  # noqa: PLC0415

    assert (outer.inner.n, inner.n) == (3, 3)


def test_a_module_that_is_imported_is_not_deferred(folder: Path) -> None:
    (folder / "used_early.py").write_text("n = 1")
    import used_early  # type: ignore[import-not-found]  # noqa: PLC0415

    defer("used_early", "no_such_module")
    assert sys.modules["used_early"] is used_early
    assert type(used_early) is ModuleType
    assert "no_such_module" not in sys.modules


def test_a_thread_waits_while_another_executes_a_deferred_module(folder: Path) -> None:
    reading = threading.Event()
    sys.modules["event_of_test"] = _with(ModuleType("event_of_test"), reading=reading)
    (folder / "slow.py").write_text(
        "import sys\n"
        "first = 1\n"
        "import event_of_test\n"
        "assert event_of_test.reading.wait(60)\n"
        "last = sys.modules['slow'].first + 1\n"  # a module may look itself up
    )
    defer("slow")
    module: Any = sys.modules["slow"]

    def read_last() -> int:
        reading.set()
        return int(module.last)

    with ThreadPoolExecutor(2) as pool:
        executing = pool.submit(lambda: module.first)
        waiting = pool.submit(read_last)
    assert (executing.result(), waiting.result()) == (1, 2)


def test_the_error_of_a_deferred_module_is_raised_by_each_use(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_module_of_test")
    defer("broken")
    import broken  # type: ignore[import-not-found]  # noqa: PLC0415

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_of_test"):
            assert broken.name


def test_the_deferred_modules_of_the_program_work_when_they_are_used() -> None:
    code = (
        "import io, sys\n"
        "from cachedb.cli import deferred_modules\n"
        "deferred_modules.defer(*deferred_modules.NAMES)\n"
        "import bz2, importlib.metadata, ipaddress, lzma, subprocess, tokenize\n"
        "import typer, shutil, inspect, traceback\n"
        "loaded = {'_bz2', '_lzma', 'email', 'selectors'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert bz2.decompress(bz2.compress(b'a')) == b'a'\n"
        "assert lzma.decompress(lzma.compress(b'a')) == b'a'\n"
        "assert importlib.metadata.version('typer')\n"
        "assert ipaddress.ip_address('::1').is_loopback\n"
        "assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout\n"
        "assert len(list(tokenize.tokenize(io.BytesIO(b'a = 1').readline))) == 6\n"
        "print(*[type(sys.modules[name]).__name__ for name in deferred_modules.NAMES])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["module"] * len(deferred_modules.NAMES)


def _with(module: ModuleType, **attributes: object) -> ModuleType:
    vars(module).update(attributes)
    return module
