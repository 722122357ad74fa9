"""Modules that are executed when they are first used."""

import importlib.metadata
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cachedb.cli import deferred_modules, installed_version
from cachedb.cli.deferred_modules import defer
from tests.postgresql import Server


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
        "assert importlib.metadata.metadata('typer')['Name'] == 'typer'\n"
        "assert ipaddress.ip_address('::1').is_loopback\n"
        "assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout\n"
        "assert len(list(tokenize.tokenize(io.BytesIO(b'a = 1').readline))) == 6\n"
        "print(*[type(sys.modules[name]).__name__ for name in deferred_modules.NAMES])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["module"] * len(deferred_modules.NAMES)


@pytest.fixture
def package(folder: Path) -> Path:
    """A package that records its execution, and whose module `inner` needs `first` before it."""
    (folder / "lazy").mkdir()
    (folder / "lazy" / "__init__.py").write_text(
        "from . import first\nfrom .inner import n\nexecuted = sys = 'executed'\n"
    )
    (folder / "lazy" / "first.py").write_text("from . import inner\ndone = True\n")
    (folder / "lazy" / "inner.py").write_text(
        "import sys\nn = 3\norder = 'lazy.first' in sys.modules\n"
    )
    return folder


def test_modules_of_a_deferred_package_are_imported_without_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(deferred_modules._first, "lazy", "lazy.first")
    defer("lazy")
    from lazy import inner  # type: ignore[import-not-found]  # noqa: PLC0415

    assert (inner.n, inner.order) == (3, True)
    lazy: Any = sys.modules["lazy"]
    assert lazy.__file__ == str(package / "lazy" / "__init__.py")
    assert type(lazy) is not ModuleType
    assert lazy.inner is inner
    assert (lazy.executed, lazy.n) == ("executed", 3)
    assert type(lazy) is ModuleType
    assert lazy.inner is inner


def test_an_attribute_of_a_deferred_package_is_found_in_its_module(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del package
    found = {"lazy": {"n": "lazy.inner", "executed": "lazy.inner"}}
    monkeypatch.setattr(deferred_modules, "_FOUND_IN", found)
    defer("lazy")
    lazy: Any = sys.modules["lazy"]

    assert lazy.n == 3
    assert type(lazy) is not ModuleType
    assert lazy.executed == "executed"  # which the module has not: the package is executed
    assert type(lazy) is ModuleType
    with pytest.raises(AttributeError):
        lazy.no_such_attribute  # noqa: B018


def test_the_driver_works_in_full_after_it_was_imported_in_part(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, server.url().replace("+psycopg", "")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["module"] * len(deferred_modules.OF_DRIVER)


_DRIVER = """
import sys
from cachedb.cli import deferred_modules, installed_version
deferred_modules.defer(*deferred_modules.NAMES, *deferred_modules.OF_DRIVER)
from cachedb.catalog.server import adapters, catalog
from psycopg import errors, pq
from psycopg.connection import Connection
url = sys.argv[1]
with Connection.connect(url, context=adapters.of_catalog()) as connection:
    row = connection.execute("SELECT %s::INT8, %s::TEXT, TRUE, SUM(2::INT8), ARRAY['a']",
                             (1, "b")).fetchone()
assert row == (1, "b", 1, 2, ["a"]), row
unused = {"asyncio.base_events", "_ssl", "psycopg.connection_async",
          "psycopg.types.datetime", "psycopg.types.json", "uuid"}
loaded = {name for name in unused & set(sys.modules)}
assert not loaded, loaded

import asyncio, ctypes, datetime, importlib.metadata, psycopg, ssl
assert psycopg.__version__ == importlib.metadata.version("psycopg")
assert psycopg.Connection is Connection and psycopg.errors is errors and psycopg.pq is pq
today = datetime.date(2026, 1, 2)
with psycopg.connect(url) as connection:
    row = connection.execute("SELECT %s::DATE, TRUE, 1.5::NUMERIC, '[1]'::JSON, %s::INT4RANGE",
                             (today, psycopg.types.range.Range(1, 3))).fetchone()
assert (row[0], row[1], str(row[2]), row[3], row[4].upper) == (today, True, "1.5", [1], 3), row

async def ask():
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return await (await connection.execute("SELECT 7")).fetchone()

assert asyncio.run(ask()) == (7,)
for name in psycopg.__all__:
    assert getattr(psycopg, name) is not None or name
assert asyncio.Queue.__module__ == "asyncio.queues" and asyncio.Task is asyncio.tasks.Task
assert ssl.create_default_context().check_hostname and ctypes.c_int(3).value == 3
from ctypes.util import find_library
assert find_library("c")
print(*[type(sys.modules[name]).__name__ for name in deferred_modules.OF_DRIVER])
"""


def test_the_version_of_each_distribution_is_that_of_importlib() -> None:
    names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
    expected = {name: importlib.metadata.version(name) for name in names}

    assert {name: installed_version.version(name) for name in names} == expected
    assert installed_version._read("psycopg") == expected["psycopg"]
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        installed_version.version("no-such-distribution-of-test")


def test_the_first_distribution_of_the_path_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "Some_Thing-1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Name: some.thing\nVersion: 1.0\n\nVersion: 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_version.version("some-thing") == "1.0"

    (made / "METADATA").unlink()  # as importlib has it, whatever that is
    with pytest.raises((KeyError, importlib.metadata.PackageNotFoundError, AssertionError)):
        assert installed_version.version("some-thing") is not None


def _with(module: ModuleType, **attributes: object) -> ModuleType:
    vars(module).update(attributes)
    return module
