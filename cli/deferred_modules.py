"""Modules that dependencies import, and that few commands use."""

from __future__ import annotations

import sys
from _thread import RLock
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("bz2", "importlib.metadata", "ipaddress", "lzma", "subprocess", "tokenize")
"""A tenth of the processor time of `import typer`, and a twentieth of that of SQLAlchemy.

inspect, pathlib, shutil, SQLAlchemy and typer import them, and use them in functions that few
commands call.
"""
OF_DRIVER: Final = ("asyncio", "ctypes", "ctypes.util", "psycopg", "ssl")
"""More than half of the processor time of `import psycopg`.

Its package imports the variants of each class for asyncio and the adapters of all types, of which
a catalog uses neither; its libpq imports ssl for the callbacks that OpenSSL had before 1.1.
"""
_FOUND_IN: Final[Mapping[str, Mapping[str, str]]] = {
    # Names that the modules of psycopg import from the package.
    "asyncio": {
        "CancelledError": "asyncio.exceptions", "Event": "asyncio.locks",
        "Future": "asyncio.futures", "Lock": "asyncio.locks", "Queue": "asyncio.queues",
        "Task": "asyncio.tasks", "TimeoutError": "asyncio.exceptions",
        "get_event_loop": "asyncio.events", "get_running_loop": "asyncio.events",
        "sleep": "asyncio.tasks", "to_thread": "asyncio.threads", "wait_for": "asyncio.tasks",
    },
    "importlib.metadata": {"version": "cachedb.cli.installed_version"},
}  # fmt: skip
"""Modules in which attributes of a deferred package are found without executing it."""
_first: Final = {"psycopg": "psycopg.pq"}
"""Module that a package has to import before its others, until it is imported."""
_SET_BY_IMPORT: Final = frozenset({
    "__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__",
})  # fmt: skip
"""Attributes that a module has before it is executed; import statements read some of them."""
_read = object.__getattribute__
_absent = object()


class _DeferredModule(ModuleType):
    """A module in sys.modules that is executed when one of its attributes is first read.

    Threads that read an attribute meanwhile wait until the module is complete, which those of
    `importlib.util.LazyLoader` do not before Python 3.12.3; there, a second import statement reads
    an attribute, too.
    """

    def __getattribute__(self, name: str) -> Any:
        if name not in _SET_BY_IMPORT:
            _execute(self)
        return _read(self, name)


class _DeferredPackage(_DeferredModule):
    """A package whose modules can be imported, also as its attributes, without executing it.

    Two threads that are the first to import from it may wait for each other: one executes it and
    needs a module that the other is importing.
    """

    def __getattribute__(self, name: str) -> Any:
        if name == "__path__":  # of which an import of each of its modules begins
            _import_first(_read(self, "__name__"))
        elif not name.startswith("__"):
            found = _of_package(self, name)
            if found is not _absent:
                return found
        return super().__getattribute__(name)


def _import_first(package: str) -> None:
    if module := _first.pop(package, None):
        import_module(module)


def _of_package(package: ModuleType, name: str) -> Any:
    """Return an attribute that needs no execution of the package: a module, or from one."""
    bound = _read(package, "__dict__").get(name, _absent)
    if bound is not _absent:
        return bound
    own = _read(package, "__name__")
    if module := _FOUND_IN.get(own, {}).get(name):
        return getattr(import_module(module), name, _absent)
    path = f"{own}.{name}"
    return _absent if find_spec(path) is None else import_module(path)


_locks: dict[str, RLock] = {}
_executing: set[str] = set()


def defer(*names: str) -> None:
    """Execute modules when they are first used; imported and absent ones stay unchanged.

    Errors of a deferred import are raised by the first use of the module.
    """
    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            module = module_from_spec(spec)
            is_package = spec.submodule_search_locations is not None
            module.__class__ = _DeferredPackage if is_package else _DeferredModule
            _locks[name] = RLock()
            sys.modules[name] = module
            package, _, last = name.rpartition(".")
            if package:
                setattr(sys.modules[package], last, module)


def _execute(module: ModuleType) -> None:
    spec: Any = _read(module, "__spec__")
    with _locks[spec.name]:
        if not isinstance(module, _DeferredModule) or spec.name in _executing:
            return  # another thread has executed it, or this one is in the middle of it
        _executing.add(spec.name)
        try:
            spec.loader.exec_module(module)
            object.__setattr__(module, "__class__", ModuleType)
        finally:
            _executing.remove(spec.name)
